"""RESOUND bias: how far classes can be told apart by a single frame, above chance.

    B(S) = log M(S) - log M_chance,   M_chance = 1 / |S|

M(S) is the mean recall of a classifier that has seen nothing but frozen embeddings of single
frames, cross-validated. 0: a frame says nothing of the class. log |S|: it says everything, and
whoever trains on S need not look at movement.

Shape suffixes: N videos, C classes, S classes of a subset, D numbers of an embedding. Sums and
products are exact (``on_grid``), so that neither the order of the videos nor the number of threads
changes which class is nearer.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from toolkit.errors import BackendError, InputError
from toolkit.m2m.types import Array

NUM_FOLDS = 5
GRID = 2.0**22
"""Steps of the grid on which vectors of length up to 1 lie: then every product of two numbers is a
multiple of 2^-44, and a sum of such products, which is at most 1, is exact in float64."""
_CHUNK = 4096


def on_grid(rows_ND: Array) -> Array:
    """Return rows as float64 of length up to 1 on the grid, all scaled by the same power of two.

    Raises:
        InputError: a number is NaN or infinite.
    """
    rows_ND = np.asarray(rows_ND, np.float64)
    longest = math.sqrt(float(np.einsum("nd,nd->n", rows_ND, rows_ND).max(initial=0.0)))
    if not math.isfinite(longest) or not np.isfinite(rows_ND).all():
        raise InputError("embeddings must be finite numbers, and some are NaN or infinite")
    return _round(rows_ND / 2.0 ** math.ceil(math.log2(longest or 1)))


def _round(rows_ND: Array) -> Array:
    rounded_ND = np.multiply(rows_ND, GRID, dtype=np.float64)
    np.rint(rounded_ND, out=rounded_ND)
    rounded_ND /= GRID
    return rounded_ND


def sum_by_class(rows_ND: Array, class_N: Array, num_classes: int) -> Array:
    """Return the sum of the rows of each class [C, D]: exact for rows on the grid, in any order."""
    sums_CD = np.zeros((num_classes, rows_ND.shape[1]))
    if len(rows_ND):
        order_N = np.argsort(class_N, kind="stable")
        there, starts = np.unique(class_N[order_N], return_index=True)
        sums_CD[there] = np.add.reduceat(rows_ND[order_N], starts, axis=0)
    return sums_CD


def compare_classes(embeddings_ND: Array, class_N: Array, num_classes: int, seed: int = 0) -> Array:
    """Return whether each video is nearer to its own class's mean than to each other's: [N, C].

    Means are those of the videos of the other folds, so that no video speaks for itself. A video
    is not nearer to its own class than to itself: the diagonal, so to say, is False.

    Raises:
        InputError: a number is not finite, or a class has fewer than two videos.
    """
    rows_ND, fold_N = on_grid(embeddings_ND), deal_folds(class_N, num_classes, seed)
    sums_CD = sum_by_class(rows_ND, class_N, num_classes)
    counts_C = np.bincount(class_N, minlength=num_classes)
    nearer_NC = np.empty((len(rows_ND), num_classes), bool)
    for fold in range(NUM_FOLDS):
        held = np.flatnonzero(fold_N == fold)
        left_CD = sums_CD - sum_by_class(rows_ND[held], class_N[held], num_classes)
        left_C = counts_C - np.bincount(class_N[held], minlength=num_classes)
        means_CD = _round(left_CD / left_C[:, None])
        offset_C = np.einsum("cd,cd->c", means_CD, means_CD) / 2
        for start in range(0, len(held), _CHUNK):
            part = held[start : start + _CHUNK]
            score_NC = rows_ND[part] @ means_CD.T - offset_C
            nearer_NC[part] = score_NC[np.arange(len(part)), class_N[part], None] > score_NC
    return nearer_NC


def deal_folds(class_N: Array, num_classes: int, seed: int) -> Array:
    """Return the fold of each video: the videos of each class, shuffled, dealt in turn.

    Raises:
        InputError: a class has fewer than two videos, of which one could be left out.
    """
    counts_C = np.bincount(class_N, minlength=num_classes)
    if (few := np.flatnonzero(counts_C < 2)).size:
        raise InputError(
            f"class {few[0]} has {counts_C[few[0]]} videos, and its recall needs 2 or more: "
            "add videos, or leave the class out"
        )
    fold_N = np.empty(len(class_N), np.int64)
    for index in range(num_classes):
        (videos,) = np.nonzero(class_N == index)
        shuffled = np.random.default_rng([seed, index]).permutation(videos)
        fold_N[shuffled] = np.arange(len(videos)) % NUM_FOLDS
    return fold_N


def recall_by_means(nearer_NC: Array, class_N: Array, subset: Sequence[int]) -> Array:
    """Return the recall of each class of a subset by the nearest class mean among them: [S]."""
    chosen = np.asarray(subset)
    recall_S = np.empty(len(chosen))
    for place, index in enumerate(chosen):
        others = chosen[chosen != index]
        recall_S[place] = nearer_NC[class_N == index][:, others].all(1).mean()
    return recall_S


def recall_by_probe(
    embeddings_ND: Array, class_N: Array, subset: Sequence[int], seed: int = 0
) -> Array:
    """Return the recall of each class of a subset by a linear probe, cross-validated: [S].

    The probe is scikit-learn's ridge classifier on standardised embeddings: the linear layer of
    least squares, which has one solution and no step size to choose.

    Raises:
        BackendError: scikit-learn is not installed.
        InputError: a class has fewer than two videos.
    """
    try:
        from sklearn.linear_model import RidgeClassifier
    except ModuleNotFoundError as error:
        raise BackendError(
            f"the linear probe needs the Python package '{error.name}', which is not installed: "
            "run  pip install 'm2m-toolkit[pipeline]'"
        ) from error
    place_C = np.full(int(class_N.max()) + 1, -1)
    place_C[list(subset)] = np.arange(len(subset))
    videos = np.flatnonzero(place_C[class_N] >= 0)
    class_V, rows_VD = place_C[class_N[videos]], embeddings_ND[videos].astype(np.float64)
    if len(subset) == 1:
        return np.ones(1)
    right_V = np.empty(len(videos), bool)
    for train, held in _split(deal_folds(class_V, len(subset), seed)):
        middle_D, spread_D = rows_VD[train].mean(0), rows_VD[train].std(0)
        scale_D = np.where(spread_D > 1e-9, spread_D, np.inf)
        probe = RidgeClassifier(alpha=float(rows_VD.shape[1]), solver="cholesky")
        probe.fit((rows_VD[train] - middle_D) / scale_D, class_V[train])
        right_V[held] = probe.predict((rows_VD[held] - middle_D) / scale_D) == class_V[held]
    num_V = np.bincount(class_V, minlength=len(subset))
    return np.asarray(np.bincount(class_V, right_V, minlength=len(subset)) / num_V)


def _split(fold_N: Array) -> Iterator[tuple[Array, Array]]:
    for fold in range(int(fold_N.max()) + 1):
        yield np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold)


def resound_bias(recall_S: Array) -> float:
    """Return the bias of a subset (nats) from the recall of each of its classes.

    A classifier that is never right counts as if it were right once in 10^6: log 0 has no value.
    """
    return math.log(max(float(np.mean(recall_S)), 1e-6)) + math.log(len(recall_S))


def class_bias(recall_C: Array) -> Array:
    """Return log M(l) - log M_chance of each class l among all C (appendix B.1), in nats: [C]."""
    return np.asarray(np.log(np.maximum(recall_C, 1e-6)) + math.log(len(recall_C)))


def pair_bias(nearer_NC: Array, class_N: Array) -> Array:
    """Return the bias of each two classes, as a data set of their own: [C, C], 0 to log 2.

    B(c, d) = log M(c, d) - log 1/2, with M the mean of the two recalls where the other is the only
    other class. Below chance counts as chance.
    """
    num_classes = nearer_NC.shape[1]
    counts_CC = sum_by_class(nearer_NC.astype(np.float64), class_N, num_classes)
    recall_CC = counts_CC / np.bincount(class_N, minlength=num_classes)[:, None]
    mean_CC = np.maximum((recall_CC + recall_CC.T) / 2, 0.5)
    np.fill_diagonal(mean_CC, 0.5)
    return np.asarray(np.log(2 * mean_CC))
