"""Bounds of shares, against known figures."""

import numpy as np
import pytest

from toolkit.qa.bounds import leak_bound, lower_bound, upper_bound, wilson_interval


def test_the_papers_occlusion_rate() -> None:
    """21 of 750 clips, 2.8%: the interval that Wilson's formula gives by hand."""
    share, total, z = 21 / 750, 750, 1.959963985
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    assert wilson_interval(21, 750) == pytest.approx((middle - half, middle + half))


def test_none_of_many() -> None:
    """Where none is seen, what is not excluded is the share that is missed once in 20 times."""
    for total in (1, 60, 750):
        assert (1 - upper_bound(0, total)) ** total == pytest.approx(0.05)
    assert upper_bound(0, 60) == pytest.approx(0.0487, abs=1e-4)
    assert lower_bound(60, 60) == pytest.approx(1 - 0.0487, abs=1e-4)


def test_a_bound_holds_as_often_as_it_says() -> None:
    """Of samples of a known share, at most one in 20 has its bound below it."""
    counts = np.random.default_rng(0).binomial(50, 0.1, 1000)
    bounds = np.array([upper_bound(count, 50) for count in range(51)])[counts]
    assert (bounds < 0.1).mean() <= 0.05


def test_nothing_looked_at_says_nothing() -> None:
    """No clip, or no leak caught, excludes nothing."""
    assert (upper_bound(0, 0), lower_bound(0, 0), wilson_interval(0, 0)) == (1, 0, (0, 1))
    assert leak_bound(0, 0, 0, 0) == leak_bound(5, 5, 9, 9) == leak_bound(5, 100, 0, 9) == 1


def test_leaks_that_pass_are_no_more_than_those_that_are_caught() -> None:
    """Checks that catch half of all leaks let through as many as they quarantine."""
    assert leak_bound(100_000, 1_000_000, 500_000, 1_000_000) == pytest.approx(1 / 9, rel=0.02)
    assert leak_bound(90, 100, 1, 1000) == 1


def test_no_clip_held_back_is_no_proof_that_none_leaks() -> None:
    """The fewer clips were measured, the less it says."""
    few, many = leak_bound(0, 8, 500, 1000), leak_bound(0, 8000, 500, 1000)
    assert 0.3 < few < 1
    assert 0 < many < 0.001


def test_the_bound_from_planted_leaks_holds_as_often_as_it_says() -> None:
    """Of builds with a known share of leaks, at most one in 20 has its bound below it."""
    rng, leaking, recall = np.random.default_rng(0), 0.08, 0.8
    too_low = 0
    for _ in range(400):
        caught = int(rng.binomial(60, recall))
        held = int(rng.binomial(100, leaking * recall))
        too_low += leak_bound(held, 100, caught, 60) < leaking * (1 - recall) / (
            1 - leaking * recall
        )
    assert too_low / 400 <= 0.05
