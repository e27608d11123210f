"""Something beside a mask that has another colour than the scene."""

import numpy as np

from toolkit.actors.generate import ActorClip
from toolkit.qa.checks import load_limits
from toolkit.qa.colour import colour_share

LIMIT = load_limits()["colour"].value


def _scene(actor: ActorClip) -> tuple[np.ndarray, np.ndarray]:
    return actor.background_THWC[0], np.ones(actor.masks_THW.shape[1:], bool)


def _mask(actor: ActorClip) -> np.ndarray:
    return actor.masks_THW[18].astype(np.uint8) * 255


def test_a_pale_sleeve_above_a_head_is_found(actor: ActorClip) -> None:
    """A little redder than the wall, and as bright."""
    source_HWC, mask_HW = actor.background_THWC[18].copy(), _mask(actor)
    top = int(np.flatnonzero(mask_HW.any(1))[0])
    x = int(np.flatnonzero(mask_HW[top])[0])
    sleeve = slice(top - 24, top), slice(x, x + 14)
    source_HWC[sleeve] = np.clip(source_HWC[sleeve] + np.array([14, -8, -4]), 0, 255)
    found = colour_share(source_HWC, _scene(actor), mask_HW)
    assert found > LIMIT
    assert found.box_xyxy is not None
    assert found.box_xyxy[1] < top


def test_shadow_and_noise_are_the_scenes(actor: ActorClip) -> None:
    """Darker by a third beside the mask, in another light, with the noise of a codec."""
    noise_HWC = np.random.default_rng(0).normal(0, 3, actor.background_THWC[18].shape)
    source_HWC = actor.background_THWC[18] * 0.9
    source_HWC[200:, 100:300] *= 0.67
    source_HWC = np.clip(source_HWC + noise_HWC, 0, 255).astype(np.uint8)
    assert colour_share(source_HWC, _scene(actor), _mask(actor)) < LIMIT


def test_elsewhere_and_before_a_moving_camera_nothing_is_said(actor: ActorClip) -> None:
    """What touches nobody is for unexplained_motion; without a still scene nothing is known."""
    source_HWC, mask_HW = actor.background_THWC[18].copy(), _mask(actor)
    source_HWC[:30, :30] = (200, 40, 40)
    assert colour_share(source_HWC, _scene(actor), mask_HW) < LIMIT
    assert colour_share(255 - source_HWC, None, mask_HW) == 0
