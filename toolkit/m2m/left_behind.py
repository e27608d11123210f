"""Parts of people that masks let go of for a while: found, and masked.

Shape suffixes: H height, W width, C colours.
"""

from dataclasses import replace

import cv2
import numpy as np

from toolkit.frames import FrameStore, map_frames
from toolkit.m2m.background import Background
from toolkit.m2m.colours import colour_step
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
_NEXT_PX = 10
"""So far from a mask a part of the same person may be."""


def left_behind(frames: FrameStore, people: People, index: int, fps: float) -> Array:
    """Tell which unmasked pixels of a frame are a part of somebody.

    Each unmasked pixel of the source is followed along the optical flow to frames before and after.
    What lies inside a person in one before and in one after, and looks the same there, is a part of
    that person now too: a limb that stands still, or one that moves, with any camera. Where the
    clip has no frame before, or none after, the other side alone tells.

    Args:
        frames: [T, H, W, 3] uint8 RGB, the source.
        people: ``masks`` and ``cores`` of the same frames.
        index: the frame.
        fps: frames per second.

    Returns:
        [H, W] uint8 0 or 255, without threads one pixel wide; all 0 in a clip of one frame.
    """
    frame_HWC, free_HW = frames[index], people.masks[index] == 0
    steps = sorted({max(1, round(reach_s * fps)) for reach_s in _REACHES_S})
    sides = [
        [other for step in steps if 0 <= (other := index + sign * step) < len(frames)]
        for sign in (-1, 1)
    ]
    if not any(sides):
        return np.zeros(free_HW.shape, np.uint8)
    for others in filter(None, sides):
        if not _open(free_HW).any():
            break
        was_inside_HW = np.zeros_like(free_HW)
        for other in others:
            was_inside_HW |= _comes_from(frame_HWC, frames[other], people.cores[other])
        free_HW &= was_inside_HW
    return _open(free_HW)


def mask_left_behind(frames: FrameStore, people: People, fps: float) -> People:
    """Add to the masks what they left of people: see ``left_behind`` and ``Standing``."""
    masks, standing = FrameStore(people.masks.frame_shape), Standing(frames, people)

    def find(index: int) -> Array:
        return left_behind(frames, people, index, fps) | standing.find(index)

    for mask_HW, left_HW in zip(people.masks, map_frames(find, len(frames)), strict=True):
        masks.append(mask_HW | dilate(left_HW) if left_HW.any() else mask_HW)
    return replace(people, masks=masks)


class Standing:
    """Looks for parts of people who stand still, before a still camera, for as long as they do.

    A shoe that outlines hold in most frames, and let go of for seconds, would be filled in from
    these frames. A pixel is a part of somebody where it lies inside a person in most of the frames
    in which it looks as it does now, and is next to somebody now.

    Args:
        frames: [T, H, W, 3] uint8 RGB, the source.
        people: ``masks`` and ``cores`` of the same frames.
    """

    def __init__(self, frames: FrameStore, people: People) -> None:
        self._frames, self._masks = frames, people.masks
        self._ever_HW = np.zeros(people.masks.frame_shape, bool)
        background = Background(frames, people.masks)
        if any(background.has_hole) and background.stands_still:
            samples = background.samples()
            self._soft_SHWC = np.stack([_soften(frames[index]) for index in samples])
            self._inside_SHW = np.stack([people.cores[index] for index in samples]) != 0
            self._ever_HW = self._inside_SHW.any(0)

    def find(self, index: int) -> Array:
        """Return the parts of a frame that its mask does not cover: [H, W] uint8 0 or 255."""
        mask_HW, left_HW = self._masks[index], np.zeros(self._ever_HW.shape, np.uint8)
        near_HW = cv2.dilate(mask_HW, np.ones((2 * _NEXT_PX + 1,) * 2, np.uint8)) != 0
        places = np.nonzero(self._ever_HW & near_HW & (mask_HW == 0))
        if not len(places[0]):
            return left_HW
        y_N, x_N = places
        here_NC, there_SNC = _soften(self._frames[index])[places], self._soft_SHWC[:, y_N, x_N]
        is_same_SN = np.abs(there_SNC.astype(np.int16) - here_NC).max(2) < _SAME_STEP
        num_inside_N = (is_same_SN & self._inside_SHW[:, y_N, x_N]).sum(0)
        left_HW[places] = num_inside_N > is_same_SN.sum(0) / 2
        return _open(left_HW)


def _open(left_HW: Array) -> Array:
    """Return [H, W] uint8 0 or 255, without threads one pixel wide."""
    return cv2.morphologyEx(left_HW.astype(np.uint8) * 255, cv2.MORPH_OPEN, np.ones((2, 2)))


def _comes_from(frame_HWC: Array, other_HWC: Array, core_HW: Array) -> Array:
    """Tell which pixels of a frame are inside a person in another, looking the same: [H, W]."""
    if not core_HW.any():
        return np.zeros(core_HW.shape, bool)
    height, width = core_HW.shape
    x_HW, y_HW = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in (width, height)))
    flow_HW2 = Flow()(frame_HWC, other_HWC)
    there = (x_HW + flow_HW2[..., 0], y_HW + flow_HW2[..., 1])
    inside_HW = cv2.remap(_surely(core_HW), *there, cv2.INTER_NEAREST) != 0
    here_HWC, other_HWC = _soften(frame_HWC), _soften(other_HWC)
    step_HW = colour_step(here_HWC, cv2.remap(other_HWC, *there, cv2.INTER_LINEAR))
    return np.asarray(inside_HW & (step_HW < _SAME_STEP))


def _surely(core_HW: Array) -> Array:
    return cv2.erode(core_HW, np.ones((2 * _SURELY_PX + 1,) * 2, np.uint8))


def _soften(frame_HWC: Array) -> Array:
    return cv2.GaussianBlur(frame_HWC, (5, 5), 0)
