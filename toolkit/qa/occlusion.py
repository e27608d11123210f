"""Whether people who are hidden in part are drawn wrongly: arrays in, numbers out.

The paper looked at 750 clips by hand and found an occlusion failure in 2.8% of them: a mesh over
the thing that hid the person, a mesh that shakes or is gone for a moment, two people made into one.
Each check measures one of these on one frame; ``occlusion_scores`` makes one number of them all.
They are about quality: whether anybody is left to see is what ``toolkit.qa.privacy`` asks.

Shape suffixes: T frames, H height, W width.
"""

from collections.abc import Mapping, Sequence
from math import exp, nan

import numpy as np

from toolkit.m2m.masks import decode_rle
from toolkit.m2m.track import iou_of_boxes
from toolkit.m2m.types import Array, BodyMotion, Track
from toolkit.qa.checks import Reading, as_box

WEIGHTS = {
    "unseen_joints": 1.0,
    "stray_mesh": 5.0,
    "mesh_off_mask": 2.7,
    "mesh_jitter": 8.0,
    "vanished_meshes": 1.0,
    "merged_people": 1.0,
}
"""Of each check in the log-odds of ``occlusion_scores``. Set by hand on three clips of actors, two
of them with an error: 1 over the value that parts these (for 1.0: none does); of jitter less, as
it marked somebody who waves. Too few to fit any; ``benchmarks.stages.occlusion_fit`` fits them when
there are more."""
BIAS = -3.7
WINDOW_FRAMES = 9
"""So many frames are judged together: half a second or less, because a fault that lasts for one
frame is seldom seen."""

_OPAQUE = 128
_NEAR_FRAMES = 15
"""Who is drawn so shortly before and so shortly after was not away between."""


def unseen_joints(tracks: Sequence[Track], motions: Sequence[BodyMotion], index: int) -> Reading:
    """Share of a person's 22 body joints that were not seen in a frame: of the worst person.

    Their mesh follows a guess there. Who surely is there and is not drawn counts as unseen.

    Args:
        tracks: of the clip.
        motions: those of the people who are drawn.
        index: the frame.

    Returns:
        0 to 1; 0 where nobody is.
    """
    seen = {
        motion.track_id: observed_J
        for motion in motions
        for observed_J in motion.observed_TJ[motion.frames_T == index]
    }
    return max(
        (
            Reading(
                1 - float(np.mean(seen.get(track.track_id, 0.0))),
                as_box(track.frames[index].box_xyxy),
            )
            for track in tracks
            if track.is_sure and index in track.frames
        ),
        default=Reading(0.0),
    )


def stray_mesh(coverage_HW: Array, person_HW: Array) -> Reading:
    """Share of the meshes that lies over what was no person: perhaps what stood before them.

    Args:
        coverage_HW: uint8 alpha of all meshes.
        person_HW: where people were seen; non-zero is inside.

    Returns:
        0 to 1; 0 without a mesh. The box is that of the largest such part.
    """
    mesh_HW = coverage_HW >= _OPAQUE
    stray_HW = mesh_HW & (person_HW == 0)
    return _share(stray_HW, mesh_HW)


def mesh_off_mask(coverage_HW: Array, person_HW: Array) -> Reading:
    """1 - intersection over union of all meshes and all people in a frame.

    Args:
        coverage_HW: uint8 alpha of all meshes.
        person_HW: where people were seen; non-zero is inside.

    Returns:
        0 to 1; 0 where nobody is and nobody is drawn.
    """
    mesh_HW, seen_HW = coverage_HW >= _OPAQUE, person_HW != 0
    return _share(mesh_HW ^ seen_HW, mesh_HW | seen_HW)


def mesh_jitter(coverage_THW: Sequence[Array]) -> Reading:
    """Share of the meshes that flips: there, gone and there again within three frames, or reverse.

    Movement goes on in one direction and flips hardly a pixel, shaking does.

    Args:
        coverage_THW: uint8 alpha of all meshes in the frame before, the frame, and the frame after.

    Returns:
        0 to 1, of what any of the three covers; 0 without a mesh.
    """
    before_HW, now_HW, after_HW = (coverage_HW >= _OPAQUE for coverage_HW in coverage_THW)
    flips_HW = (now_HW ^ before_HW) & (now_HW ^ after_HW)
    return _share(flips_HW, before_HW | now_HW | after_HW)


def vanished_meshes(tracks: Sequence[Track], motions: Sequence[BodyMotion], index: int) -> Reading:
    """Number of people who are not drawn in a frame, but shortly before and shortly after.

    It is the same person after if they have the same track, or stand where the other one stood:
    somebody lost and found again is often taken for somebody new.

    Args:
        tracks: of the clip.
        motions: those of the people who are drawn.
        index: the frame.

    Returns:
        0 and up; NaN where somebody is drawn who has no sighting there, so that nobody knows where.
    """
    places = {(track.track_id, i): item for track in tracks for i, item in track.frames.items()}
    lost, found = [], []
    for motion in motions:
        steps_T = motion.frames_T - index
        if (steps_T == 0).any():
            continue
        earlier_T = motion.frames_T[(steps_T < 0) & (steps_T >= -_NEAR_FRAMES)]
        later_T = motion.frames_T[(steps_T > 0) & (steps_T <= _NEAR_FRAMES)]
        lost += [(motion.track_id, i) for i in earlier_T[-1:].tolist()]
        found += [(motion.track_id, i) for i in later_T[:1].tolist()]
    if not {*lost, *found} <= places.keys():
        return Reading(nan)
    gone = [
        places[before].box_xyxy
        for before in lost
        if any(
            before[0] == after[0]
            or iou_of_boxes(places[before].box_xyxy, places[after].box_xyxy) > 0
            for after in found
        )
    ]
    return Reading(len(gone), as_box(gone[0])) if gone else Reading(0.0)


def merged_people(tracks: Sequence[Track], index: int) -> Reading:
    """Share of two people's larger outline that is in both: of the worst two.

    Nobody sees two people in one pixel, so what two outlines share is one person in both. And who
    is gone in the next frame, or was not there in the frame before, may be a part of another's
    outline there: what that one has there and has not now. It is a share of the larger one, because
    the last that is seen of somebody who goes behind another is little.

    Args:
        tracks: of the clip.
        index: the frame.

    Returns:
        0 to 1; 0 where nobody is near anybody.
    """
    before, now, after = (_outlines(tracks, near) for near in (index - 1, index, index + 1))
    readings = [Reading(0.0)]
    for track_id, own_HW in now.items():
        nobody_HW = np.zeros_like(own_HW)
        taken = [(own_HW & now[k], now[k]) for k in now if k != track_id]
        for near in (before, after):
            if track_id not in near:
                taken += [(own_HW & near[k] & ~now.get(k, nobody_HW), near[k]) for k in near]
        for taken_HW, other_HW in taken:
            readings.append(_share(taken_HW, max(own_HW, other_HW, key=np.count_nonzero)))
    return max(readings)


def occlusion_scores(rows: Sequence[Mapping[str, Reading]]) -> list[Reading]:
    """Return, for each frame, how likely a person is to find an occlusion failure around it.

    The logistic function of the weighted means of all checks over the frames around it.

    Args:
        rows: for each frame, check to reading; those in ``WEIGHTS`` are read.

    Returns:
        0 to 1, each with the box of the check that adds most in its frame. NaN where a reading is
        no number.
    """
    if not rows:
        return []
    odds_T = np.full(len(rows), BIAS)
    for name, weight in WEIGHTS.items():
        odds_T += weight * smooth(np.array([row[name] for row in rows]))
    scores = []
    for odds, row in zip(odds_T, rows, strict=True):
        most = max(WEIGHTS, key=lambda name: WEIGHTS[name] * row[name])
        scores.append(Reading(1 / (1 + exp(-odds)), row[most].box_xyxy))
    return scores


def smooth(values_T: Array) -> Array:
    """Return means over ``WINDOW_FRAMES`` around each frame; fewer at the ends of the clip."""
    window = np.ones(min(WINDOW_FRAMES, len(values_T)))
    sums_T = np.convolve(values_T, window, "same")
    return np.asarray(sums_T / np.convolve(np.ones(len(values_T)), window, "same"))


def _share(part_HW: Array, whole_HW: Array) -> Reading:
    num_px = np.count_nonzero(whole_HW)
    if not num_px:
        return Reading(0.0)
    return Reading(np.count_nonzero(part_HW) / num_px, Reading.of_largest_part(part_HW).box_xyxy)


def _outlines(tracks: Sequence[Track], index: int) -> dict[int, Array]:
    """Track id to the mask [H, W] bool of everybody who surely is there."""
    return {
        track.track_id: decode_rle(track.frames[index].mask)
        for track in tracks
        if track.is_sure and index in track.frames
    }
