"""Every check on one clip, as it was written: what decides between released and quarantined.

The detectors look at the released frames with the meshes taken off again, at square pixels, and at
the source, for what no mask covers.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import inf

import cv2
import numpy as np

from toolkit import models
from toolkit.adapters.detectors import (
    NUM_TILES,
    BodyDetectors,
    CenterFace,
    face_detector,
    palm_detector,
)
from toolkit.adapters.landmarks import HandLandmarker, PoseLandmarker, Region, steady_presence
from toolkit.adapters.text import TextDetector
from toolkit.frames import FrameStore, map_frames
from toolkit.m2m.background import Background
from toolkit.m2m.shadows import Shadows
from toolkit.m2m.types import Array, BodyMotion, Evidence, People
from toolkit.m2m.views import view_size
from toolkit.qa.checks import Check, Limit, Reading, as_box
from toolkit.qa.colour import colour_share
from toolkit.qa.flash import flash_share
from toolkit.qa.integrity import find_side_data
from toolkit.qa.left import left_behind_share
from toolkit.qa.occlusion import (
    merged_people,
    mesh_jitter,
    mesh_off_mask,
    occlusion_scores,
    stray_mesh,
    unseen_joints,
    vanished_meshes,
)
from toolkit.qa.privacy import (
    lost_people,
    show_different_things,
    surviving_share,
    uncovered_score,
    undrawn_share,
    unresolved_score,
    without_meshes,
)
from toolkit.qa.shadows import shadow_share
from toolkit.qa.skin import learn_skin, skin_share
from toolkit.video import DecodedClip

LOOK_MODELS = (
    "centerface",
    "face_detection_full_range_sparse",
    "hand_landmark_full",
    "movenet_multipose",
    "nanodet",
    "palm_detection_full",
    "pose_landmark_full",
)
"""Weights of the detectors that look for people who are left, whatever the profile."""
CHECK_MODELS = (*LOOK_MODELS, "text_detection")
"""Weights the checks need."""

_LOWEST_SCORE, _TEXT_SCORE = 0.2, 0.6
_MIN_HAND_PRESENCE = 0.01
"""Below it the landmark network is sure that a palm is none. Of 223 palms of real hands it told so
of 6, most of them far away; of 43 folds of curtains, clothes and bedding, of all."""
_FAINT_SCORE, _MIN_PRESENCE, _MIN_STEADY_PRESENCE = 0.15, 0.9, 0.5
"""A body too faint for a detector counts where the pose network is this sure that one is there, and
does not take it back when it looks again from nearer, from farther, to the side and in the mirror.
Of 228 real people it was sure of, it took back 3 in 100; of 16 things, 10."""
_LOOK_EVERY_FRAMES = 8
"""So often the whole frame and all tiles are looked at; frames between that show nothing new are
not, because their scores are the same."""
_SUSPECT_EVERY_FRAMES = 4
_FRAMES_AT_HAND = 64
"""Frames without their meshes that are kept: those around the ones that all threads look at."""
_SUSPECT_SHARE = 0.9
"""Of a check's limit. What scores more in the empty background is suspected already, because
encoding moves scores: near the limits by 0.06 down and 0.02 up. With 0.8, a bedpost that every
check let pass was removed too, and the clip failed for a shadow."""
_SHARES = {"unresolved_people"}
"""Checks of how many frames, not of the worst one."""
SIGNS = {"faces": "face", "hands": "hand", "people": "person", "small_people": "tile"}
"""Checks of what detectors see of the released frames, by the kind of sign."""
_MORE_SIGNS = {"faces_blazeface": "blazeface"}
"""The same, for detectors whose word is not enough to remove what they see."""


@dataclass(frozen=True)
class Anonymized:
    """The results of the steps at working size; ``coverage`` [T, H, W] is the meshes' alpha."""

    clip: DecodedClip
    people: People
    background: FrameStore
    motions: Sequence[BodyMotion]
    coverage: FrameStore
    result: FrameStore

    @cached_property
    def source_background(self) -> Background:
        """What of the source shows the scene."""
        return Background(self.clip.frames, self.people.masks)

    @cached_property
    def still_scene(self) -> tuple[Array, Array] | None:
        """The scene as its free pixels show it, and where; None where the camera moves."""
        return self.source_background.still_picture()

    @cached_property
    def skin_N(self) -> Array:
        """Which colours are the skin of these people (``learn_skin``)."""
        return learn_skin(self.clip.frames, self.people)


class Watchers:
    """The detectors that look for people who are left.

    Args:
        shape_HW: of the clip's frames.
        pixel_aspect: width of their pixels over the height.
    """

    def __init__(self, shape_HW: tuple[int, ...], pixel_aspect: float) -> None:
        self._size = view_size(shape_HW, pixel_aspect)
        self._scale_xyxy = np.tile([shape_HW[1] / self._size[0], shape_HW[0] / self._size[1]], 2)
        self._faces = CenterFace(models.locate("centerface"))
        self._blazefaces = face_detector(models.locate("face_detection_full_range_sparse"))
        self._hands = palm_detector(models.locate("palm_detection_full"))
        self._hand = HandLandmarker(models.locate("hand_landmark_full"))
        self._pose = PoseLandmarker(models.locate("pose_landmark_full"))
        self._bodies = BodyDetectors(models.locate("nanodet"), models.locate("movenet_multipose"))

    @cached_property
    def _text(self) -> TextDetector:
        return TextDetector(models.locate("text_detection"))

    def faces(self, frame_HWC: Array) -> list[Evidence]:
        """Return faces in frame pixels."""
        view = cv2.resize(frame_HWC, self._size, interpolation=cv2.INTER_AREA)
        return [
            self._sign("face", face.box_xyxy, face.score)
            for face in self._faces.detect(view, _LOWEST_SCORE)
        ]

    def blazefaces(self, frame_HWC: Array) -> list[Evidence]:
        """Return faces in frame pixels as a detector of another family sees them."""
        view = cv2.resize(frame_HWC, self._size, interpolation=cv2.INTER_AREA)
        return [
            self._sign("blazeface", face.box_xyxy, face.score)
            for face in self._blazefaces.detect(view, _LOWEST_SCORE)
        ]

    def hands(self, frame_HWC: Array) -> list[Evidence]:
        """Return hands in frame pixels: the best only."""
        view = cv2.resize(frame_HWC, self._size, interpolation=cv2.INTER_AREA)
        for palm in self._hands.detect(view, _LOWEST_SCORE):  # best first
            if self._hand.presence(view, palm) >= _MIN_HAND_PRESENCE:
                return [self._sign("hand", palm.box_xyxy, palm.score)]
        return []

    def bodies(self, frame_HWC: Array, tiles: Sequence[int]) -> list[Evidence]:
        """Return bodies in frame pixels, of the kind "tile" where they are seen in tiles.

        Where tiles are looked at, the pose network has a say on each body: a person too faint for
        the detectors is often plain to it.
        """
        view = cv2.resize(frame_HWC, self._size, interpolation=cv2.INTER_AREA)
        signs = []
        for where, body in self._bodies.detect(view, tiles, defaultdict(lambda: _FAINT_SCORE)):
            kind = "tile" if where == "tile" else "person"
            signs.append(self._sign(kind, body.box_xyxy, body.score))
            if tiles and (presence := self._presence(view, Region.around(body.box_xyxy))):
                signs.append(self._sign("person", body.box_xyxy, presence))
        return signs

    def text(self, frame_HWC: Array) -> Reading:
        """Return how many lines of text there are, and the box of the surest one."""
        view = cv2.resize(frame_HWC, self._size, interpolation=cv2.INTER_AREA)
        found = self._text.detect(view, _TEXT_SCORE)
        lines = [self._sign("text", line.box_xyxy, line.score) for line in found]
        return Reading(len(lines), Reading.of_signs(lines).box_xyxy)

    def _sign(self, kind: str, box_xyxy: Array, score: float) -> Evidence:
        return Evidence(kind, as_box(box_xyxy * self._scale_xyxy), score)

    def _presence(self, view_HWC: Array, region: Region) -> float:
        presence = self._pose(view_HWC, region).presence
        if presence < _MIN_PRESENCE:
            return 0.0
        is_steady = steady_presence(self._pose, view_HWC, region) >= _MIN_STEADY_PRESENCE
        return presence if is_steady else 0.0


def run_checks(
    done: Anonymized,
    released: FrameStore,
    written: bytes,
    limits: Mapping[str, Limit],
    advance: Callable[[int], None],
    unknown_weights: Sequence[str],
) -> dict[str, Check]:
    """Check a clip.

    Args:
        done: what the steps made of it.
        released: its frames as decoded from the file that was written.
        written: that file.
        limits: check name to limit.
        advance: called with the number of frames just finished.
        unknown_weights: it was made with (``toolkit.models.list_unknown``).
    """
    num_frames = len(done.clip.frames)
    if len(released) != num_frames:
        return {name: Check.not_run(limit) for name, limit in limits.items()}
    watchers = Watchers(done.clip.frames.frame_shape, done.clip.pixel_aspect)
    rows = []
    for row in map_frames(FrameChecks(done, released, watchers), num_frames):
        rows.append(row)
        advance(1)
    return judge(done.people, rows, written, done.clip.frames.frame_shape, limits, unknown_weights)


def judge(
    people: People,
    rows: Sequence[Mapping[str, Reading]],
    written: bytes,
    shape_HW: tuple[int, ...],
    limits: Mapping[str, Limit],
    unknown_weights: Sequence[str],
) -> dict[str, Check]:
    """Judge a clip by what ``FrameChecks`` says of its frames, by its tracks, file and weights."""
    values: dict[str, list[Reading]] = {name: [] for name in limits}
    for row in rows:
        for name, value in row.items():
            values[name].append(value)
    values["side_data"] = [Reading(len(find_side_data(written)))]
    values["weights"] = [Reading(len(unknown_weights))]
    values["occlusion"] = occlusion_scores(rows)
    values["lost_people"] = lost_people(people.tracks, len(rows), shape_HW)
    return {
        name: (Check.of_share if name in _SHARES else Check.of_frames)(values[name], limit)
        for name, limit in limits.items()
    }


class FrameChecks:
    """All checks that judge single frames of a clip.

    Args:
        done: what the steps made of it.
        released: its frames as decoded from the file that was written.
        watchers: look for people in them.
    """

    def __init__(self, done: Anonymized, released: FrameStore, watchers: Watchers) -> None:
        self._done, self._released, self._watchers = done, released, watchers
        self._shadows = Shadows(done.source_background, done.people.cores)
        self._shown = lru_cache(_FRAMES_AT_HAND)(self._without_meshes)

    def __call__(self, index: int) -> dict[str, Reading]:
        """Return what they say of a frame."""
        done, watchers, shown_HWC = self._done, self._watchers, self._shown(index)
        people, source, coverage = done.people, done.clip.frames[index], done.coverage[index]
        mask, core = people.masks[index], people.cores[index]
        sightings = [track.frames[index] for track in people.tracks if index in track.frames]
        signs = _look(self._shown, watchers, index)
        scores = {
            name: Reading.of_signs([sign for sign in signs if sign.kind == kind])
            for name, kind in (SIGNS | _MORE_SIGNS).items()
        }
        last = len(self._released) - 1
        is_read = index in {0, (last + 1) // 2, last}
        return {
            "surviving_pixels": surviving_share(source, shown_HWC, core, coverage),
            "undrawn_meshes": undrawn_share(source, self._released[index], core, coverage),
            **scores,
            "flash": flash_share(self._shown, people.masks.__getitem__, index, last + 1),
            "uncovered_evidence": uncovered_score(
                [*people.evidence[index], *watchers.faces(source)], mask
            ),
            "left_behind": left_behind_share(
                done.clip.frames, people, index, float(done.clip.timing.fps)
            ),
            "shadows": shadow_share(self._shadows, index),
            "colour": colour_share(source, done.still_scene, mask),
            "skin": skin_share(source, shown_HWC, mask, done.skin_N),
            "text": watchers.text(shown_HWC) if is_read else Reading(0.0),
            "unresolved_people": unresolved_score(sightings, mask.shape),
            "unexplained_motion": Reading(people.unexplained[index]),
            "masked_share": Reading(np.count_nonzero(mask) / mask.size),
            **check_occlusion(done, index),
        }

    def _without_meshes(self, index: int) -> Array:
        done = self._done
        return without_meshes(self._released[index], done.background[index], done.coverage[index])


def check_occlusion(done: Anonymized, index: int) -> dict[str, Reading]:
    """Return what the occlusion checks say of a frame; they look at no picture."""
    tracks, motions, coverage = done.people.tracks, done.motions, done.coverage
    core, last = done.people.cores[index], len(coverage) - 1
    neighbours = (max(index - 1, 0), index, min(index + 1, last))
    return {
        "unseen_joints": unseen_joints(tracks, motions, index),
        "stray_mesh": stray_mesh(coverage[index], core),
        "mesh_off_mask": mesh_off_mask(coverage[index], core),
        "mesh_jitter": mesh_jitter([coverage[i] for i in neighbours]),
        "vanished_meshes": vanished_meshes(tracks, motions, index),
        "merged_people": merged_people(tracks, index),
    }


def find_suspects(
    background: FrameStore,
    pixel_aspect: float,
    limits: Mapping[str, Limit],
    advance: Callable[[int], None],
) -> list[Evidence]:
    """Return what the detectors' checks would take for people in the empty background.

    They look at every fourth frame: only what never moves can be taken out of all frames, and the
    checks look at each frame that is released.

    Args:
        background: [T, H, W, 3] uint8 RGB, before anybody is drawn.
        pixel_aspect: width of its pixels over the height.
        limits: of the checks.
        advance: called with the number of frames just finished.
    """
    watchers = Watchers(background.frame_shape, pixel_aspect)
    lowest = {kind: _SUSPECT_SHARE * limits[name].value for name, kind in SIGNS.items()}
    suspects: list[Evidence] = []
    indices = range(0, len(background), _SUSPECT_EVERY_FRAMES)
    looks = map_frames(
        lambda turn: _look(background.__getitem__, watchers, indices[turn]), len(indices)
    )
    for index, signs in zip(indices, looks, strict=True):
        suspects += [sign for sign in signs if sign.score > lowest.get(sign.kind, inf)]
        advance(min(_SUSPECT_EVERY_FRAMES, len(background) - index))
    return suspects


def _look(shown: Callable[[int], Array], watchers: Watchers, index: int) -> list[Evidence]:
    """Return what the detectors see of a frame, if it shows anything new."""
    frame_HWC, anchor = shown(index), index - index % _LOOK_EVERY_FRAMES
    if index != anchor and not show_different_things(frame_HWC, shown(anchor)):
        return []
    tiles = range(NUM_TILES) if index == anchor else ()
    return [
        *watchers.faces(frame_HWC),
        *watchers.blazefaces(frame_HWC),
        *watchers.hands(frame_HWC),
        *watchers.bodies(frame_HWC, tiles),
    ]
