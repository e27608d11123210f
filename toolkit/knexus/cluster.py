"""Ways to group classes, or to choose them without groups: arrays in, arrays out.

Every clustering here minimises, over all ways to put C classes into exactly K clusters,

    J = sum over clusters k of  1 / (2 n_k) * sum over c, d in k of  U(c, d)

where n_k is the size of k, and U(c, d) says how unlike two classes are. With U the squared distance
this *is* k-means: J is then the squared distance of all classes to the mean of their cluster, and
only the C x C matrix is needed, not the vectors. ``find_clusters`` minimises it by Lloyd's steps
from k-means++ starts, then by moves of one cluster: two that are alike are merged, and one whose
members are unlike is split, wherever this lowers J. Without such moves 5 to 13% of 150 planted
groups stay merged or torn, because a step of Lloyd's never takes a centroid far.

Shape suffixes: C classes, K clusters, N videos, D numbers of an embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.errors import InputError
from toolkit.knexus.bias import on_grid
from toolkit.m2m.types import Array

NUM_RESTARTS = 10
MAX_ITERATIONS = 100
TOLERANCE = 1e-9
"""Of the cost: a step or a move that lowers it by less is the last."""


@dataclass(frozen=True)
class Clustering:
    """Classes in exactly K clusters, none of them empty.

    Attributes:
        cluster_C: of each class; clusters are numbered by their first class.
        cost: J, see above.
        num_iterations: Lloyd's steps and moves of the start that came out best.
        converged: whether it ended by tolerance, not by the limit.
    """

    cluster_C: Array
    cost: float
    num_iterations: int
    converged: bool


def cluster_kmeans(means_CD: Array, num_clusters: int, seed: int) -> Clustering:
    """Group classes whose mean embeddings m are near each other (what the published script does).

    U(c, d) = |m_c - m_d|^2
    """
    return find_clusters(square_distances(means_CD), num_clusters, seed)


def cluster_knexus(
    means_CD: Array, pair_bias_CC: Array, num_clusters: int, seed: int
) -> Clustering:
    """Group similar classes so that the bias within the clusters is least (section 3.1).

    U(c, d) = B(c, d) * |m_c - m_d|^2,   B(c, d) = log M(c, d) - log 1/2

    M(c, d) is how often, cross-validated, a video of either class is nearer to its own class's mean
    (``toolkit.knexus.bias.pair_bias``). Two classes that a frame cannot tell apart cost nothing in
    one cluster. Where a frame tells two apart without error, as it does most pairs of 400, B is
    log 2 whatever they show, and says no more; there the distance decides. B alone leaves planted
    groups torn wherever their members can be told apart (docs/knexus.md).
    """
    return find_clusters(square_distances(means_CD) * pair_bias_CC, num_clusters, seed)


def cluster_b1(bias_C: Array, num_clusters: int, seed: int) -> Clustering:
    """Group classes of equal bias: appendix B.1 as it is written.

    b_l = log M(l) - log M_chance, one number a class; centroids mu_k are numbers, too:
    k(l) = argmin over k of |b_l - mu_k|,   mu_k = mean of b_l over the classes l of k
    so U(c, d) = (b_c - b_d)^2.

    What classes show does not enter: two of one cluster are equally hard, not alike.
    """
    return find_clusters((bias_C[:, None] - bias_C) ** 2, num_clusters, seed)


def choose_random(num_classes: int, num_chosen: int, seed: int) -> Array:
    """Choose classes by lot, each subset as likely as any other (as SynAPT did): sorted indexes."""
    check_number(num_chosen, num_classes)
    return np.sort(np.random.default_rng(seed).permutation(num_classes)[:num_chosen])


def choose_greedy(nearer_NC: Array, class_N: Array, num_chosen: int) -> Array:
    """Choose classes of least RESOUND bias, one at a time: sorted indexes.

    argmin over S of  B(S) = log M(S) + log |S|,   |S| = K

    M is the mean recall by the nearest class mean. There are C over K subsets; this starts with
    the two classes that are hardest to tell apart, and adds the one that lowers M most, ties by
    index.
    """
    num_classes = nearer_NC.shape[1]
    check_number(num_chosen, num_classes)
    share_N = 1 / np.bincount(class_N, minlength=num_classes)[class_N]
    # Whether a video is nearer to its class than to all that are chosen, whichever its class is.
    right_N = np.ones(len(class_N), bool)
    chosen: list[int] = []
    if num_chosen > 1:
        counts_CC = np.zeros((num_classes, num_classes))
        np.add.at(counts_CC, class_N, nearer_NC * share_N[:, None])
        recall_CC = counts_CC + counts_CC.T
        np.fill_diagonal(recall_CC, np.inf)
        chosen = [int(index) for index in np.unravel_index(recall_CC.argmin(), recall_CC.shape)]
    for index in chosen:
        right_N &= nearer_NC[:, index] | (class_N == index)
    while len(chosen) < num_chosen:
        within_N = np.isin(class_N, chosen)
        stays_C = (right_N & within_N) * share_N @ nearer_NC
        joins_C = np.bincount(class_N, right_N * share_N, minlength=num_classes)
        total_C = np.round(stays_C + joins_C, 9)  # so that rounding breaks no tie
        total_C[chosen] = np.inf
        index = int(total_C.argmin())
        chosen.append(index)
        right_N &= nearer_NC[:, index] | (class_N == index)
    return np.sort(chosen)


def square_distances(means_CD: Array) -> Array:
    """Return the squared distance of each two classes' means: [C, C].

    From the Gram matrix, which is exact on the grid, whatever computes it.
    """
    rows_CD = on_grid(means_CD)
    gram_CC = rows_CD @ rows_CD.T
    square_C = np.diag(gram_CC)
    return np.asarray(square_C[:, None] + square_C - 2 * gram_CC)


def check_number(num_chosen: int, num_classes: int) -> None:
    """Refuse a number of classes that cannot be chosen.

    Raises:
        InputError: it is not from 1 to the number of classes.
    """
    if not 1 <= num_chosen <= num_classes:
        raise InputError(
            f"classes.k must be from 1 to the number of classes, which is {num_classes}, and it is "
            f"{num_chosen}: choose another"
        )


def find_clusters(
    unlike_CC: Array,
    num_clusters: int,
    seed: int,
    *,
    num_restarts: int = NUM_RESTARTS,
    max_iterations: int = MAX_ITERATIONS,
    tolerance: float = TOLERANCE,
) -> Clustering:
    """Minimise J from several starts, and return the best; the same seed gives the same clusters.

    Args:
        unlike_CC: U, symmetric, not negative, 0 on the diagonal.
        num_clusters: K.
        seed: of the starts.
        num_restarts: how many starts.
        max_iterations: Lloyd's steps and moves, each at most so many.
        tolerance: see ``TOLERANCE``.

    Raises:
        InputError: K is not from 1 to C, or a number is not finite.
    """
    check_number(num_clusters, len(unlike_CC))
    if not np.isfinite(unlike_CC).all():
        raise InputError("how unlike classes are must be finite numbers, and some are NaN")
    best: Clustering | None = None
    for restart in range(num_restarts):
        rng = np.random.default_rng([seed, restart])
        cluster_C = start_clusters(unlike_CC, num_clusters, rng)
        found = _descend(_Groups(unlike_CC, cluster_C, num_clusters), max_iterations, tolerance)
        if best is None or found.cost < best.cost * (1 - tolerance):
            best = found
    assert best  # noqa: S101 - one restart or more
    return best


def start_clusters(unlike_CC: Array, num_clusters: int, rng: np.random.Generator) -> Array:
    """Return clusters around centres chosen by greedy k-means++: [C].

    Of some classes drawn in proportion to how unlike they are to the nearest centre, the one that
    leaves the least becomes a centre.
    """
    num_candidates = 2 + int(np.log(num_clusters))
    centres = [int(rng.integers(len(unlike_CC)))]
    nearest_C = unlike_CC[centres[0]]
    for _ in range(num_clusters - 1):
        reach_C = np.cumsum(nearest_C)
        if reach_C[-1] > 0:
            drawn = np.searchsorted(reach_C, rng.random(num_candidates) * reach_C[-1], "right")
            drawn = np.minimum(drawn, len(reach_C) - 1)
        else:  # the others are the same as centres: any will do
            drawn = np.setdiff1d(np.arange(len(reach_C)), centres)[:1]
        left = np.minimum(nearest_C, unlike_CC[drawn])
        best = int(left.sum(1).argmin())
        centres.append(int(drawn[best]))
        nearest_C = left[best]
    cluster_C = unlike_CC[:, centres].argmin(1)
    cluster_C[centres] = np.arange(num_clusters)
    return np.asarray(cluster_C)


class _Groups:
    """Classes in clusters, and what is known of these.

    Attributes:
        size_K: n_k.
        sum_KC: U of each class to all members of a cluster, summed.
        between_KK: U between all members of two clusters, summed.
        split_gain_K: by how much J falls if the cluster is split; ``split_off`` are then the
            members that leave.
    """

    def __init__(self, unlike_CC: Array, cluster_C: Array, num_clusters: int) -> None:
        self.unlike_CC, self.num_clusters = unlike_CC, num_clusters
        self.set(cluster_C)

    def set(self, cluster_C: Array) -> None:
        self.cluster_C = cluster_C
        self.order_C = np.argsort(cluster_C, kind="stable")
        self.size_K = np.bincount(cluster_C, minlength=self.num_clusters)
        self.starts_K = np.concatenate([[0], np.cumsum(self.size_K)[:-1]])
        self.sum_KC = np.add.reduceat(self.unlike_CC[self.order_C], self.starts_K, axis=0)
        own_C = self.sum_KC[cluster_C[self.order_C], self.order_C]
        self.within_K = np.add.reduceat(own_C, self.starts_K)

    @property
    def cost(self) -> float:
        return float((self.within_K / (2 * self.size_K)).sum())

    def step(self) -> Array:
        """Return clusters after one of Lloyd's steps: each class in the nearest, none empty."""
        size_K1 = self.size_K[:, None]
        cost_KC = self.sum_KC / size_K1 - self.within_K[:, None] / (2 * size_K1**2)
        cluster_C = cost_KC.argmin(0)
        left_K = np.bincount(cluster_C, minlength=self.num_clusters)
        far_C = cost_KC[cluster_C, np.arange(len(cluster_C))]
        for empty in np.flatnonzero(left_K == 0):  # takes the farthest that is not alone
            index = int(np.where(left_K[cluster_C] > 1, far_C, -np.inf).argmax())
            left_K[cluster_C[index]] -= 1
            cluster_C[index], left_K[empty] = empty, 1
        return np.asarray(cluster_C)

    def move(self, splits: dict[int, tuple[float, Array]]) -> Array | None:
        """Return clusters after two are merged and one is split; None where nothing gains by it.

        Args:
            splits: what is known of each cluster from moves before: those that changed are gone.
        """
        between_KK = np.add.reduceat(self.sum_KC[:, self.order_C], self.starts_K, axis=1)
        alone_K = self.within_K / (2 * self.size_K)
        both_KK = self.within_K[:, None] + self.within_K + 2 * between_KK
        rise_KK = both_KK / (2 * (self.size_K[:, None] + self.size_K)) - alone_K[:, None] - alone_K
        rise_KK[np.tril_indices(self.num_clusters)] = np.inf
        for cluster in range(self.num_clusters):
            if cluster not in splits:
                splits[cluster] = self._split(cluster)
        gain_K = np.array([splits[cluster][0] for cluster in range(self.num_clusters)])
        best, pair = 0.0, None
        for torn in np.argsort(-gain_K, kind="stable")[:3]:
            # The cheapest merge without that cluster: among the first few, for each has one only.
            masked_KK = rise_KK.copy()
            masked_KK[torn], masked_KK[:, torn] = np.inf, np.inf
            place = int(masked_KK.argmin())
            if gain_K[torn] - masked_KK.flat[place] > best + TOLERANCE * alone_K.sum():
                best = float(gain_K[torn] - masked_KK.flat[place])
                pair = (*divmod(place, self.num_clusters), int(torn))
        if pair is None:
            return None
        kept, freed, torn = pair
        cluster_C = self.cluster_C.copy()
        cluster_C[cluster_C == freed] = kept
        cluster_C[splits[torn][1]] = freed
        return cluster_C

    def _split(self, cluster: int) -> tuple[float, Array]:
        """Return by how much J falls if a cluster is split about its two most unlike members."""
        start = self.starts_K[cluster]
        members = self.order_C[start : start + self.size_K[cluster]]
        if len(members) < 2:
            return 0.0, members
        unlike = self.unlike_CC[np.ix_(members, members)]
        one, other = np.unravel_index(unlike.argmax(), unlike.shape)
        leaves = unlike[one] > unlike[other]
        leaves[other], leaves[one] = True, one == other
        costs = [
            unlike[np.ix_(side, side)].sum() / (2 * side.sum())
            for side in (leaves, ~leaves)
            if side.any()
        ]
        if len(costs) < 2:  # all are the same
            return 0.0, members
        return float(self.within_K[cluster] / (2 * len(members)) - sum(costs)), members[leaves]


def _descend(groups: _Groups, max_iterations: int, tolerance: float) -> Clustering:
    """Take Lloyd's steps until they no longer lower J, then moves, then steps again."""
    num_steps, converged = _take_steps(groups, max_iterations, tolerance)
    num_moves = 0
    splits: dict[int, tuple[float, Array]] = {}
    while converged and num_moves < max_iterations:
        before_C = groups.cluster_C
        moved_C = groups.move(splits)
        if moved_C is None:
            break
        groups.set(moved_C)
        for cluster in np.unique(
            np.concatenate([before_C, moved_C])[np.tile(before_C != moved_C, 2)]
        ):
            del splits[int(cluster)]
        num_moves += 1
    else:
        converged = False
    more_steps, ended = _take_steps(groups, max_iterations, tolerance)
    return Clustering(
        number_clusters(groups.cluster_C),
        groups.cost,
        num_steps + num_moves + more_steps,
        converged and ended,
    )


def _take_steps(groups: _Groups, max_iterations: int, tolerance: float) -> tuple[int, bool]:
    """Return how many steps were taken, and whether the last one lowered J no more."""
    for index in range(max_iterations):
        before_C, cost = groups.cluster_C, groups.cost
        groups.set(groups.step())
        if groups.cost >= cost - tolerance * cost:
            if groups.cost > cost:
                groups.set(before_C)
            return index + 1, True
    return max_iterations, False


def number_clusters(cluster_C: Sequence[int] | Array) -> Array:
    """Return clusters numbered in the order of their first classes."""
    _, first, inverse_C = np.unique(cluster_C, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse_C])
