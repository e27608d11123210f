"""The fine structure of pictures: whether two show the same thing, in whatever light.

Shape suffixes: H height, W width, C colours.
"""

import cv2
import numpy as np

from toolkit.m2m.types import Array

WINDOW_PX = 7
_MIN_STD = 4.0
"""Below this deviation (levels of 255) a window holds nothing to recognise."""
_ALIKE = 0.75


def same_texture(first_HWC: Array, second_HWC: Array) -> Array:
    """Tell where two uint8 RGB pictures have the same fine structure: [H, W] bool.

    Brightness in the 7x7 window around a pixel rises and falls alike: a correlation above 0.75, and
    enough texture in the first picture to tell. How bright the windows are, and of what contrast,
    does not matter.
    """
    first, second = (
        cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        for picture in (first_HWC, second_HWC)
    )

    def mean(picture: Array) -> Array:
        return cv2.blur(picture, (WINDOW_PX, WINDOW_PX))

    mean_first, mean_second = mean(first), mean(second)
    var_first = np.maximum(mean(first * first) - mean_first**2, 0)
    var_second = np.maximum(mean(second * second) - mean_second**2, 0)
    covariance = mean(first * second) - mean_first * mean_second
    correlation = covariance / np.sqrt(var_first * var_second + 1.0)
    return np.asarray((var_first > _MIN_STD**2) & (correlation > _ALIKE))
