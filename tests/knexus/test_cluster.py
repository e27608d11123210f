from itertools import combinations

import numpy as np
import pytest

from tests.knexus.planted import plant, share_recovered
from toolkit.errors import InputError
from toolkit.knexus.bias import (
    class_bias,
    compare_classes,
    pair_bias,
    recall_by_means,
    resound_bias,
    sum_by_class,
)
from toolkit.knexus.cluster import (
    choose_greedy,
    choose_random,
    cluster_b1,
    cluster_kmeans,
    cluster_knexus,
    find_clusters,
    number_clusters,
    square_distances,
)


def _means(rows_ND: np.ndarray, class_N: np.ndarray, num_classes: int) -> np.ndarray:
    return sum_by_class(rows_ND, class_N, num_classes) / np.bincount(class_N)[:, None]


@pytest.mark.parametrize(
    ("within", "noise"),
    [(0.2, 1.5), (0.35, 1.5), (0.35, 2.4)],
    ids=["recall 0.61", "recall 0.91", "recall 0.65"],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_planted_groups_are_found(within: float, noise: float, seed: int) -> None:
    """400 classes in 150 groups of unequal sizes: knexus finds at least 95% of them.

    knexus-b1 does not, for it groups by how hard a class is, and not by what it shows; nor does the
    bias of pairs without the distance.
    """
    rows_ND, class_N, group_C = plant(within=within, noise=noise, seed=seed)
    means_CD, nearer_NC = _means(rows_ND, class_N, 400), compare_classes(rows_ND, class_N, 400)
    bias_CC = pair_bias(nearer_NC, class_N)
    assert share_recovered(cluster_knexus(means_CD, bias_CC, 150, 0).cluster_C, group_C) >= 0.95
    assert share_recovered(cluster_kmeans(means_CD, 150, 0).cluster_C, group_C) >= 0.95
    bias_C = class_bias(recall_by_means(nearer_NC, class_N, range(400)))
    assert share_recovered(cluster_b1(bias_C, 150, 0).cluster_C, group_C) < 0.25
    assert share_recovered(find_clusters(bias_CC, 150, 0).cluster_C, group_C) < 0.96


@pytest.mark.parametrize("num_clusters", [1, 2, 3, 4, 5, 11, 12])
@pytest.mark.parametrize("seed", range(4))
def test_b1_is_what_its_equations_say(num_clusters: int, seed: int) -> None:
    """The least cost of all ways to cut 12 biases into K runs, which are the only ones to try.

    In the best clusters of numbers no number of one lies between two of another.
    """
    bias_C = class_bias(np.random.default_rng(seed).uniform(0.05, 1, 12))
    ordered = np.sort(bias_C)
    costs = []
    for cuts in combinations(range(1, 12), num_clusters - 1):
        runs = np.split(ordered, cuts)
        costs.append(sum(((run - run.mean()) ** 2).sum() for run in runs))
    found = cluster_b1(bias_C, num_clusters, 0)
    assert found.cost == pytest.approx(min(costs), abs=1e-9)
    centre_K = np.array([bias_C[found.cluster_C == k].mean() for k in range(num_clusters)])
    nearest_C = np.abs(bias_C[:, None] - centre_K).argmin(1)
    np.testing.assert_array_equal(nearest_C, found.cluster_C)  # k(l) = argmin |b_l - mu_k|


def test_kmeans_costs_no_more_than_scikit_learn() -> None:
    """On features without structure, with as many starts; the cost is the one of vectors."""
    from sklearn.cluster import KMeans

    rows_CD = np.random.default_rng(0).normal(size=(120, 32))
    found = cluster_kmeans(rows_CD, 30, 0)
    peer = KMeans(30, n_init=10, random_state=0).fit(rows_CD)
    scale = (square_distances(rows_CD)[0, 1]) / ((rows_CD[0] - rows_CD[1]) ** 2).sum()
    cost = sum(
        ((rows - rows.mean(0)) ** 2).sum()
        for rows in (rows_CD[found.cluster_C == k] for k in range(30))
    )
    assert found.cost == pytest.approx(scale * cost, rel=1e-5)
    assert cost <= peer.inertia_


def test_distances_are_those_of_vectors() -> None:
    """Up to the scale, a power of two, and the grid."""
    rows_CD = np.random.default_rng(0).normal(size=(20, 100))
    direct_CC = ((rows_CD[:, None] - rows_CD) ** 2).sum(2)
    found_CC = square_distances(rows_CD)
    scale = found_CC[0, 1] / direct_CC[0, 1]
    np.testing.assert_allclose(found_CC, scale * direct_CC, rtol=1e-4, atol=1e-9)
    np.testing.assert_array_equal(found_CC, found_CC.T)


@pytest.mark.parametrize("num_clusters", [1, 2, 7, 19, 20])
@pytest.mark.parametrize("kind", ["same", "two", "far"])
def test_there_are_exactly_k_clusters(num_clusters: int, kind: str) -> None:
    """Of classes that are all the same, of two points, and of one that is far from the others."""
    rows_CD = np.zeros((20, 3))
    if kind == "two":
        rows_CD[10:] = 1
    elif kind == "far":
        rows_CD[:19] = np.random.default_rng(0).normal(size=(19, 3)) * 1e-3
        rows_CD[19] = 100
    found = cluster_kmeans(rows_CD, num_clusters, 0)
    assert sorted(set(found.cluster_C.tolist())) == list(range(num_clusters))


def test_a_seed_decides() -> None:
    """The same one gives the same clusters, and lots are drawn without order."""
    unlike_CC = square_distances(np.random.default_rng(0).normal(size=(60, 8)))
    one, same = (find_clusters(unlike_CC, 12, 3) for _ in range(2))
    np.testing.assert_array_equal(one.cluster_C, same.cluster_C)
    assert choose_random(60, 12, 3).tolist() == choose_random(60, 12, 3).tolist()
    assert choose_random(60, 12, 3).tolist() != choose_random(60, 12, 4).tolist()
    assert np.bincount(np.concatenate([choose_random(6, 3, s) for s in range(600)])).min() > 250


def test_an_end_by_the_limit_is_told() -> None:
    """One step is not enough, and says so."""
    unlike_CC = square_distances(np.random.default_rng(0).normal(size=(200, 8)))
    assert not find_clusters(unlike_CC, 20, 0, max_iterations=1).converged
    assert find_clusters(unlike_CC, 20, 0).converged


def test_greedy_is_the_best_of_all_where_that_is_little_work() -> None:
    """Of 8 classes, each choice of 3 tried: the greedy one is among the best twentieth."""
    rows_ND, class_N, _ = plant(8, 4, 40, 16, within=0.5, noise=1.5)
    nearer_NC = compare_classes(rows_ND, class_N, 8)

    def bias(subset: tuple[int, ...]) -> float:
        return resound_bias(recall_by_means(nearer_NC, class_N, subset))

    every = sorted(bias(subset) for subset in combinations(range(8), 3))
    assert bias(tuple(choose_greedy(nearer_NC, class_N, 3))) <= every[len(every) // 20]
    pairs = min(bias(subset) for subset in combinations(range(8), 2))
    assert bias(tuple(choose_greedy(nearer_NC, class_N, 2))) == pytest.approx(pairs)
    assert choose_greedy(nearer_NC, class_N, 8).tolist() == list(range(8))


@pytest.mark.parametrize("number", [0, 5])
def test_a_number_that_there_is_not_is_refused(number: int) -> None:
    """One line with the rule and the value, by every method."""
    nearer_NC = np.ones((4, 4), bool)
    for choose in (
        lambda: cluster_kmeans(np.eye(4), number, 0),
        lambda: choose_random(4, number, 0),
        lambda: choose_greedy(nearer_NC, np.arange(4), number),
    ):
        with pytest.raises(InputError, match=f"from 1 to .* 4, and it is {number}"):
            choose()


def test_nan_is_refused() -> None:
    """It would be nearest to nothing."""
    with pytest.raises(InputError, match="finite"):
        cluster_kmeans(np.full((4, 2), np.nan), 2, 0)
    with pytest.raises(InputError, match="NaN"):
        find_clusters(np.full((4, 4), np.nan), 2, 0)


def test_clusters_are_numbered_by_their_first_class() -> None:
    """Whatever numbers they had."""
    assert number_clusters([5, 2, 5, 9, 2]).tolist() == [0, 1, 0, 2, 1]
