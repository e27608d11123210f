"""Shadows that people cast, before a camera that stands still.

A shadow is a place near people that is darker than the same place at other times, of the same
colour, and no part of anybody. Before a camera that moves nothing is known of other times, and
nothing is said.

Shape suffixes: S sampled frames, H height, W width, C colours.
"""

import cv2
import numpy as np

from toolkit.frames import FrameStore
from toolkit.m2m import propagate
from toolkit.m2m.background import MIN_GLIMPSES, Background
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
_DARK_OFFSET = 4.0
_REACH = 0.25
"""How far from the places where people are in the clip shadows are looked for, in frame heights."""
_MIN_SHARE = 0.0003


class Shadows:
    """Looks for shadows in the frames of one clip.

    Args:
        frames: [T, H, W, 3] uint8 RGB.
        masks: [T, H, W] uint8, non-zero where nothing is background.
        outlines: [T, H, W] uint8, non-zero where a person surely is.
    """

    def __init__(self, frames: FrameStore, masks: FrameStore, outlines: FrameStore) -> None:
        self._frames, self._masks = frames, masks
        height, width = masks.frame_shape
        self._near_HW = np.zeros((height, width), bool)
        people_HW = np.zeros((height, width), np.uint8)
        for outline_HW in outlines:
            people_HW |= outline_HW
        background = Background(frames, masks)
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
        darker_HWC = _darkening(_soft(self._frames[index]), self._lit_HWC, free_HW)
        depth_HW = darker_HWC.mean(2)
        spread_HW = darker_HWC.max(2) - darker_HWC.min(2)
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


def _darkening(soft_HWC: Array, lit_HWC: Array, free_HW: Array) -> Array:
    """How much darker each colour is than when lit, apart from the light of the whole frame."""
    step_HWC = np.log(lit_HWC + np.float32(_DARK_OFFSET))
    step_HWC -= np.log(soft_HWC + np.float32(_DARK_OFFSET))
    return np.asarray(step_HWC + _light(soft_HWC, lit_HWC, free_HW))


def _light(soft_HWC: Array, other_HWC: Array, free_HW: Array) -> Array:
    """How much brighter a whole frame is than another, by colour: [3] logarithms."""
    ours_NC, theirs_NC = (image[free_HW][::7] for image in (soft_HWC, other_HWC))
    if not len(ours_NC):
        return np.zeros(3, np.float32)
    step_NC = np.log(ours_NC + np.float32(_DARK_OFFSET))
    step_NC -= np.log(theirs_NC + np.float32(_DARK_OFFSET))
    return np.asarray(np.median(step_NC, axis=0))
