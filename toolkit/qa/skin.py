"""Skin beside a mask, as of a hand that the mask let go of: frames in, a number out.

Shape suffixes: H height, W width, C colours, N places in the table of colours.
"""

import cv2
import numpy as np

from toolkit.frames import FrameStore
from toolkit.m2m.colours import colour_step
from toolkit.m2m.types import Array, People
from toolkit.qa.checks import Reading

_NUM_SAMPLES = 16
_SHAPE = (8, 64, 64)
"""The table's steps of luma, red and blue chroma. Luma tells dark skin from dark wood."""
_SURELY_PX = 2
_REDS, _BLUES, _MIN_LUMA = (132, 180), (76, 127), 32
"""Levels of 255 that skin of any tone has: tones differ in luma far more than in chroma."""
_OWN_SHARE = 0.4
"""A colour is somebody's own when so much of all that has it is inside people. Nine tenths of a
frame are scene, so a skin colour that wood or a wall has too is soon the scene's."""
_SAME_STEP = 24
"""Of what is left of the source, no colour differs more (of 255)."""
_TOUCH_PX = 2
_OPEN = np.ones((3, 3), np.uint8)


def learn_skin(frames: FrameStore, people: People) -> Array:
    """Learn from a clip which colours are the skin of the people in it, and not the scene's.

    Args:
        frames: [T, H, W, 3] uint8 RGB, the source.
        people: ``masks`` and ``cores`` of the same frames.

    Returns:
        [N] bool, by colour.
    """
    inside_N, outside_N = np.zeros((2, np.prod(_SHAPE)))
    spread = np.linspace(0, len(frames) - 1, min(_NUM_SAMPLES, len(frames)))
    for index in spread.round().astype(int).tolist():
        colours_HW = _colours(frames[index])
        surely_HW = cv2.erode(people.cores[index], np.ones((2 * _SURELY_PX + 1,) * 2, np.uint8))
        free_HW = people.masks[index] == 0
        inside_N += np.bincount(colours_HW[surely_HW != 0], minlength=inside_N.size)
        outside_N += np.bincount(colours_HW[free_HW], minlength=outside_N.size)
    inside_N, outside_N = _soften(inside_N), _soften(outside_N)
    return np.asarray(_may_be_skin() & (inside_N > _OWN_SHARE * (inside_N + outside_N)))


def skin_share(source_HWC: Array, shown_HWC: Array, mask_HW: Array, skin_N: Array) -> Reading:
    """Share of the frame that the largest patch of skin takes which touches a mask from outside.

    Args:
        source_HWC: uint8 RGB before.
        shown_HWC: uint8 RGB after, without meshes.
        mask_HW: of the people, uint8; non-zero is inside.
        skin_N: from ``learn_skin``.

    Returns:
        0 to 1; what is not the source's any more is not counted.
    """
    step_HW = colour_step(cv2.blur(source_HWC, (3, 3)), cv2.blur(shown_HWC, (3, 3)))
    left_HW = skin_N[_colours(source_HWC)] & (mask_HW == 0) & (step_HW < _SAME_STEP)
    opened_HW = cv2.morphologyEx(left_HW.astype(np.uint8), cv2.MORPH_OPEN, _OPEN)
    num_parts, parts_HW = cv2.connectedComponents(opened_HW, connectivity=8)
    near_HW = cv2.dilate(mask_HW, np.ones((2 * _TOUCH_PX + 1,) * 2, np.uint8)) != 0
    touches = np.bincount(parts_HW[near_HW], minlength=num_parts) > 0
    touches[0] = False
    return Reading.of_largest_part(touches[parts_HW])


def _colours(frame_HWC: Array) -> Array:
    """Return each pixel's place in the table of colours, [H, W]."""
    soft_HWC = cv2.cvtColor(cv2.GaussianBlur(frame_HWC, (5, 5), 0), cv2.COLOR_RGB2YCrCb)
    luma_HW, red_HW, blue_HW = (channel_HW.astype(np.intp) for channel_HW in cv2.split(soft_HWC))
    return (luma_HW >> 5) << 12 | (red_HW >> 2) << 6 | blue_HW >> 2


def _soften(count_N: Array) -> Array:
    """Spread counts over neighbouring chroma, as a clip shows few of all shades of a skin."""
    planes = [cv2.GaussianBlur(plane, (0, 0), 0.8) for plane in count_N.reshape(_SHAPE)]
    return np.concatenate(planes, axis=None)


def _may_be_skin() -> Array:
    luma_N, red_N, blue_N = (
        places * 256 // side
        for places, side in zip(np.indices(_SHAPE).reshape(3, -1), _SHAPE, strict=True)
    )
    is_skin_N = (red_N >= _REDS[0]) & (red_N <= _REDS[1])
    return is_skin_N & (blue_N >= _BLUES[0]) & (blue_N <= _BLUES[1]) & (luma_N >= _MIN_LUMA)
