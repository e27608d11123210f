"""Lay a rendered picture over a background."""

import numpy as np

from toolkit.m2m.types import Array


def composite(render_HWC: Array, background_HWC: Array) -> Array:
    """Return ``render_HWC`` over ``background_HWC`` as [H, W, 3] uint8.

    Args:
        render_HWC: [H, W, 4] uint8 RGBA, colour not multiplied by alpha.
        background_HWC: [H, W, 3] uint8 RGB.
    """
    alpha = render_HWC[..., 3:].astype(np.uint16)
    mixed = render_HWC[..., :3] * alpha + background_HWC * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)
