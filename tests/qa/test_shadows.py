"""A shadow that masks leave in the clip."""

import numpy as np
import pytest

from tests.actors_clip import panned, store, true_people, with_shadow
from toolkit.actors.generate import ActorClip
from toolkit.m2m.background import Background
from toolkit.m2m.shadows import Shadows
from toolkit.qa.checks import load_limits
from toolkit.qa.shadows import shadow_share

LIMIT = load_limits()["shadows"].value


def _shares(frames_THWC: np.ndarray, masks_THW: np.ndarray) -> np.ndarray:
    frames, people = store(frames_THWC), true_people(masks_THW)
    shadows = Shadows(Background(frames, people.masks), people.cores)
    return np.array([shadow_share(shadows, index) for index in range(len(frames))])


@pytest.mark.parametrize("light", [0.6, 0.85, (0.55, 0.6, 0.68)])
def test_the_shadow_of_who_walks_by_is_found(
    actor: ActorClip, light: float | tuple[float, ...]
) -> None:
    """Deep, faint, or bluish under the sky, in every frame in which it is large."""
    shares_T = _shares(with_shadow(actor, light), actor.masks_THW)
    true_T = (with_shadow(actor, 0.0) != actor.frames_THWC).any(3).mean((1, 2))
    large_T = true_T > 5 * LIMIT
    assert large_T.sum() > 10
    assert (shares_T[large_T] > LIMIT).all()


def test_no_shadow_is_found_where_there_is_none(actor: ActorClip) -> None:
    """Masks that fit leave nothing."""
    assert _shares(actor.frames_THWC, actor.masks_THW).max() < 0.5 * LIMIT


def test_the_light_of_the_whole_room_is_no_shadow(actor: ActorClip) -> None:
    """A camera that adjusts its exposure makes every second frame darker."""
    frames_THWC = actor.frames_THWC.copy()
    frames_THWC[::2] = np.rint(0.8 * frames_THWC[::2])
    assert _shares(frames_THWC, actor.masks_THW).max() < LIMIT


def test_a_coloured_light_is_no_shadow(actor: ActorClip) -> None:
    """A place that loses its blue is not shaded."""
    assert _shares(with_shadow(actor, (0.95, 0.9, 0.5)), actor.masks_THW).max() < LIMIT


def test_before_a_moving_camera_nothing_is_said(actor: ActorClip) -> None:
    """What is darker than before is another place."""
    frames_THWC = panned(with_shadow(actor))
    assert _shares(frames_THWC, panned(actor.masks_THW)).max() == 0


def test_without_people_there_is_nobody_to_cast_a_shadow(actor: ActorClip) -> None:
    """A cloud, or a curtain, is nobody's."""
    assert _shares(with_shadow(actor), np.zeros_like(actor.masks_THW)).max() == 0
