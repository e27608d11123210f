"""Who was seen somewhere for a while, and is still there: before and after they were seen.

Shape suffixes: H height, W width, C colours.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from toolkit.frames import FrameStore
from toolkit.m2m.masks import decode_rle
from toolkit.m2m.types import Array, PersonFrame, Track

_SAME = 8
"""Difference, in levels of 255, that light and noise alone make."""
_SAME_SHARE, _SAME_SHARE_CUT_OFF = 0.5, 0.2
"""So much of a place must look the same, for somebody else may stand before the rest. Who is unsure
and cut off by the frame may have gone but for a leg, and stand there still."""
_STAYING_SHARE = 0.25
"""Who is unsure, and seen in less of the clip, is a false alarm, unless the frame cuts them off: of
those whom it does, detectors see too little to be sure."""
_HELD_SHARE = 0.8
_SLACK_FRAMES = 3
"""Nobody vanishes this shortly before the clip ends, or comes this shortly after it begins."""


def linger(track: Track, tracks: Sequence[Track], views: FrameStore) -> Track:
    """Extend a track over the frames before and after it in which its place looks the same.

    Somebody who stands at a table, and whom a detector suspects in half of the frames, is there in
    the other half too; what is removed from some frames only would be filled in from the others.
    So a vase that is often taken for somebody is removed from the whole clip. A mere box around
    somebody sure, such as the sofa they sit on, does not last.

    Args:
        track: in the pixels of the views.
        tracks: everybody in the clip.
        views: [T, H, W, 3] uint8.
    """
    frames = dict(track.frames)
    if not frames:
        return track
    num_seen = sum(item.source != "filled" for item in frames.values())
    stays = track.is_sure or num_seen >= _STAYING_SHARE * len(views)
    sure = [other for other in tracks if other is not track and other.is_sure]
    first, last = min(frames), max(frames)
    for end, others in ((first, range(first)), (last, range(len(views) - 1, last, -1))):
        if not (stays or frames[end].is_cut_off(views.frame_shape)):
            continue
        if any(end in other.frames and _holds(frames[end], other.frames[end]) for other in sure):
            continue
        left = replace(frames[end], landmarks_K4=None, world_K3=None, score=0.0, source="filled")
        is_scrap = not track.is_sure and frames[end].is_cut_off(views.frame_shape)
        place = _Place(left, views[end], _SAME_SHARE_CUT_OFF if is_scrap else _SAME_SHARE)
        farthest = next((index for index in others if place.looks_same(views[index])), end)
        if track.is_sure and 0 < len(others) <= _SLACK_FRAMES:
            farthest = others[0]
        for index in range(min(farthest, end), max(farthest, end) + 1):
            frames.setdefault(index, left)
    return replace(track, frames=frames)


def _holds(item: PersonFrame, other: PersonFrame) -> bool:
    """Whether somebody is nearly all inside a box of unknown outline."""
    low, high = (
        pick(item.box_xyxy[part], other.box_xyxy[part])
        for pick, part in ((np.maximum, slice(2)), (np.minimum, slice(2, 4)))
    )
    area = np.prod(other.box_xyxy[2:] - other.box_xyxy[:2])
    common = np.prod(np.clip(high - low, 0, None))
    return item.landmarks_K4 is None and bool(common > _HELD_SHARE * area)


class _Place:
    """The pixels of one sighting, to look at in other frames."""

    def __init__(self, item: PersonFrame, view_HWC: Array, same_share: float) -> None:
        x0, y0, x1, y1 = np.maximum(np.round(item.box_xyxy), 0).astype(int)
        self._where = (slice(y0, y1 + 1), slice(x0, x1 + 1))
        self._inside_HW = decode_rle(item.mask)[self._where]
        self._picture_HWC = view_HWC[self._where]
        self._same_share = same_share

    def looks_same(self, view_HWC: Array) -> bool:
        step_HWC = cv2.absdiff(self._picture_HWC, view_HWC[self._where])
        if not self._inside_HW.any():
            return False
        return bool(np.mean(step_HWC[self._inside_HW] <= _SAME) >= self._same_share)
