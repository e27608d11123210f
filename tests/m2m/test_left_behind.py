"""Parts of people that masks let go of are masked after all."""

from dataclasses import replace

import numpy as np
import pytest

from tests.actors_clip import read_masks, store, true_people
from toolkit.actors.generate import ActorClip
from toolkit.m2m.left_behind import left_behind, mask_left_behind
from toolkit.m2m.masks import dilate
from toolkit.m2m.types import People

FPS = 12.0
LOST = range(15, 21)
"""Half a second."""


def test_a_part_that_is_let_go_of_is_masked(actor: ActorClip) -> None:
    """About half of the legs: what looks the same before and after. Nothing else changes."""
    frames, people = store(actor.frames_THWC), true_people(actor.masks_THW)
    masks, cores = (np.stack(list(kept)) for kept in (people.masks, people.cores))
    for index in LOST:
        masks[index][150:] = cores[index][150:] = 0
    leaky = replace(people, masks=store(masks), cores=store(cores))
    mended = read_masks(mask_left_behind(frames, leaky, FPS).masks)
    kept = np.setdiff1d(np.arange(len(masks)), LOST)
    legs_THW = actor.masks_THW & (np.arange(masks.shape[1]) >= 150)[:, None]
    assert not (mended < (masks > 0)).any()
    assert np.count_nonzero(mended[kept] & (masks[kept] == 0)) < 100
    assert mended[LOST][legs_THW[LOST]].mean() > 0.4


def _standing(actor: ActorClip) -> tuple[np.ndarray, np.ndarray]:
    """Frames and masks of 60 frames in which the actor stands as in one, and a codec's noise."""
    rng = np.random.default_rng(0)
    noise_THWC = rng.integers(-2, 3, (60, *actor.frames_THWC.shape[1:]))
    frames_THWC = np.clip(actor.frames_THWC[12] + noise_THWC, 0, 255).astype(np.uint8)
    return frames_THWC, np.repeat(actor.masks_THW[12:13], 60, axis=0)


def test_a_shoe_that_stands_still_is_masked_for_as_long(actor: ActorClip) -> None:
    """Let go of for two seconds at the end; what is masked in no frame stays background."""
    frames_THWC, masks_THW = _standing(actor)
    people = true_people(masks_THW)
    masks, cores = (np.stack(list(kept)) for kept in (people.masks, people.cores))
    rows = np.flatnonzero(masks_THW[0].any(1))
    shoes = slice(rows[-1] - 8, None)
    masks[36:, shoes] = cores[36:, shoes] = 0
    leaky = replace(people, masks=store(masks), cores=store(cores))
    mended = read_masks(mask_left_behind(store(frames_THWC), leaky, FPS).masks)
    true_HW = masks_THW[0] & (np.arange(masks.shape[1]) >= shoes.start)[:, None]
    assert true_HW.sum() > 60
    assert mended[36:, true_HW].mean() > 0.95
    assert not (mended[:36] != (masks[:36] > 0)).any()
    assert not (mended[36:] & ~read_masks(people.masks)[36:]).sum(0).max(initial=0) > 24


def test_ground_that_a_few_outlines_take_in_is_not_masked(actor: ActorClip) -> None:
    """In a third of the frames the outline bulges; the others show that it is the room."""
    frames_THWC, masks_THW = _standing(actor)
    bulging_THW = masks_THW.copy()
    bulging_THW[::3] |= np.roll(masks_THW[::3], 12, axis=2)
    people = true_people(bulging_THW)
    before, after = people.masks, mask_left_behind(store(frames_THWC), people, 60.0).masks
    lean = np.arange(60) % 3 != 0
    assert np.count_nonzero(read_masks(after)[lean] & ~read_masks(before)[lean]) == 0


@pytest.mark.parametrize("index", [0, 35])
def test_somebody_who_is_missed_at_an_end_is_found(actor: ActorClip, index: int) -> None:
    """In the first frame and in the last, there is only one side to look at."""
    frames, masks = store(actor.frames_THWC), actor.masks_THW.astype(np.uint8) * 255
    missed = masks.copy()
    missed[index] = 0
    dilated = np.stack([dilate(mask_HW) for mask_HW in missed])
    people = People([], store(dilated), store(missed), [], [])
    found_HW = left_behind(frames, people, index, fps=12) != 0
    inside_HW = masks[index] != 0
    assert (found_HW & inside_HW).sum() > 0.25 * inside_HW.sum()
    assert (found_HW & ~inside_HW).sum() < 0.1 * inside_HW.sum()
