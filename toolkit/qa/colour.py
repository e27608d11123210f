"""Whether something beside a mask has another colour than the scene: frames in, a number out.

Shape suffixes: H height, W width, C colours.
"""

import cv2
import numpy as np

from toolkit.m2m.colours import chroma_step
from toolkit.m2m.types import Array
from toolkit.qa.checks import Reading

_STEP = 6
"""Levels of 255."""
_NEAR_PX = 3
_OPEN = np.ones((5, 5), np.uint8)


def colour_share(source_HWC: Array, scene: tuple[Array, Array] | None, mask_HW: Array) -> Reading:
    """Share of the frame that the largest patch takes which touches a mask and is not the scene's.

    A sleeve or a hand that moves too fast, or is too pale, for the masks: of another colour than
    the scene behind it, however little lighter or darker.

    Args:
        source_HWC: uint8 RGB before.
        scene: the still background [H, W, C] and where it was seen [H, W] bool
            (``Background.still_picture``); None where the camera moves.
        mask_HW: of the people, uint8; non-zero is inside.

    Returns:
        0 to 1; 0 where the camera moves.
    """
    if scene is None:
        return Reading(0.0)
    background_HWC, seen_HW = scene
    free_HW = (mask_HW == 0) & seen_HW
    step_HW = chroma_step(source_HWC, background_HWC, free_HW)
    other_HW = ((step_HW >= _STEP) & free_HW).astype(np.uint8)
    num_parts, parts_HW = cv2.connectedComponents(cv2.morphologyEx(other_HW, cv2.MORPH_OPEN, _OPEN))
    side_px = 2 * _NEAR_PX + 1
    near_HW = cv2.dilate(mask_HW, np.ones((side_px, side_px), np.uint8)) != 0
    touches = np.bincount(parts_HW[near_HW], minlength=num_parts) > 0
    touches[0] = False
    return Reading.of_largest_part(touches[parts_HW])
