"""Smooth interpolation: continue values over an image to where they are not known.

Shape suffixes: H height, W width, C channels, h w the same in blocks of ``BLOCK_PX``.
"""

import cv2
import numpy as np

from toolkit.m2m.types import Array

BLOCK_PX = 4
"""Motion and brightness are smooth: they are kept as one value for a block of this size."""


def fill_smoothly(values_HWC: Array, weights_HW: Array) -> Array:
    """Continue values smoothly to where their weight is 0 (push-pull over a pyramid).

    Args:
        values_HWC: [H, W, C] float32.
        weights_HW: [H, W] float32 0..1, how much each value counts.

    Returns:
        [H, W, C] float32; 0 everywhere if no value counts.
    """
    height, width = weights_HW.shape
    if weights_HW.min() >= 1 or max(height, width) == 1:
        return values_HWC * (weights_HW > 0)[..., None]
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse_values, coarse_weights = _average(values_HWC, weights_HW, half)
    coarse = fill_smoothly(coarse_values, np.minimum(4 * coarse_weights, 1))
    below_HWC = _resize(coarse, (width, height), cv2.INTER_LINEAR)
    return np.asarray(below_HWC + weights_HW[..., None] * (values_HWC - below_HWC))


def fill_in_blocks(values_HWC: Array, weights_HW: Array) -> Array:
    """Average values over blocks and continue them smoothly to blocks without any: [h, w, C]."""
    height, width = weights_HW.shape
    size = (-(-width // BLOCK_PX), -(-height // BLOCK_PX))
    values_hwC, weights_hw = _average(values_HWC, weights_HW, size)
    return fill_smoothly(values_hwC, np.minimum(4 * weights_hw, 1))


def enlarge(values_hwC: Array, height: int, width: int) -> Array:
    """Interpolate values kept in blocks back to pixels: [H, W, C]."""
    return _resize(values_hwC, (width, height), cv2.INTER_LINEAR)


def _average(values_HWC: Array, weights_HW: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Weighted means and mean weights over a coarser raster of ``size`` (width, height)."""
    weights = cv2.resize(weights_HW, size, interpolation=cv2.INTER_AREA)
    sums = _resize(values_HWC * weights_HW[..., None], size, cv2.INTER_AREA)
    return sums / np.maximum(weights, 1e-6)[..., None], weights


def _resize(values_HWC: Array, size: tuple[int, int], interpolation: int) -> Array:
    resized = cv2.resize(values_HWC, size, interpolation=interpolation)
    return resized.reshape(size[1], size[0], values_HWC.shape[2])
