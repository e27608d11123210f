"""Shadows of people, added to what is removed."""

import numpy as np

from tests.actors_clip import panned, read_masks, store, true_people, with_shadow
from toolkit.actors.generate import ActorClip
from toolkit.m2m.people import gather_people
from toolkit.m2m.shadows import add_shadows

VISIBLE_STEP = 12
"""So many levels darker (of 255), a shadow is plain to see."""


def _grown(frames_THWC: np.ndarray, masks_THW: np.ndarray) -> np.ndarray:
    people = true_people(masks_THW)
    return read_masks(add_shadows(store(frames_THWC), people.masks, people.cores))


def _shade(actor: ActorClip, frames_THWC: np.ndarray) -> np.ndarray:
    """Where the shadow shows: [T, H, W] bool."""
    step_THWC = actor.frames_THWC.astype(int) - frames_THWC
    return np.asarray(step_THWC.max(3) > VISIBLE_STEP)


def test_the_shadow_is_removed_and_not_much_else(actor: ActorClip) -> None:
    """But for what was never seen lit; the masks of the actor stay."""
    frames_THWC = with_shadow(actor)
    grown_THW = _grown(frames_THWC, actor.masks_THW)
    masks_THW = read_masks(true_people(actor.masks_THW).masks)
    shade_THW = _shade(actor, frames_THWC)
    assert shade_THW.sum() > 20_000
    assert grown_THW[shade_THW].mean() > 0.97
    assert grown_THW[masks_THW].all()
    assert (grown_THW & ~masks_THW).sum() < 1.5 * (shade_THW & ~masks_THW).sum()


def test_where_nothing_is_shaded_nothing_is_added(actor: ActorClip) -> None:
    """Nor where the camera moves."""
    assert _grown(actor.frames_THWC, actor.masks_THW).sum() == _masked(actor.masks_THW)
    moving_THW = panned(actor.masks_THW)
    assert _grown(panned(with_shadow(actor)), moving_THW).sum() == _masked(moving_THW)


def _masked(masks_THW: np.ndarray) -> int:
    return int(read_masks(true_people(masks_THW).masks).sum())


def test_a_shadow_is_removed_and_no_part_of_the_outline(actor: ActorClip) -> None:
    """The mask stage as a whole: the shadow, far from the actor, is in the masks alone."""
    frames_THWC = with_shadow(actor, 0.85)
    frames, tracks = store(frames_THWC), true_people(actor.masks_THW).tracks
    people = gather_people(tracks, frames, frames, [[]] * len(frames))
    shade_THW = _shade(actor, frames_THWC)
    assert read_masks(people.masks)[shade_THW].mean() > 0.9
    assert read_masks(people.cores)[shade_THW].mean() < 0.05
