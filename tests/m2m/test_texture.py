import cv2
import numpy as np

from toolkit.m2m.texture import same_texture


def _picture(seed: int) -> np.ndarray:
    noise_HWC = np.random.default_rng(seed).normal(size=(64, 64, 3))
    return np.uint8(np.clip(128 + 120 * cv2.GaussianBlur(noise_HWC, (0, 0), 1.5), 0, 255))


def test_the_same_thing_in_other_light_has_the_same_texture() -> None:
    """Darker, of less contrast, with noise."""
    picture_HWC = _picture(0)
    noise_HWC = np.random.default_rng(1).normal(0, 2, picture_HWC.shape)
    for other_HWC in (picture_HWC * 0.5, picture_HWC * 0.4 + 100, picture_HWC * 0.8 + noise_HWC):
        assert same_texture(picture_HWC, np.uint8(np.clip(other_HWC, 0, 255))).mean() > 0.95


def test_another_thing_has_not() -> None:
    """Another texture, a flat wall, and a flat wall again: nothing is there to recognise."""
    flat_HWC = np.full((64, 64, 3), 90, np.uint8)
    assert same_texture(_picture(0), _picture(2)).mean() < 0.05
    assert not same_texture(_picture(0), flat_HWC).any()
    assert not same_texture(flat_HWC, flat_HWC).any()
