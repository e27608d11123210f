"""Who was suspected somewhere for a while, and is still there: before and after they were seen.

Shape suffixes: H height, W width, C colours.
"""

from dataclasses import replace

import cv2
import numpy as np

from toolkit.frames import FrameStore
from toolkit.m2m.types import Array, Track

_SAME = 8
"""Median difference of a place, in levels of 255, that light and noise alone make. Somebody else
may stand before a part of it."""


def linger(track: Track, views: FrameStore) -> Track:
    """Extend a weak track over the frames before and after it in which its place looks the same.

    Feet at the frame's edge that a detector takes for somebody in half of the frames are there in
    the other half too. Only whom the frame cuts off is asked after: of others, detectors see enough
    to be sure. Somebody sure is left as they are; the check ``lost_people`` asks after them.

    Args:
        track: in the pixels of the views.
        views: [T, H, W, 3] uint8.
    """
    if track.is_sure or not track.frames:
        return track
    frames = dict(track.frames)
    first, last = min(frames), max(frames)
    for end, others in ((first, range(first)), (last, range(last + 1, len(views)))):
        if not frames[end].is_cut_off(views.frame_shape):
            continue
        left = replace(frames[end], landmarks_K4=None, world_K3=None, score=0.0, source="filled")
        place_HWC = _place(views[end], left.box_xyxy)
        for index in others:
            if _looks_same(place_HWC, _place(views[index], left.box_xyxy)):
                frames[index] = left
    return replace(track, frames=frames)


def _place(view_HWC: Array, box_xyxy: Array) -> Array:
    x0, y0, x1, y1 = np.maximum(np.round(box_xyxy), 0).astype(int)
    return view_HWC[y0 : y1 + 1, x0 : x1 + 1]


def _looks_same(first_HWC: Array, second_HWC: Array) -> bool:
    return bool(np.median(cv2.absdiff(first_HWC, second_HWC)) <= _SAME)
