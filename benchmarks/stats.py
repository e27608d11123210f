"""How sure one can be of an accuracy, and of the difference of two."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, bootstrap, t

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A share or a difference, and the ends of its 95% interval."""

    value: float
    low: float
    high: float


def bound_accuracy(num_right: int, num_clips: int) -> Interval:
    """Return a share of clips with its Wilson interval (Wilson, JASA 1927)."""
    ends = binomtest(num_right, num_clips).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(num_right / num_clips, float(ends.low), float(ends.high))


def bound_mean(values: Sequence[float]) -> Interval:
    """Return the mean of runs that differ by their seed, with Student's interval.

    One run has no interval: its ends are NaN.
    """
    mean, num = float(np.mean(values)), len(values)
    if num == 1:
        return Interval(mean, math.nan, math.nan)
    half = float(t.ppf((1 + CONFIDENCE) / 2, num - 1) * np.std(values, ddof=1) / math.sqrt(num))
    return Interval(mean, mean - half, mean + half)


def compare_accuracies(
    right_N: NDArray[np.bool_] | NDArray[np.float64],
    others_right_N: NDArray[np.bool_] | NDArray[np.float64],
    seed: int = 0,
) -> Interval:
    """Return how much more often one was right than another on the same clips.

    The interval is of 9,999 resamples of clips, in pairs (percentile bootstrap). Where it holds 0,
    the two cannot be told apart.

    Args:
        right_N: whether each clip was taken for what it is, by the one; or by which share of
            runs that differ by their seed.
        others_right_N: the same of the same clips, by the other.
        seed: of the resamples.
    """
    difference_N = right_N.astype(float) - others_right_N.astype(float)
    value = float(difference_N.mean())
    if (difference_N == difference_N[0]).all():
        return Interval(value, value, value)
    ends = bootstrap(
        (difference_N,),
        np.mean,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        batch=100,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(value, float(ends.low), float(ends.high))


def resample_means(tasks: Sequence[NDArray[np.float64]], seed: int = 0) -> NDArray[np.float64]:
    """Return the mean over tasks of several models, for 9,999 resamples of the clips.

    Clips are drawn anew within each task, the same for all models, so that the differences of two
    rows are those of a paired bootstrap.

    Args:
        tasks: of each, [models, clips]: by which share of runs a clip was taken for what it is.
        seed: of the resamples.

    Returns:
        [models, resamples].
    """
    rng = np.random.default_rng(seed)
    num_models, batch = len(tasks[0]), 99
    means = np.zeros((num_models, 9999))
    for right in tasks:
        num = right.shape[1]
        for start in range(0, means.shape[1], batch):
            counts = rng.multinomial(num, np.full(num, 1 / num), size=batch)
            means[:, start : start + batch] += right @ counts.T / num
    return means / len(tasks)
