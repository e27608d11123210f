"""Parts of people that masks let go of are masked after all."""

from dataclasses import replace

import numpy as np

from tests.actors_clip import read_masks, store, true_people
from toolkit.actors.generate import ActorClip
from toolkit.m2m.left_behind import mask_left_behind

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
