"""Privacy checks on one frame: arrays in, numbers out.

Shape suffixes: H height, W width, C colours.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from toolkit.m2m.texture import same_texture
from toolkit.m2m.track import iou_of_boxes
from toolkit.m2m.types import Array, Evidence, PersonFrame, Track
from toolkit.qa.checks import Reading, as_box

_RIM_PX = 3
_BLOCK_PX = 8
_NOISE = 4
"""Mean difference of a block, in levels of 255, that compression alone makes."""
_COVERED_SHARE = {"face": 0.5, "hand": 0.5}
_COVERED_SHARE_BODY = 0.25
_SLACK_FRAMES = 3
_SMALL_HEIGHT = 0.25
_LEAST_SCORE = 0.01
"""Of a sighting that is followed through a frame in which no detector sees it."""


def without_meshes(released_HWC: Array, background_HWC: Array, coverage_HW: Array) -> Array:
    """Return the released frame with its meshes taken off again.

    Detectors then see all that is released but the meshes, which they would take for people.
    """
    shown_HWC, near_HW = released_HWC.copy(), cv2.dilate(coverage_HW, np.ones((5, 5), np.uint8))
    return cv2.copyTo(background_HWC, near_HW, shown_HWC)


def show_different_things(first_HWC: Array, second_HWC: Array) -> bool:
    """Whether two frames differ by more than noise in any block of 8x8 pixels."""
    size = (max(1, first_HWC.shape[1] // _BLOCK_PX), max(1, first_HWC.shape[0] // _BLOCK_PX))
    blocks = [
        cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in (first_HWC, second_HWC)
    ]
    return bool(cv2.absdiff(*blocks).max() > _NOISE)


def surviving_share(
    source_HWC: Array, shown_HWC: Array, person_HW: Array, coverage_HW: Array
) -> Reading:
    """Share of the people's inside whose fine structure is still there, outside the meshes.

    The local correlation of brightness between source and released frame, in 7x7 windows: flat
    cloth before a wall of the same colour is not counted, an edge or a face that is left is. The
    rim of a mask is left out, because some of it is background that is rightly the source's.

    Args:
        source_HWC: uint8 RGB before.
        shown_HWC: uint8 RGB after.
        person_HW: where a person surely was; non-zero is inside.
        coverage_HW: uint8 alpha of the meshes.
    """
    return _same_share(source_HWC, shown_HWC, person_HW, coverage_HW == 0)


def undrawn_share(
    source_HWC: Array, released_HWC: Array, person_HW: Array, coverage_HW: Array
) -> Reading:
    """Share of the people's inside whose fine structure is still there where meshes should be.

    The other checks take meshes off before they look, and trust that they were drawn.

    Args:
        source_HWC: uint8 RGB before.
        released_HWC: uint8 RGB after, with its meshes.
        person_HW: where a person surely was; non-zero is inside.
        coverage_HW: uint8 alpha of the meshes.
    """
    return _same_share(source_HWC, released_HWC, person_HW, coverage_HW != 0)


def _same_share(source_HWC: Array, after_HWC: Array, person_HW: Array, where_HW: Array) -> Reading:
    """Share of the people's inside that has the same fine structure after, and is ``where``."""
    inside_HW = (
        cv2.erode((person_HW != 0).astype(np.uint8), np.ones((3, 3)), iterations=_RIM_PX) > 0
    )
    if not (inside_HW & where_HW).any():
        return Reading(0.0)
    same_HW = inside_HW & where_HW & same_texture(source_HWC, after_HWC)
    share = np.count_nonzero(same_HW) / np.count_nonzero(inside_HW)
    return Reading(share, Reading.of_largest_part(same_HW).box_xyxy)


def uncovered_score(evidence: Sequence[Evidence], mask_HW: Array) -> Reading:
    """Highest score of a sign of a person that the mask does not cover.

    A body's box is covered when a quarter of it is masked (a thin person fills no more of the
    box), a face's or a hand's when half of it is.
    """
    uncovered = []
    for sign in evidence:
        x0, y0 = (max(0, math.floor(value)) for value in sign.box_xyxy[:2])
        x1, y1 = (max(0, math.ceil(value)) for value in sign.box_xyxy[2:])
        inside = mask_HW[y0:y1, x0:x1]
        if not inside.size:
            continue
        if np.count_nonzero(inside) / inside.size < _COVERED_SHARE.get(
            sign.kind, _COVERED_SHARE_BODY
        ):
            uncovered.append(sign)
    return Reading.of_signs(uncovered)


def unresolved_score(sightings: Sequence[PersonFrame], shape_HW: tuple[int, ...]) -> Reading:
    """Highest score of somebody who was removed as a mere box, not as an outline.

    Limbs may reach out of such a box. Small people are not asked, as at their size the box's margin
    is as wide as an arm, unless the frame cuts them off: detectors see too little of them to be
    sure, and a leg at the frame's edge is as long as it likes.
    """

    def is_unresolved(item: PersonFrame) -> bool:
        is_tall = bool(item.box_xyxy[3] - item.box_xyxy[1] > _SMALL_HEIGHT * shape_HW[0])
        is_cut_off = item.is_cut_off(shape_HW)
        return (item.source == "detected" and is_tall) or (item.source == "weak" and is_cut_off)

    return max(
        (
            Reading(max(item.score, _LEAST_SCORE), as_box(item.box_xyxy))
            for item in sightings
            if item.landmarks_K4 is None and is_unresolved(item)
        ),
        default=Reading(0.0),
    )


def lost_people(
    tracks: Sequence[Track], num_frames: int, shape_HW: tuple[int, ...]
) -> list[Reading]:
    """Return, for each frame, how many people vanish after it or appear in it out of nowhere.

    A person who is neither at the frame's border nor met by another person does not come or go:
    they are still there, unseen. Only people whom a detector confirmed are asked: a false alarm
    has nowhere to go to, and nobody goes behind one. Who is masked because their place goes on
    looking the same is lost too: it is a guess, and in a fight it left a part of somebody.
    """
    values = [Reading(0.0)] * num_frames
    known = {
        track.track_id: sorted(
            i for i, item in track.frames.items() if item.landmarks_K4 is not None
        )
        for track in tracks
    }
    for track in tracks:
        seen = known[track.track_id]
        if not seen or not track.num_confirmed:
            continue
        for index, outside in ((seen[0], seen[0] - 1), (seen[-1], seen[-1] + 1)):
            if not _SLACK_FRAMES <= index < num_frames - _SLACK_FRAMES:
                continue
            box_xyxy = track.frames[index].box_xyxy
            others = [
                other.frames[frame].box_xyxy
                for other in tracks
                for frame in (index, outside)
                if other is not track and other.num_confirmed and frame in other.frames
            ]
            if not _at_border(box_xyxy, shape_HW) and not any(
                iou_of_boxes(box_xyxy, other) > 0 for other in others
            ):
                values[index] = Reading(values[index] + 1, as_box(box_xyxy))
    return values


def _at_border(box_xyxy: Array, shape_HW: tuple[int, ...]) -> bool:
    """Whether a box comes within a twentieth of the frame's width or height of its sides."""
    margin_x, margin_y = shape_HW[1] / 20, shape_HW[0] / 20
    x0, y0, x1, y1 = box_xyxy
    return bool(
        x0 < margin_x
        or x1 > shape_HW[1] - margin_x
        or y0 < margin_y / 2
        or y1 > shape_HW[0] - margin_y / 2
    )
