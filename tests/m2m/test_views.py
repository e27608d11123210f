"""Frames as detectors want them: shape, size, and what they show."""

import cv2
import numpy as np
import pytest

from tests.actors_clip import store
from toolkit.actors.generate import ActorClip
from toolkit.m2m.views import square_pixel_views, view_size

SIZE = (432, 240)


@pytest.mark.parametrize(
    ("shape", "pixel_aspect", "size"),
    [
        ((240, 432, 3), 1.0, (432, 240)),
        ((240, 216, 3), 2.0, (305, 170)),
        ((1080, 1920, 3), 1.0, (512, 288)),
        ((2160, 3840, 3), 1.0, (512, 288)),
        ((16, 16, 3), 1.0, (16, 16)),
    ],
)
def test_views_have_square_pixels_and_no_more_than_the_networks_need(
    shape: tuple[int, int, int], pixel_aspect: float, size: tuple[int, int]
) -> None:
    """The picture's shape as displayed, at most 512x288 pixels of it, never enlarged."""
    width, height = view_size(shape, pixel_aspect)
    assert (width, height) == size
    assert width / height == pytest.approx(shape[1] * pixel_aspect / shape[0], rel=0.01)


def test_views_show_the_frames(actor: ActorClip) -> None:
    """The same pictures at the size of ``view_size``."""
    views = square_pixel_views(store(actor.frames_THWC[:2]), 1.2)
    assert views.frame_shape == (*view_size((240, 432, 3), 1.2)[::-1], 3)
    back_HWC = cv2.resize(views[1], SIZE, interpolation=cv2.INTER_CUBIC)
    assert np.abs(back_HWC.astype(int) - actor.frames_THWC[1]).mean() < 8
