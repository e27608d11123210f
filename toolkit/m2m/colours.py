"""How much the colours of two pictures differ.

Shape suffixes: H height, W width, C colours.
"""

import cv2
import numpy as np

from toolkit.m2m.types import Array

_LIGHT = (0.5, 2.0)
"""What is brighter or darker than the scene by more is no light."""


def colour_step(first_HWC: Array, second_HWC: Array) -> Array:
    """Return by how much each pixel differs in the colour that differs most: [H, W] uint8."""
    return largest(cv2.absdiff(first_HWC, second_HWC))


def largest(picture_HWC: Array) -> Array:
    """Return the largest colour of each pixel: numpy's ``max(2)``, in a fifth of its time."""
    return np.asarray(np.maximum.reduce(cv2.split(picture_HWC)))


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
    (luma_HW, *chroma), (scene_HW, *scene_chroma) = _split(frame_HWC), _split(background_HWC)
    light_HW = np.clip(scene_HW / np.maximum(luma_HW, 1), *_LIGHT)
    steps = []
    for ours_HW, theirs_HW in zip(chroma, scene_chroma, strict=True):
        step_HW = (ours_HW - 128) * light_HW - (theirs_HW - 128)
        if free_HW.any():
            step_HW -= np.median(step_HW[free_HW][::7])
        steps.append(np.abs(step_HW))
    return np.asarray(np.maximum(*steps))


def _split(picture_HWC: Array) -> list[Array]:
    """Return luma, red and blue chroma, each [H, W] float32."""
    levels_HWC = cv2.cvtColor(picture_HWC.astype(np.uint8, copy=False), cv2.COLOR_RGB2YCrCb)
    return [
        plane_HW.astype(np.float32)
        for plane_HW in cv2.split(cv2.GaussianBlur(levels_HWC, (7, 7), 0))
    ]
