"""Parts of people that masks let go of for a while: found, and masked.

Shape suffixes: H height, W width, C colours.
"""

from dataclasses import replace

import cv2
import numpy as np

from toolkit.frames import FrameStore, map_frames
from toolkit.m2m.masks import dilate
from toolkit.m2m.motion import Flow
from toolkit.m2m.types import Array, People

_REACHES_S = (0.2, 0.5)
"""So far before and after a frame its unmasked pixels are looked for among people. The near looks
follow what moves fast, the far ones reach over a longer gap."""
_SURELY_PX = 2
"""So far inside an outline a pixel is surely the person's."""
_SAME_STEP = 16
"""What is followed to another frame looks the same there: no colour differs more (of 255)."""


def left_behind(frames: FrameStore, people: People, index: int, fps: float) -> Array:
    """Tell which unmasked pixels of a frame are a part of somebody.

    Each unmasked pixel of the source is followed along the optical flow to frames before and after.
    What lies inside a person in one before and in one after, and looks the same there, is a part of
    that person now too: a limb that stands still, or one that moves, with any camera.

    Args:
        frames: [T, H, W, 3] uint8 RGB, the source.
        people: ``masks`` and ``cores`` of the same frames.
        index: the frame.
        fps: frames per second.

    Returns:
        [H, W] uint8 0 or 255, without threads one pixel wide; all 0 where the clip has no frame
        before or after.
    """
    frame_HWC, free_HW = frames[index], people.masks[index] == 0
    steps = sorted({max(1, round(reach_s * fps)) for reach_s in _REACHES_S})
    for sign in (-1, 1):
        was_inside_HW = np.zeros_like(free_HW)
        for other in (index + sign * step for step in steps):
            if 0 <= other < len(frames):
                was_inside_HW |= _comes_from(frame_HWC, frames[other], people.cores[other])
        free_HW &= was_inside_HW
    left_HW = free_HW.astype(np.uint8) * 255
    return cv2.morphologyEx(left_HW, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))


def mask_left_behind(frames: FrameStore, people: People, fps: float) -> People:
    """Add to the masks what they left of people whom the frames before and after show."""
    masks = FrameStore(people.masks.frame_shape)
    found = map_frames(lambda index: left_behind(frames, people, index, fps), len(frames))
    for mask_HW, left_HW in zip(people.masks, found, strict=True):
        masks.append(mask_HW | dilate(left_HW) if left_HW.any() else mask_HW)
    return replace(people, masks=masks)


def _comes_from(frame_HWC: Array, other_HWC: Array, core_HW: Array) -> Array:
    """Tell which pixels of a frame are inside a person in another, looking the same: [H, W]."""
    if not core_HW.any():
        return np.zeros(core_HW.shape, bool)
    height, width = core_HW.shape
    x_HW, y_HW = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in (width, height)))
    flow_HW2 = Flow()(frame_HWC, other_HWC)
    there = (x_HW + flow_HW2[..., 0], y_HW + flow_HW2[..., 1])
    surely_HW = cv2.erode(core_HW, np.ones((2 * _SURELY_PX + 1,) * 2, np.uint8))
    inside_HW = cv2.remap(surely_HW, *there, cv2.INTER_NEAREST) != 0
    here_HWC, other_HWC = (cv2.GaussianBlur(image, (5, 5), 0) for image in (frame_HWC, other_HWC))
    step_HWC = cv2.absdiff(here_HWC, cv2.remap(other_HWC, *there, cv2.INTER_LINEAR))
    return np.asarray(inside_HW & (step_HWC.max(2) < _SAME_STEP))
