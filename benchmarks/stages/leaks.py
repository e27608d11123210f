"""Leaks planted on purpose into a run: what the stages let through, and what they know of it.

Most are failures of the mask stage, and the gate must not learn of them from what that stage would
not have known:

- ``drop_N``: mask, outline, sighting and every sign of one person are gone for N frames.
- ``erode_N``: in all frames the final mask is N px smaller than the person is, and the outline,
  from which the mask was dilated, is smaller by 4 px more. Sightings and signs stay.
- ``limb``: for half a second an arm or a leg is in no mask and no outline. Signs of a hand there
  are gone, those of the body stay.
- ``shadow``, ``mirror``, ``second_person`` (small, and the same one going through the clip
  backwards): from end to end in the scene, and in no mask. What moves before a still camera and
  belongs to nobody is measured again, by the mask stage's own code.
- ``unfilled``, ``undrawn``: masks are right, but for two frames one person is left in the empty
  scene, or is left in the result where their mesh should be, and the empty scene is clean.

What is not masked, the inpainter leaves as it is in the source. Meshes are drawn as in the clean
run, because poses are interpolated over short holes, and hide what is behind them.

Shape suffixes: P people, T frames, H height, W width, C colours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from benchmarks.stages.intruders import INTRUDERS, Intruder
from benchmarks.stages.limbs import LIMBS, limb_HW
from benchmarks.stages.run import ClipRun
from toolkit.frames import FrameStore
from toolkit.gate import Anonymized
from toolkit.m2m.background import Background
from toolkit.m2m.foreground import add_foreground
from toolkit.m2m.masks import decode_rle
from toolkit.m2m.types import Array, Evidence, People, PersonFrame

DROPS = ("drop_1", "drop_2", "drop_5")
EROSIONS = ("erode_2", "erode_5", "erode_10")
FAULTS = ("unfilled", "undrawn")
KINDS = (*DROPS, *EROSIONS, "limb", *INTRUDERS, *FAULTS)
_NUM_FRAMES = {"drop_1": 1, "drop_2": 2, "drop_5": 5, "unfilled": 2, "undrawn": 2}

_DILATION_PX = 4
_MIN_HEIGHT_PX, _MAX_OCCLUSION = 45, 0.5
"""A leak is of somebody who is taller than that and less hidden in each of its frames."""
_MIN_LEAK_PX, _MIN_STEP = 30, 10
"""A leak changes so many pixels of what it lets through by so many levels of 255, in one frame at
least: background that is no longer masked is no leak."""


@dataclass(frozen=True)
class Leak:
    """A run with a leak in it, and the frames that differ from the clean run's."""

    done: Anonymized
    frames: Sequence[int]


@dataclass(frozen=True)
class _Parts:
    """What a leak changes of some frames, by index; what is missing stays as it is.

    ``unfilled`` and ``undrawn`` are where the source is left in the empty scene and in the result.
    """

    people: People
    sources: Mapping[int, Array] = field(default_factory=dict)
    masks: Mapping[int, Array] = field(default_factory=dict)
    cores: Mapping[int, Array] = field(default_factory=dict)
    unfilled: Mapping[int, Array] = field(default_factory=dict)
    undrawn: Mapping[int, Array] = field(default_factory=dict)


def plant(kind: str, run: ClipRun, rng: np.random.Generator) -> Leak | None:
    """Plant one leak of one of ``KINDS``.

    Returns:
        None where nobody is seen well enough for it, or hardly any of it shows beside the mesh.
    """
    num_frames = round(run.fps / 2) if kind == "limb" else _NUM_FRAMES.get(kind)
    place = _choose(run, num_frames, rng)
    if place is None:
        return None
    person, frames = place
    if kind in DROPS:
        parts = _drop(run, person, frames)
    elif kind in EROSIONS:
        parts = _erode(run, person, frames, int(kind.removeprefix("erode_")))
    elif kind == "limb":
        order = (LIMBS[i] for i in rng.permutation(len(LIMBS)))
        leaks = (_carry(run, _miss_limb(run, person, frames, limb)) for limb in order)
        return next((leak for leak in leaks if leak), None)
    elif kind in FAULTS:
        owns = {index: _own_HW(run, person, index) for index in frames}
        undrawn = {i: own_HW & (run.done.coverage[i] != 0) for i, own_HW in owns.items()}
        where = {"unfilled": owns} if kind == "unfilled" else {"undrawn": undrawn}
        parts = _Parts(run.done.people, **where)
    else:
        parts = _intrude(run, frames, Intruder(kind, run, person, rng))
    return _carry(run, parts)


def _choose(
    run: ClipRun, num_frames: int | None, rng: np.random.Generator
) -> tuple[int, Sequence[int]] | None:
    """Choose somebody, and so many frames in a row in which they are well seen; None means all."""
    truth = run.truth
    heights_PT = truth.visible_PTHW.any(3).sum(2)
    fit_PT = (heights_PT >= _MIN_HEIGHT_PX) & (truth.occlusion_PT <= _MAX_OCCLUSION)
    if num_frames is None:
        places = [(p, np.flatnonzero(fit_T).tolist()) for p, fit_T in enumerate(fit_PT)]
    else:
        places = [
            (p, list(range(start, start + num_frames)))
            for p, fit_T in enumerate(fit_PT)
            for start in range(run.num_frames - num_frames + 1)
            if fit_T[start : start + num_frames].all()
        ]
    places = [place for place in places if place[1]]
    return places[rng.integers(len(places))] if places else None


def _drop(run: ClipRun, person: int, frames: Sequence[int]) -> _Parts:
    people = run.done.people
    owns = {index: _own_HW(run, person, index) for index in frames}

    def is_lost(index: int, item: PersonFrame) -> bool:
        return index in owns and _belongs(run, person, index, decode_rle(item.mask))

    def is_unseen(index: int, sign: Evidence) -> bool:
        return index in owns and _belongs(run, person, index, _box_HW(run, sign))

    tracks = [
        replace(track, frames={i: item for i, item in track.frames.items() if not is_lost(i, item)})
        for track in people.tracks
    ]
    masks = {i: np.where(own_HW, 0, people.masks[i]) for i, own_HW in owns.items()}
    cores = {i: np.where(own_HW, 0, people.cores[i]) for i, own_HW in owns.items()}
    tracks = [track for track in tracks if track.frames]
    people = replace(_without_signs(people, is_unseen), tracks=tracks)
    return _Parts(people, masks=masks, cores=cores)


def _erode(run: ClipRun, person: int, frames: Sequence[int], num_px: int) -> _Parts:
    people, masks, cores = run.done.people, {}, {}
    for index in frames:
        own_HW = _own_HW(run, person, index)
        visible_HW = run.truth.visible_PTHW[person, index]
        lost_HW = own_HW & ~_shrunk(visible_HW, num_px)
        unsure_HW = own_HW & ~_shrunk(visible_HW, num_px + _DILATION_PX)
        masks[index] = np.where(lost_HW, 0, people.masks[index])
        cores[index] = np.where(unsure_HW, 0, people.cores[index])
    return _Parts(people, masks=masks, cores=cores)


def _miss_limb(run: ClipRun, person: int, frames: Sequence[int], limb: str) -> _Parts:
    truth, people = run.truth, run.done.people
    masks, cores, limbs = {}, {}, {}
    for index in frames:
        visible_HW = truth.visible_PTHW[person, index]
        joints_J3 = truth.joints_PTJ3[person, index]
        limbs[index] = limb_HW(visible_HW, joints_J3, truth.camera_4, limb)
        kept_HW = _grown(visible_HW & ~limbs[index], _DILATION_PX)
        lost_HW = _own_HW(run, person, index) & ~kept_HW
        masks[index] = np.where(lost_HW, 0, people.masks[index])
        cores[index] = np.where(limbs[index], 0, people.cores[index])

    def is_unseen(index: int, sign: Evidence) -> bool:
        if index not in limbs or sign.kind != "hand":
            return False
        box_HW = _box_HW(run, sign)
        num_seen_px = np.count_nonzero(truth.visible_PTHW[person, index] & box_HW)
        return bool(2 * np.count_nonzero(limbs[index] & box_HW) > num_seen_px)

    return _Parts(_without_signs(people, is_unseen), masks=masks, cores=cores)


def _intrude(run: ClipRun, frames: Sequence[int], intruder: Intruder) -> _Parts:
    sources = {index: intruder.draw(index) for index in frames}
    outlines = FrameStore(run.done.people.masks.frame_shape)
    for index in range(run.num_frames):
        outlines.append(run.outline_HW(index).astype(np.uint8) * 255)
    _, unexplained = add_foreground(Background(_changed(run.clip.frames, sources), outlines))
    return _Parts(replace(run.done.people, unexplained=unexplained), sources=sources)


def _own_HW(run: ClipRun, person: int, index: int) -> Array:
    """Where the final mask is one person's: theirs, its dilation, and no one else's."""
    visible_PHW = run.truth.visible_PTHW[:, index]
    others_HW = np.asarray(np.delete(visible_PHW, person, axis=0).any(0))
    own_HW = _grown(visible_PHW[person], 2 * _DILATION_PX)
    return np.asarray(run.mask_HW(index) & own_HW & ~_grown(others_HW, _DILATION_PX))


def _belongs(run: ClipRun, person: int, index: int, area_HW: Array) -> bool:
    """Whether an area shows more of this person than of anybody else."""
    num_P = np.count_nonzero(run.truth.visible_PTHW[:, index] & area_HW, axis=(1, 2))
    return bool(num_P[person] > 0 and num_P.argmax() == person)


def _box_HW(run: ClipRun, sign: Evidence) -> Array:
    inside_HW = np.zeros(run.clip.frames.frame_shape[:2], bool)
    x0, y0, x1, y1 = np.maximum(np.round(sign.box_xyxy), 0).astype(int)
    inside_HW[y0:y1, x0:x1] = True
    return inside_HW


def _without_signs(people: People, is_unseen: Callable[[int, Evidence], bool]) -> People:
    evidence = [
        [sign for sign in row if not is_unseen(index, sign)]
        for index, row in enumerate(people.evidence)
    ]
    return replace(people, evidence=evidence)


def _grown(mask_HW: Array, num_px: int) -> Array:
    return np.asarray(cv2.dilate(mask_HW.astype(np.uint8), _disc(num_px)) != 0)


def _shrunk(mask_HW: Array, num_px: int) -> Array:
    return np.asarray(cv2.erode(mask_HW.astype(np.uint8), _disc(num_px), borderValue=1) != 0)


def _disc(radius_px: int) -> Array:
    side_px = 2 * radius_px + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side_px, side_px)))


def _carry(run: ClipRun, parts: _Parts) -> Leak | None:
    """Carry what was missed through inpainter and renderer."""
    done = run.done
    people = replace(
        parts.people,
        masks=_changed(done.people.masks, parts.masks),
        cores=_changed(done.people.cores, parts.cores),
    )
    source = _changed(done.clip.frames, parts.sources)
    frames = sorted({*parts.sources, *parts.masks, *parts.unfilled, *parts.undrawn})
    nowhere_HW = np.zeros(source.frame_shape[:2], bool)
    backgrounds, results, most_px = {}, {}, 0
    for index in frames:
        filled_HW = (people.masks[index] != 0) & ~parts.unfilled.get(index, nowhere_HW)
        backgrounds[index] = np.where(filled_HW[..., None], done.background[index], source[index])
        step_HWC = backgrounds[index].astype(np.float32) - done.background[index]
        step_HWC *= 1 - done.coverage[index][..., None].astype(np.float32) / 255
        drawn_HWC = np.clip(np.rint(done.result[index] + step_HWC), 0, 255).astype(np.uint8)
        undrawn_HW1 = parts.undrawn.get(index, nowhere_HW)[..., None]
        results[index] = np.where(undrawn_HW1, source[index], drawn_HWC)
        somebody_HW = run.visible_HW(index) | (source[index] != done.clip.frames[index]).any(2)
        is_changed_HW = cv2.absdiff(results[index], done.result[index]).max(2) >= _MIN_STEP
        most_px = max(most_px, int(np.count_nonzero(somebody_HW & is_changed_HW)))
    if most_px < _MIN_LEAK_PX:
        return None
    leaky = replace(
        done,
        clip=replace(done.clip, frames=source),
        people=people,
        background=_changed(done.background, backgrounds),
        result=_changed(done.result, results),
    )
    return Leak(leaky, frames)


def _changed(store: FrameStore, frames: Mapping[int, Array]) -> FrameStore:
    """Return a copy with other frames at some indices; the store itself where there are none."""
    if not frames:
        return store
    changed = FrameStore(store.frame_shape, store.dtype)
    for index, frame in enumerate(store):
        changed.append(frames.get(index, frame))
    return changed
