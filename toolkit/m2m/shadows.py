"""Shadows that people cast, before a camera that stands still.

A shadow is a place near people that is darker than the same place at other times, of the same
colour, and no part of anybody. Before a camera that moves nothing is known of other times, and
nothing is said.

Shape suffixes: S sampled frames, H height, W width, C colours.
"""

import cv2
import numpy as np

from toolkit.frames import FrameStore, map_frames
from toolkit.m2m import propagate
from toolkit.m2m.background import MIN_GLIMPSES, Background
from toolkit.m2m.masks import dilate
from toolkit.m2m.types import Array

_SOFT_PX = 1.5
_LIT_SHARE = 0.9
"""A place is lit as in the tenth of the frames in which it is brightest: somebody who hardly moves
shades it in most."""
_DARKER, _SURELY_DARKER = 0.07, 0.12
"""In logarithms of brightness. A third of a shadow is surely darker, the rest is its soft edge."""
_SURE_SHARE = 0.3
_MIN_SPREAD, _SPREAD = 0.05, 0.5
"""So much, and this share of the darkening, may lie between colours: the sky makes shadows blue."""
_MIN_LEVEL = 20
"""Darker places (levels of 255) hold more noise than shadow."""
_LOG = np.log(np.arange(256, dtype=np.float32) + 4)
"""Of a level: near black, where noise is a large share, it changes little."""
_REACH = 0.25
"""How far from the places where people are in the clip shadows are looked for, in frame heights."""
_MIN_SHARE = 0.0003
_MAX_ROUNDS = 4
"""Where shadows are in the masks, what is left shows better how bright a place is when lit."""


class Shadows:
    """Looks for shadows in the frames of one clip.

    Args:
        background: the clip and its masks.
        outlines: [T, H, W] uint8, non-zero where a person surely is.
    """

    def __init__(self, background: Background, outlines: FrameStore) -> None:
        self._frames, self._masks = background.frames, background.masks
        height, width = background.masks.frame_shape
        self._near_HW = np.zeros((height, width), bool)
        people_HW = np.zeros((height, width), np.uint8)
        for outline_HW in outlines:
            people_HW |= outline_HW
        if people_HW.any() and background.stands_still:
            away_HW = (people_HW == 0).astype(np.uint8)
            distance_HW = cv2.distanceTransform(away_HW, cv2.DIST_L2, cv2.DIST_MASK_5)
            self._near_HW = distance_HW <= _REACH * height
            self._lit_HWC, self._known_HW = _lit_picture(background)

    def find(self, index: int) -> Array:
        """Return the shadows of a frame that its mask does not cover: [H, W] uint8 0 or 255."""
        if not self._near_HW.any():
            return np.zeros(self._near_HW.shape, np.uint8)
        free_HW = (self._masks[index] == 0) & self._known_HW
        soft_HWC = _soft(self._frames[index])
        darker_HWC = _LOG[self._lit_HWC] - _LOG[soft_HWC] + _light(soft_HWC, self._lit_HWC, free_HW)
        colours_HW = cv2.split(darker_HWC)
        depth_HW = sum(colours_HW) / np.float32(len(colours_HW))
        spread_HW = np.maximum.reduce(colours_HW) - np.minimum.reduce(colours_HW)
        is_shade_HW = free_HW & (depth_HW > _DARKER)
        is_shade_HW &= spread_HW < _MIN_SPREAD + _SPREAD * depth_HW
        solid_HW = cv2.morphologyEx(is_shade_HW.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
        _, labels_HW, stats, _ = cv2.connectedComponentsWithStats(solid_HW, connectivity=8)
        areas = stats[:, cv2.CC_STAT_AREA]
        sure_areas = np.bincount(labels_HW[depth_HW > _SURELY_DARKER], minlength=len(areas))
        kept = (sure_areas >= _SURE_SHARE * areas) & (areas >= _MIN_SHARE * labels_HW.size)
        kept &= np.bincount(labels_HW[self._near_HW], minlength=len(areas)) > 0
        kept[0] = False
        return np.asarray(kept[labels_HW].astype(np.uint8) * 255)


def add_shadows(frames: FrameStore, masks: FrameStore, outlines: FrameStore) -> FrameStore:
    """Add to the masks what people shade, with its soft edge.

    Args:
        frames: [T, H, W, 3] uint8 RGB.
        masks: [T, H, W] uint8, non-zero where nothing is background.
        outlines: [T, H, W] uint8, non-zero where a person surely is.

    Returns:
        [T, H, W] uint8 0 or 255.
    """
    for _ in range(_MAX_ROUNDS):
        shadows, any_found = Shadows(Background(frames, masks), outlines), False
        grown = FrameStore(masks.frame_shape)
        for index, shadow_HW in enumerate(map_frames(shadows.find, len(frames))):
            any_found |= bool(shadow_HW.any())
            grown.append(masks[index] | dilate(shadow_HW))
        masks = grown
        if not any_found:
            break
    return masks


def _lit_picture(background: Background) -> tuple[Array, Array]:
    """Return the softened background as it is when nobody shades it, and where it is known.

    Returns:
        [H, W, 3] uint8, and [H, W] bool where several frames show it and it is not nearly black.
    """
    samples = background.samples()
    usable_SHW = np.stack([background.usable_HW(index) for index in samples])
    soft_SHWC = np.stack([_soft(background.frames[index]) for index in samples])
    usual_HWC, seen_HW = propagate.median_background(soft_SHWC, usable_SHW)
    for soft_HWC, usable_HW in zip(soft_SHWC, usable_SHW, strict=True):
        gain_C = np.exp(-_light(soft_HWC, usual_HWC, usable_HW & seen_HW))
        soft_HWC[:] = np.clip(np.rint(soft_HWC * gain_C), 0, 255)
    lit_HWC, _ = propagate.median_background(soft_SHWC, usable_SHW, _LIT_SHARE)
    return lit_HWC, (usable_SHW.sum(0) >= MIN_GLIMPSES) & (lit_HWC.max(2) > _MIN_LEVEL)


def _soft(frame_HWC: Array) -> Array:
    return np.asarray(cv2.GaussianBlur(frame_HWC, (0, 0), _SOFT_PX))


def _light(soft_HWC: Array, other_HWC: Array, free_HW: Array) -> Array:
    """How much brighter a whole frame is than another, by colour: [3] logarithms."""
    places_N = np.flatnonzero(free_HW)[::7]
    ours_NC, theirs_NC = (image.reshape(-1, 3)[places_N] for image in (soft_HWC, other_HWC))
    if not len(ours_NC):
        return np.zeros(3, np.float32)
    return np.asarray(np.median(_LOG[ours_NC] - _LOG[theirs_NC], axis=0))
