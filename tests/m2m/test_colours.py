"""What differs in colour, and what differs in light alone."""

import numpy as np

from toolkit.m2m.colours import chroma_step

GROUND_HWC = np.full((40, 60, 3), (150, 120, 90), np.uint8)
FREE_HW = np.ones((40, 60), bool)
INSIDE = np.s_[14:26, 24:36]


def test_the_step_is_that_of_red_and_blue_chroma() -> None:
    """Redder by 14 levels at the same luma: Cr is 0.713 of R less luma (ITU-R BT.601)."""
    frame_HWC = GROUND_HWC.copy()
    frame_HWC[10:30, 20:40] += np.array([14, 249, 0], np.uint8)  # 14 more red, 7 less green
    step_HW = chroma_step(frame_HWC, GROUND_HWC, FREE_HW)
    np.testing.assert_allclose(step_HW[INSIDE], 0.713 * 14, atol=1.5)
    assert step_HW[:5].max() == 0


def test_shadow_and_white_balance_are_no_step() -> None:
    """Half the light in one place, and a bluer picture everywhere."""
    frame_HWC = GROUND_HWC + np.array([0, 0, 12], np.uint8)
    frame_HWC[10:30, 20:40] //= 2
    assert chroma_step(frame_HWC, GROUND_HWC, FREE_HW)[INSIDE].max() < 3
