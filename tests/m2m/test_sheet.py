import numpy as np
import pytest

from toolkit.m2m import sheet


@pytest.fixture(scope="module")
def bands_HWC() -> np.ndarray:
    """A place as people stand in: sky, hedge and floor from side to side, darker to the right."""
    bands_HWC = np.zeros((120, 160, 3))
    bands_HWC[:50], bands_HWC[50:70], bands_HWC[70:] = (150, 180, 230), (30, 90, 40), (140, 120, 90)
    return np.rint(bands_HWC - 0.2 * np.arange(160)[:, None]).astype(np.uint8)


@pytest.fixture(scope="module")
def hole_HW() -> np.ndarray:
    """As large as somebody who stands there."""
    hole_HW = np.zeros((120, 160), np.uint8)
    hole_HW[20:105, 65:95] = 255
    return hole_HW


def test_bands_go_on_from_side_to_side(bands_HWC: np.ndarray, hole_HW: np.ndarray) -> None:
    """Away from the bands' edges the hole is what it hid; nothing else is touched."""
    frame_HWC = bands_HWC.copy()
    frame_HWC[hole_HW > 0] = (255, 0, 255)
    filled_HWC = sheet.stretch_over(frame_HWC, hole_HW)
    error_HW = np.abs(filled_HWC.astype(int) - bands_HWC).max(2)
    assert error_HW[hole_HW == 0].max() == 0
    assert max(error_HW[25:38].max(), error_HW[82:100].max()) <= 5
    assert error_HW[58:62].mean() < 15  # the narrow hedge


def test_a_large_hole_is_filled_at_half_the_size(
    bands_HWC: np.ndarray, hole_HW: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same sheet, but for what the coarser raster rounds."""
    whole_HWC = sheet.stretch_over(bands_HWC, hole_HW)
    monkeypatch.setattr(sheet, "MAX_SOLVED_PX", 200)
    coarse_HWC = sheet.stretch_over(bands_HWC, hole_HW)
    assert np.abs(coarse_HWC.astype(int) - whole_HWC)[hole_HW > 0].mean() < 5


@pytest.mark.parametrize("margin_px", [0, 1, 40])
def test_whatever_is_known_is_enough(bands_HWC: np.ndarray, margin_px: int) -> None:
    """Nothing known is grey; a frame of one pixel, or a broad one, is continued."""
    hole_HW = np.zeros((120, 160), bool)
    hole_HW[margin_px : 120 - margin_px, margin_px : 160 - margin_px] = True
    filled_HWC = sheet.stretch_over(bands_HWC, hole_HW)
    if margin_px == 0:
        assert (filled_HWC == sheet.MID_GREY).all()
    else:
        assert bands_HWC.min() <= filled_HWC.min() <= filled_HWC.max() <= bands_HWC.max()


def test_nothing_to_fill(bands_HWC: np.ndarray) -> None:
    """The frame comes back as it is."""
    filled_HWC = sheet.stretch_over(bands_HWC, np.zeros((120, 160), np.uint8))
    np.testing.assert_array_equal(filled_HWC, bands_HWC)
