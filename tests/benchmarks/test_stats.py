"""How sure one can be."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra train")

from benchmarks.stats import bound_accuracy, bound_mean, compare_accuracies


def test_wilson_by_hand():
    """8 of 10: Wilson's formula, worked out; and no interval leaves 0 to 1."""
    z2 = 1.959963984540054**2
    centre = (8 + z2 / 2) / (10 + z2)
    half = (z2 * (0.8 * 0.2 / 10 + z2 / 400)) ** 0.5 / (1 + z2 / 10)
    found = bound_accuracy(8, 10)
    assert (found.value, found.low, found.high) == pytest.approx(
        (0.8, centre - half, centre + half)
    )
    assert bound_accuracy(10, 10).high == 1
    assert bound_accuracy(10, 10).low < 0.8


def test_a_half_point_on_ucf101_cannot_be_told():
    """Of 3,783 clips, each of two models wrong on some others; ten points can be told."""
    rng = np.random.default_rng(0)
    right = rng.random(3783) < 0.85
    near, far = right.copy(), right.copy()
    near[rng.choice(3783, 200, replace=False)] ^= True
    far[rng.choice(3783, 800, replace=False)] ^= True
    other = right.copy()
    other[rng.choice(3783, 200, replace=False)] ^= True
    tied = compare_accuracies(near, other)
    assert tied.low < 0 < tied.high
    assert compare_accuracies(right, far).low > 0.05


def test_pairs_are_kept_together():
    """Models that are right on the same clips differ surely, though each is unsure."""
    rng = np.random.default_rng(0)
    right = rng.random(1000) < 0.5
    better = right | (np.arange(1000) < 40)
    found = compare_accuracies(better, right)
    assert found.low > 0
    assert found.high - found.low < 0.03
    assert compare_accuracies(right, right) == compare_accuracies(right, right, seed=1)
    assert compare_accuracies(better, right) == compare_accuracies(better, right)


def test_the_interval_of_three_seeds_by_hand():
    """Student's, with two degrees of freedom; one seed has none."""
    found = bound_mean([0.5, 0.6, 0.7])
    half = 4.302652729749464 * 0.1 / 3**0.5
    assert (found.value, found.low, found.high) == pytest.approx((0.6, 0.6 - half, 0.6 + half))
    assert np.isnan(bound_mean([0.5]).low)


def test_shares_of_seeds_are_compared_by_clip():
    """A clip that one of two seeds has right counts half."""
    found = compare_accuracies(np.array([1.0, 0.5, 0.5, 0.0] * 50), np.zeros(200))
    assert found.value == 0.5
    assert 0.4 < found.low < 0.5 < found.high < 0.6
