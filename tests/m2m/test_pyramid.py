import numpy as np

from toolkit.m2m import pyramid


def test_fill_smoothly_continues_a_slope_into_a_hole() -> None:
    """Known values stay as they are; the hole gets values between those around it."""
    slope_HW1 = np.tile(np.linspace(0, 100, 64, dtype=np.float32), (48, 1))[..., None]
    weights_HW = np.ones((48, 64), np.float32)
    weights_HW[10:30, 20:40] = 0
    filled_HW1 = pyramid.fill_smoothly(slope_HW1 * weights_HW[..., None], weights_HW)
    np.testing.assert_allclose(filled_HW1[weights_HW > 0], slope_HW1[weights_HW > 0], atol=1e-3)
    assert np.abs(filled_HW1 - slope_HW1).max() < 12


def test_fill_smoothly_without_anything_known_is_zero() -> None:
    """No weight anywhere gives zeros, not NaN."""
    filled = pyramid.fill_smoothly(np.ones((7, 5, 2), np.float32), np.zeros((7, 5), np.float32))
    np.testing.assert_array_equal(filled, np.zeros((7, 5, 2)))


def test_blocks_keep_a_smooth_field() -> None:
    """A slope kept in blocks and enlarged again is the slope, to less than half a block's step."""
    slope_HW1 = np.tile(np.arange(50, dtype=np.float32), (31, 1))[..., None]
    blocks = pyramid.fill_in_blocks(slope_HW1, np.ones((31, 50), np.float32))
    assert blocks.shape == (8, 13, 1)
    assert np.abs(pyramid.enlarge(blocks, 31, 50) - slope_HW1).max() < pyramid.BLOCK_PX / 2
