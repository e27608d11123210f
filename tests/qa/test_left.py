"""A part of somebody that masks let go of for a while."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from tests.actors_clip import panned, store, true_people
from toolkit.actors.generate import ActorClip
from toolkit.m2m.types import People
from toolkit.qa.checks import load_limits
from toolkit.qa.left import left_behind_share

FPS = 12.0
LEGS = slice(150, 240)
LOST = range(15, 21)
"""Half a second."""


def _without(people: People, lost_THW: np.ndarray, indices: Iterable[int]) -> People:
    """The same people, with something in no mask and no outline of some frames."""
    masks, cores = (np.stack(list(frames)) for frames in (people.masks, people.cores))
    for index in indices:
        masks[index][lost_THW[index]] = cores[index][lost_THW[index]] = 0
    return replace(people, masks=store(masks), cores=store(cores))


def _around(rows: slice, masks_THW: np.ndarray) -> np.ndarray:
    where_THW = np.zeros(masks_THW.shape, bool)
    where_THW[:, rows] = True
    return where_THW


@pytest.fixture(params=["still", "panned"])
def film(request: pytest.FixtureRequest, actor: ActorClip) -> tuple[np.ndarray, np.ndarray]:
    """Frames and masks of an actor, before a camera that stands still and one that does not."""
    pair = actor.frames_THWC, actor.masks_THW
    return pair if request.param == "still" else (panned(pair[0]), panned(pair[1]))


def test_nobody_is_left_by_masks_that_fit(film: tuple[np.ndarray, np.ndarray]) -> None:
    """Whatever moves, the person or the camera, and at both ends of the clip."""
    frames, people = store(film[0]), true_people(film[1])
    shares = [left_behind_share(frames, people, index, FPS) for index in range(len(frames))]
    assert max(shares) < 0.5 * load_limits()["left_behind"].value


def test_legs_lost_for_half_a_second_are_found(film: tuple[np.ndarray, np.ndarray]) -> None:
    """In the frames in which they are lost, and in no frame in which masks hold them."""
    frames, masks_THW = store(film[0]), film[1]
    leaky = _without(true_people(masks_THW), _around(LEGS, masks_THW), LOST)
    limit = load_limits()["left_behind"].value
    shares = [left_behind_share(frames, leaky, index, FPS) for index in range(len(frames))]
    assert max(shares[index] for index in LOST) > 2 * limit
    assert max(share for index, share in enumerate(shares) if index not in LOST) < limit


def test_a_person_lost_in_one_frame_is_found(actor: ActorClip) -> None:
    """The largest part of them that looks just the same before and after is enough."""
    everywhere_THW = np.ones(actor.masks_THW.shape, bool)
    leaky = _without(true_people(actor.masks_THW), everywhere_THW, [18])
    assert (
        left_behind_share(store(actor.frames_THWC), leaky, 18, FPS)
        > 5 * load_limits()["left_behind"].value
    )


def test_what_is_not_there_is_not_left(actor: ActorClip) -> None:
    """The mask lets go of the legs, but the source shows the room there: nothing is left."""
    people = true_people(actor.masks_THW)
    legs_THW = _around(LEGS, actor.masks_THW)
    source_THWC = actor.frames_THWC.copy()
    for index in LOST:
        source_THWC[index][legs_THW[index]] = actor.background_THWC[index][legs_THW[index]]
    leaky = _without(people, legs_THW, LOST)
    shares = [left_behind_share(store(source_THWC), leaky, index, FPS) for index in LOST]
    assert max(shares) < load_limits()["left_behind"].value


def test_one_frame_has_no_before_and_after(actor: ActorClip) -> None:
    """Nothing can be said, and the other checks decide."""
    nobody = true_people(np.zeros_like(actor.masks_THW[:1]))
    assert left_behind_share(store(actor.frames_THWC[:1]), nobody, 0, FPS) == 0
