import math

import numpy as np
import pytest

from tests.knexus.planted import plant
from toolkit.errors import InputError
from toolkit.knexus.bias import (
    class_bias,
    compare_classes,
    deal_folds,
    on_grid,
    pair_bias,
    recall_by_means,
    recall_by_probe,
    resound_bias,
    sum_by_class,
)


def test_bias_is_zero_at_chance_and_log_k_at_best() -> None:
    """B = log M - log 1/K, in nats."""
    assert resound_bias(np.full(4, 0.25)) == pytest.approx(0)
    assert resound_bias(np.ones(4)) == pytest.approx(math.log(4))
    assert resound_bias(np.array([0.2, 0.6])) == pytest.approx(math.log(0.4 * 2))
    assert math.isfinite(resound_bias(np.zeros(3)))
    np.testing.assert_allclose(class_bias(np.array([0.5, 1.0])), [0, math.log(2)])


def test_recall_is_what_a_plain_loop_finds() -> None:
    """Nearest class mean, each video left to means of the other folds, written out."""
    rows_ND, class_N, _ = plant(6, 3, 9, 16, within=0.3, noise=1.2)
    nearer_NC, fold_N = compare_classes(rows_ND, class_N, 6), deal_folds(class_N, 6, 0)
    subset, rights = [0, 2, 3, 5], {index: [] for index in (0, 2, 3, 5)}
    for row, index, fold in zip(rows_ND, class_N, fold_N, strict=True):
        if index not in subset:
            continue
        distances = [
            np.linalg.norm(row - rows_ND[(class_N == other) & (fold_N != fold)].mean(0))
            for other in subset
        ]
        rights[index].append(subset[int(np.argmin(distances))] == index)
    expected = [np.mean(rights[index]) for index in subset]
    np.testing.assert_allclose(recall_by_means(nearer_NC, class_N, subset), expected)
    assert 0 < np.mean(expected) < 1


def test_two_classes_that_are_the_same_have_no_bias() -> None:
    """And two that lie far apart have the most that there is, log 2."""
    rng = np.random.default_rng(0)
    rows_ND = rng.normal(size=(300, 8))
    rows_ND[200:] += 50
    class_N = np.repeat([0, 1, 2], 100)
    bias_CC = pair_bias(compare_classes(rows_ND, class_N, 3), class_N)
    assert bias_CC[0, 1] < 0.15
    np.testing.assert_allclose(bias_CC[:2, 2], math.log(2))
    np.testing.assert_array_equal(bias_CC, bias_CC.T)
    np.testing.assert_array_equal(np.diag(bias_CC), 0)


def test_neither_order_nor_scale_changes_a_bit() -> None:
    """Sums are exact: any order of the videos gives the same sums, and four times is the same."""
    rows_ND, class_N, _ = plant(10, 5, 30, 64)
    order = np.random.default_rng(1).permutation(len(class_N))
    grid_ND = on_grid(rows_ND)
    sums_CD = sum_by_class(grid_ND, class_N, 10)
    np.testing.assert_array_equal(sum_by_class(grid_ND[order], class_N[order], 10), sums_CD)
    np.testing.assert_array_equal(on_grid(4 * rows_ND), grid_ND)
    np.testing.assert_array_equal(
        compare_classes(4 * rows_ND, class_N, 10), compare_classes(rows_ND, class_N, 10)
    )


def test_the_probe_tells_what_means_cannot() -> None:
    """Two classes of one mean length apart in a direction of little spread."""
    rng = np.random.default_rng(0)
    rows_ND = rng.normal(size=(400, 4)) * [1, 30, 30, 30]
    class_N = np.repeat([0, 1], 200)
    rows_ND[class_N == 1, 0] += 4
    by_means = recall_by_means(compare_classes(rows_ND, class_N, 2), class_N, [0, 1]).mean()
    by_probe = recall_by_probe(rows_ND, class_N, [0, 1]).mean()
    assert by_means < 0.8
    assert by_probe > 0.9
    assert recall_by_probe(rows_ND, class_N, [1]).tolist() == [1.0]


def test_the_probe_finds_nothing_where_there_is_nothing() -> None:
    """Cross-validation: on noise it is right about as often as chance, not always."""
    rng = np.random.default_rng(0)
    recall_S = recall_by_probe(rng.normal(size=(200, 300)), np.repeat(range(4), 50), range(4))
    assert recall_S.mean() == pytest.approx(0.25, abs=0.12)


@pytest.mark.parametrize(
    ("rows", "classes", "words"),
    [
        (np.full((4, 2), np.nan), [0, 0, 1, 1], "finite"),
        (np.ones((3, 2)), [0, 0, 1], "class 1 has 1 videos"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    rows: np.ndarray, classes: list[int], words: str
) -> None:
    """Numbers that are none, and a class of one video."""
    with pytest.raises(InputError, match=words):
        compare_classes(rows, np.array(classes), 2)
