"""Compositing."""

import numpy as np

from toolkit.m2m.composite import composite


def test_opaque_covers_and_empty_leaves_the_background():
    """Alpha 255 is the render, alpha 0 the background, to the last bit."""
    rng = np.random.default_rng(0)
    background = rng.integers(0, 256, (4, 6, 3), np.uint8)
    render = rng.integers(0, 256, (4, 6, 4), np.uint8)
    render[:2, :, 3], render[2:, :, 3] = 255, 0
    result = composite(render, background)
    assert np.array_equal(result[:2], render[:2, :, :3])
    assert np.array_equal(result[2:], background[2:])


def test_half_covered_pixels_are_mixed():
    """The edge of the mesh is a mean of mesh and background, rounded."""
    render = np.full((1, 1, 4), 200, np.uint8)
    render[..., 3] = 128
    result = composite(render, np.full((1, 1, 3), 100, np.uint8))
    assert result.dtype == np.uint8
    assert (result == round((200 * 128 + 100 * 127) / 255)).all()
