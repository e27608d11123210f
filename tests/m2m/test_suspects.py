"""What may be somebody and never moves is masked in every frame; what moves is not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.actors_clip import panned, read_masks, store, true_people
from toolkit.actors.generate import ActorClip
from toolkit.m2m.background import Background
from toolkit.m2m.suspects import mask_suspects
from toolkit.m2m.types import Evidence, People

VASE = Evidence("tile", (20, 100, 60, 160), 0.5)


def _mask(frames_THWC: np.ndarray, people: People, *signs: Evidence) -> People | None:
    return mask_suspects(Background(store(frames_THWC), people.masks), people, signs)


def test_what_stands_still_is_masked_in_every_frame(actor: ActorClip) -> None:
    """With a margin, in a track of its own; nothing else changes."""
    people = true_people(actor.masks_THW)
    more = _mask(actor.frames_THWC, people, VASE, replace(VASE, box_xyxy=(24, 104, 64, 164)))
    assert more is not None
    added_THW = read_masks(more.masks) & ~read_masks(people.masks)
    assert read_masks(more.masks)[:, 90:175, 12:72].all()
    assert not added_THW[:, :, 90:].any()
    assert len(more.tracks) == 2
    assert set(more.tracks[1].frames) == set(range(len(actor.frames_THWC)))
    np.testing.assert_array_equal(more.tracks[1].frames[0].box_xyxy, (20, 100, 64, 164))


def _darker(frames_THWC: np.ndarray) -> None:
    """Light is no change."""
    frames_THWC[10:20] = (frames_THWC[10:20] * 0.8).astype(np.uint8)


def test_light_that_changes_is_no_movement(actor: ActorClip) -> None:
    """The whole room gets darker for a while."""
    frames_THWC = actor.frames_THWC.copy()
    _darker(frames_THWC)
    assert _mask(frames_THWC, true_people(actor.masks_THW), VASE)


def _blink(frames_THWC: np.ndarray) -> None:
    frames_THWC[17, 120:130, 30:40] = 0


def _wave_beside(frames_THWC: np.ndarray) -> None:
    frames_THWC[17:19, 120:130, 62:68] = 0


@pytest.mark.parametrize("change", [_blink, _wave_beside])
def test_what_moves_is_left_to_the_checks(
    actor: ActorClip, change: Callable[[np.ndarray], None]
) -> None:
    """In one frame, also in the margin: it may be somebody who moves on."""
    frames_THWC = actor.frames_THWC.copy()
    change(frames_THWC)
    assert _mask(frames_THWC, true_people(actor.masks_THW), VASE) is None


def test_a_camera_that_moves_tells_nothing(actor: ActorClip) -> None:
    """What stands still is then somewhere else in every frame."""
    people = true_people(panned(actor.masks_THW))
    assert _mask(panned(actor.frames_THWC), people, VASE) is None


def test_nothing_suspected_masks_nothing(actor: ActorClip) -> None:
    """The clip stays as it is."""
    assert _mask(actor.frames_THWC, true_people(actor.masks_THW)) is None


def test_half_a_frame_is_no_place(actor: ActorClip) -> None:
    """A detector that takes the whole scene for somebody would have it all removed."""
    scene = replace(VASE, box_xyxy=(20, 20, 236, 220))
    assert _mask(actor.frames_THWC, true_people(actor.masks_THW), scene) is None


@pytest.mark.parametrize(
    "box_xyxy", [(1, 100, 40, 160), (380, 100, 431, 160), (435, 100, 475, 160)]
)
def test_what_the_frame_cuts_off_is_left_to_the_checks(
    actor: ActorClip, box_xyxy: tuple[float, float, float, float]
) -> None:
    """Nobody knows how much more of it there is; a detector's box may be beyond the edge."""
    sign = replace(VASE, box_xyxy=box_xyxy)
    assert _mask(actor.frames_THWC, true_people(actor.masks_THW), sign) is None
