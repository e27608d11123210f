"""What pre-training hides."""

import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch

from benchmarks.masking import draw_tube_mask, split_mask
from toolkit.errors import ConfigError

GRID = (8, 14, 14)


def draw(seed: int) -> torch.Tensor:
    """Return a mask of ViT-B."""
    return draw_tube_mask(GRID, 0.9, torch.Generator().manual_seed(seed))


def test_masks_are_tubes():
    """The same 176 of 196 places in each of the 8 frames of tokens: 1,408 masked, 160 visible."""
    masked_TS = draw(0).reshape(8, 196)
    assert (masked_TS == masked_TS[0]).all()
    assert masked_TS[0].sum() == 176
    assert masked_TS.sum() == 1408


def test_the_seed_decides_the_mask():
    """The same for the same seed, another one for another, and every place is masked at times."""
    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))
    share_N = torch.stack([draw(seed) for seed in range(300)]).float().mean(0)
    assert 0.8 < share_N.min() <= share_N.max() < 1


def test_a_mask_splits_into_ascending_indices():
    """Every token is in one of the two lists."""
    masked_BN = torch.stack([draw(1), draw(2)])
    visible_BV, masked_BM = split_mask(masked_BN)
    assert visible_BV.shape == (2, 160)
    for sample in range(2):
        assert masked_BN[sample, masked_BM[sample]].all()
        assert (visible_BV[sample].diff() > 0).all()
        both = torch.cat([visible_BV[sample], masked_BM[sample]])
        assert torch.equal(both.sort().values, torch.arange(1568))


def test_masks_that_cannot_be_used_are_refused():
    """Nothing visible, nothing masked, and samples that mask different numbers."""
    for ratio in (0.0, 1.0):
        with pytest.raises(ConfigError, match="some must be masked and some visible"):
            draw_tube_mask(GRID, ratio)
    with pytest.raises(ConfigError, match="the same in all"):
        split_mask(torch.tensor([[True, False], [True, True]]))
