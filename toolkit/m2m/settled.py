"""What comes to a stand at the edge of the frame, or stands there first and leaves.

Somebody of whom the frame shows a foot is no person to any detector, and is background once the
foot stands still for most of the clip. But the ground was another there before.

Shape suffixes: S sampled frames, H height, W width, C colours.
"""

import cv2
import numpy as np

from toolkit.frames import FrameStore
from toolkit.m2m import propagate
from toolkit.m2m.background import Background
from toolkit.m2m.foreground import DIFFERS, DIFFERS_SURELY, MIN_AREA_PX, standing_out
from toolkit.m2m.masks import dilate
from toolkit.m2m.texture import same_texture
from toolkit.m2m.types import Array

_NUM_GLIMPSES = 5
"""So many of the first and of the last sampled frames that show a place tell how it looked."""
_EDGE_PX = 2
_CLOSE_PX = 7
"""Gaps where a shoe has the colour of the ground."""
_MAX_SHARE = 0.025
"""A foot is small: where more of the frame has changed than this, the light has."""


def add_settled(background: Background, masks: FrameStore) -> FrameStore:
    """Mask, in all frames, what looks otherwise at the clip's end than at its beginning.

    Only before a still camera, and only what touches the edge of the frame: people who are all in
    the picture are found. Nobody knows which of both looks is the ground, so neither is kept. Light
    and shadow are no change.

    Args:
        background: the clip, and the masks of those people who were found.
        masks: [T, H, W] uint8 0 or 255, what to add to.
    """
    changed_HW = _find_changed(background)
    if not changed_HW.any():
        return masks
    grown = FrameStore(masks.frame_shape)
    for mask_HW in masks:
        grown.append(mask_HW | changed_HW)
    return grown


def _find_changed(background: Background) -> Array:
    """Return where the first and the last glimpses of the edge differ: [H, W] uint8 0 or 255."""
    nothing_HW = np.zeros((background.height, background.width), np.uint8)
    if not background.stands_still:
        return nothing_HW
    samples = background.samples()
    usable_SHW = np.stack([background.usable_HW(index) for index in samples])
    frames_SHWC = np.stack([background.frames[index] for index in samples])
    first_HWC, _ = propagate.median_background(frames_SHWC, _first(usable_SHW))
    last_HWC, _ = propagate.median_background(frames_SHWC, _first(usable_SHW[::-1])[::-1])
    known_HW = usable_SHW.sum(0) >= 2 * _NUM_GLIMPSES
    step_HW = standing_out(first_HWC, last_HWC, known_HW, known_HW)
    step_HW[~known_HW | same_texture(first_HWC, last_HWC)] = 0
    region_HW = (step_HW > DIFFERS).astype(np.uint8)
    if region_HW.mean() > _MAX_SHARE:
        return nothing_HW
    closed_HW = cv2.morphologyEx(region_HW, cv2.MORPH_CLOSE, np.ones((_CLOSE_PX, _CLOSE_PX)))
    _, labels_HW, stats, _ = cv2.connectedComponentsWithStats(closed_HW, connectivity=8)
    inner_HW = np.zeros_like(region_HW)
    inner_HW[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX] = 1
    kept = stats[:, cv2.CC_STAT_AREA] >= MIN_AREA_PX
    for places_HW in (step_HW > DIFFERS_SURELY, inner_HW == 0):
        kept &= np.bincount(labels_HW[places_HW], minlength=len(stats)) > 0
    kept[0] = False
    return dilate(kept[labels_HW].astype(np.uint8) * 255)


def _first(usable_SHW: Array) -> Array:
    """Keep the first glimpses of each place."""
    return np.asarray(usable_SHW & (usable_SHW.cumsum(0) <= _NUM_GLIMPSES))
