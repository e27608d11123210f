"""How much the colour of a frame differs from the background's, whatever the light.

Shape suffixes: H height, W width, C colours.
"""

import cv2
import numpy as np

from toolkit.m2m.types import Array

_LIGHT = (0.5, 2.0)
"""What is brighter or darker than the scene by more is no light."""


def chroma_step(frame_HWC: Array, background_HWC: Array, free_HW: Array) -> Array:
    """Return how much each pixel differs in red or blue chroma, at the background's luma.

    A shadow dims luma and chroma alike and is no step; neither is a change of white balance.

    Args:
        frame_HWC: uint8 RGB.
        background_HWC: uint8 RGB.
        free_HW: bool, where the frame should show the background.

    Returns:
        [H, W] float32, levels of 255, softened, as codecs halve chroma.
    """
    (luma_HW, chroma_HWC), (scene_HW, scene_HWC) = _split(frame_HWC), _split(background_HWC)
    light_HW = np.clip(scene_HW / np.maximum(luma_HW, 1), *_LIGHT)
    step_HWC = chroma_HWC * light_HW[..., None] - scene_HWC
    if free_HW.any():
        step_HWC -= np.median(step_HWC[free_HW][::7], axis=0)
    return np.asarray(np.abs(step_HWC).max(2))


def _split(picture_HWC: Array) -> tuple[Array, Array]:
    """Return luma [H, W] and chroma [H, W, 2] about 0."""
    levels_HWC = cv2.cvtColor(picture_HWC.astype(np.uint8), cv2.COLOR_RGB2YCrCb)
    soft_HWC = cv2.GaussianBlur(levels_HWC, (7, 7), 0).astype(np.float32)
    return soft_HWC[..., 0], soft_HWC[..., 1:] - 128
