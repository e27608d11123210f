"""Whether somebody flashes up for a frame or two: frames in, a number out."""

from collections.abc import Callable

import cv2
import numpy as np

from toolkit.m2m.colours import colour_step, largest
from toolkit.m2m.types import Array
from toolkit.qa.checks import Reading

_GAPS = (1, 2)
"""Frames before and after that are compared: what is there for up to three frames is found."""
_STEP, _SAME = 24, 10
"""Levels of 255: what flashes differs by more from both sides, which differ by less."""
_NEAR_PX = 15
_OPEN = np.ones((3, 3), np.uint8)


def flash_share(
    shown: Callable[[int], Array], masks: Callable[[int], Array], index: int, num_frames: int
) -> Reading:
    """Share of the frame that the largest thing takes which is there for a moment only.

    It differs from the frames before and after, which are alike, and lies where a person is
    removed in one of these frames. Before a moving camera the frames are not alike, and hardly
    anything can be told.

    Args:
        shown: index to frame [H, W, 3] uint8 RGB, as released but without meshes.
        masks: index to mask [H, W] of the people, non-zero is inside.
        index: the frame.
        num_frames: of the clip.

    Returns:
        0 to 1; 0 in the first and the last frame.
    """
    now_HWC = _smooth(shown(index))
    flashing_HW = np.zeros(now_HWC.shape[:2], bool)
    for gap in _GAPS:
        if not gap <= index < num_frames - gap:
            continue
        before_HWC, after_HWC = (_smooth(shown(i)) for i in (index - gap, index + gap))
        step_HWC = np.minimum(cv2.absdiff(now_HWC, before_HWC), cv2.absdiff(now_HWC, after_HWC))
        is_same_HW = colour_step(before_HWC, after_HWC) < _SAME
        near_HW = np.asarray(masks(index - gap) | masks(index) | masks(index + gap), np.uint8)
        side_px = 2 * _NEAR_PX + 1
        near_HW = cv2.dilate(near_HW, np.ones((side_px, side_px), np.uint8)) != 0
        flashing_HW |= (largest(step_HWC) > _STEP) & is_same_HW & near_HW
    opened_HW = cv2.morphologyEx(flashing_HW.astype(np.uint8), cv2.MORPH_OPEN, _OPEN)
    return Reading.of_largest_part(opened_HW)


def _smooth(frame_HWC: Array) -> Array:
    return cv2.blur(frame_HWC, (3, 3))
