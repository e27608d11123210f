"""Somebody who is there for a moment."""

import numpy as np
import pytest

from tests.actors_clip import panned
from toolkit.actors.generate import ActorClip
from toolkit.qa.checks import load_limits
from toolkit.qa.flash import flash_share

LIMIT = load_limits()["flash"].value


def _shares(shown_THWC: np.ndarray, masks_THW: np.ndarray) -> np.ndarray:
    masks_THW = masks_THW.astype(np.uint8) * 255
    num_frames = len(shown_THWC)
    frames, masks = shown_THWC.__getitem__, masks_THW.__getitem__
    return np.array([flash_share(frames, masks, i, num_frames) for i in range(num_frames)])


@pytest.mark.parametrize("lost", [[18], [18, 19], [18, 19, 20]])
def test_who_is_there_for_up_to_three_frames_is_found(actor: ActorClip, lost: list[int]) -> None:
    """In one of them at least."""
    shown_THWC = actor.background_THWC.copy()
    shown_THWC[lost] = actor.frames_THWC[lost]
    shares_T = _shares(shown_THWC, actor.masks_THW)
    assert shares_T[lost].max() > 10 * LIMIT
    assert shares_T[: lost[0] - 2].max() < LIMIT


def test_an_empty_room_does_not_flash(actor: ActorClip) -> None:
    """With the noise of a codec, and before a camera that pans."""
    noise_THWC = np.random.default_rng(0).normal(0, 3, actor.background_THWC.shape)
    noisy_THWC = np.clip(actor.background_THWC + noise_THWC, 0, 255).astype(np.uint8)
    assert _shares(noisy_THWC, actor.masks_THW).max() < LIMIT
    assert _shares(panned(actor.background_THWC), panned(actor.masks_THW)).max() < LIMIT


def test_what_flashes_elsewhere_is_the_scenes(actor: ActorClip) -> None:
    """A lamp far from everybody who is removed."""
    shown_THWC = actor.background_THWC.copy()
    shown_THWC[18, :40, :40] = 255
    masks_THW = np.zeros_like(actor.masks_THW)
    masks_THW[:, 150:, 300:] = True
    assert _shares(shown_THWC, masks_THW).max() == 0


def test_a_clip_of_one_frame_has_no_before() -> None:
    """Nothing can be said, and the other checks decide."""
    assert _shares(np.zeros((1, 60, 80, 3), np.uint8), np.ones((1, 60, 80), bool)).max() == 0
