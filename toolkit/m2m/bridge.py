"""Who is lost from sight and found again: masked in between, along the way they must have gone.

Shape suffixes: H height, W width.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from toolkit.m2m.masks import decode_rle, encode_rle
from toolkit.m2m.types import Array, PersonFrame, Track

_MAX_GAP_FRAMES = 48
_MAX_STEP = 0.1
"""Of their height, that somebody moves from frame to frame."""
_MAX_GROWTH = 1.6
_MARGIN = 0.05
"""Of their height, around both outlines: they have moved their limbs meanwhile."""


def bridge(tracks: Sequence[Track]) -> list[Track]:
    """Fill the time between one track's end and another's beginning, where both may be one person.

    Somebody who walks past behind another is half hidden for a second: no detector sees enough of
    them, and what shows of them would stay in the picture. A pair that is not one person costs some
    masked ground.

    Args:
        tracks: in the pixels of the views. Only those that are surely people are joined, and each
            end to the beginning that is nearest.
    """
    sure = [track for track in tracks if track.is_sure and track.frames]
    joined: dict[int, dict[int, PersonFrame]] = {}
    for track in sure:
        end = max(track.frames)
        starts = [
            (min(other.frames), other)
            for other in sure
            if 1 < min(other.frames) - end <= _MAX_GAP_FRAMES
        ]
        pairs = [
            (start, other.frames[start])
            for start, other in starts
            if _may_be_one(track.frames[end], other.frames[start], start - end)
        ]
        if pairs:
            start, found = min(pairs, key=lambda pair: pair[0])
            joined[track.track_id] = _fill(track.frames[end], end, found, start)
    return [
        replace(track, frames=track.frames | joined.get(track.track_id, {})) for track in tracks
    ]


def _may_be_one(lost: PersonFrame, found: PersonFrame, num_frames: int) -> bool:
    heights = sorted(float(item.box_xyxy[3] - item.box_xyxy[1]) for item in (lost, found))
    step = np.linalg.norm(_centre(found) - _centre(lost)) / num_frames
    return bool(heights[1] <= _MAX_GROWTH * heights[0] and step <= _MAX_STEP * heights[1])


def _fill(lost: PersonFrame, end: int, found: PersonFrame, start: int) -> dict[int, PersonFrame]:
    """Return sightings between two, each with both outlines where the person has got to."""
    way = _centre(found) - _centre(lost)
    before_HW, after_HW = (decode_rle(item.mask).astype(np.uint8) for item in (lost, found))
    margin_px = round(_MARGIN * float(lost.box_xyxy[3] - lost.box_xyxy[1]))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin_px + 1,) * 2)
    filled = {}
    for index in range(end + 1, start):
        share = (index - end) / (start - end)
        here_HW: Array = _shift(before_HW, share * way) | _shift(after_HW, (share - 1) * way)
        box_xyxy = (1 - share) * lost.box_xyxy + share * found.box_xyxy
        mask = encode_rle(cv2.dilate(here_HW, kernel))
        filled[index] = PersonFrame(box_xyxy.astype(np.float32), mask, source="filled")
    return filled


def _centre(item: PersonFrame) -> Array:
    return (item.box_xyxy[:2] + item.box_xyxy[2:]) / 2


def _shift(mask_HW: Array, by_xy: Array) -> Array:
    matrix = np.array([[1, 0, by_xy[0]], [0, 1, by_xy[1]]], np.float32)
    return cv2.warpAffine(mask_HW, matrix, mask_HW.shape[::-1], flags=cv2.INTER_NEAREST)
