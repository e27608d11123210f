"""From embeddings to the classes that are kept, by a method of a name.

Shape suffixes: N videos that were embedded, C classes, D numbers of an embedding.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from toolkit.errors import InputError
from toolkit.knexus.bias import class_bias, compare_classes, pair_bias, recall_by_means
from toolkit.knexus.cluster import (
    Clustering,
    check_number,
    choose_greedy,
    choose_random,
    cluster_b1,
    cluster_kmeans,
    cluster_knexus,
)
from toolkit.knexus.embed import mean_by_class
from toolkit.m2m.types import Array

METHODS = ("knexus", "knexus-b1", "kmeans", "random", "resound-greedy")
NEED_EMBEDDINGS = ("knexus", "knexus-b1", "kmeans", "resound-greedy")


@dataclass(frozen=True)
class Evidence:
    """What the choice of classes is made from; made by ``gather``.

    Attributes:
        labels: of the classes, sorted.
        num_videos_C: videos of each class in the source, which may be more than were embedded.
        embeddings_ND: of length 1.
        class_N: the class of each.
    """

    labels: tuple[str, ...]
    num_videos_C: Array
    embeddings_ND: Array
    class_N: Array

    @cached_property
    def means_CD(self) -> Array:
        """The mean embedding of each class."""
        return mean_by_class([(self.embeddings_ND, self.class_N)], len(self.labels))

    @cached_property
    def is_measurable(self) -> bool:
        """Whether every class has the two videos that cross-validation takes."""
        return bool((np.bincount(self.class_N, minlength=len(self.labels)) > 1).all())

    @cached_property
    def nearer_NC(self) -> Array:
        """Whether each video is nearer to its class's mean than to another's, cross-validated.

        Raises:
            InputError: a class has one video only.
        """
        counts_C = np.bincount(self.class_N, minlength=len(self.labels))
        if (few := np.flatnonzero(counts_C < 2)).size:
            raise InputError(
                f"class '{self.labels[few[0]]}' has 1 video that can be read, and its recall needs "
                "2: add videos, leave the class out, or set classes.method to kmeans"
            )
        return compare_classes(self.embeddings_ND, self.class_N, len(self.labels))

    @cached_property
    def pair_bias_CC(self) -> Array:
        """The bias of each two classes."""
        return pair_bias(self.nearer_NC, self.class_N)

    @cached_property
    def bias_C(self) -> Array:
        """The bias of each class among all of them."""
        every = range(len(self.labels))
        return class_bias(recall_by_means(self.nearer_NC, self.class_N, every))

    def index(self, labels: Sequence[str]) -> list[int]:
        """Return the indexes of labels that are there, sorted."""
        places = {label: index for index, label in enumerate(self.labels)}
        return sorted(places[label] for label in set(labels) & places.keys())


@dataclass(frozen=True)
class Choice:
    """What a method chose.

    Attributes:
        chosen: indexes of the classes, sorted.
        clustering: of all classes, where the method makes one.
    """

    chosen: tuple[int, ...]
    clustering: Clustering | None = None


def gather(
    labels: Sequence[str],
    num_videos_C: Sequence[int],
    embeddings_ND: Array,
    label_N: Sequence[str],
) -> Evidence:
    """Return the evidence, or say what is wrong with it.

    Args:
        labels: of the classes.
        num_videos_C: videos of each in the source.
        embeddings_ND: of those that were embedded.
        label_N: the label of each.

    Raises:
        InputError: a label is there twice or unknown, a class has no embedding, or a number is not
            finite; one line that names the first.
    """
    if twice := [label for label, count in Counter(labels).items() if count > 1]:
        raise InputError(f"class '{twice[0]}' is there twice: give each class one label")
    order = sorted(range(len(labels)), key=lambda index: labels[index])
    ordered = tuple(labels[index] for index in order)
    places = {label: place for place, label in enumerate(ordered)}
    if unknown := sorted(set(label_N) - places.keys()):
        raise InputError(f"label '{unknown[0]}' of an embedding is none of the classes: name it")
    class_N = np.array([places[label] for label in label_N], np.int64)
    wrong_N = ~np.isfinite(embeddings_ND).all(1)
    if wrong_N.any():
        label = ordered[class_N[np.flatnonzero(wrong_N)[0]]]
        raise InputError(
            f"{wrong_N.sum()} embeddings are not finite (NaN), the first of class '{label}': "
            "fetch the encoder's weights again, and embed the class anew"
        )
    counts_C = np.bincount(class_N, minlength=len(ordered))
    if not counts_C.all():
        label = ordered[int(np.argmin(counts_C))]
        raise InputError(
            f"class '{label}' has no video that can be read: mend one, or leave the class out"
        )
    counts = np.asarray(num_videos_C)[order]
    return Evidence(ordered, counts, embeddings_ND, class_N)


def choose(method: str, evidence: Evidence, num_chosen: int, seed: int) -> Choice:
    """Choose classes.

    Args:
        method: one of ``METHODS``.
        evidence: see there; ``random`` looks at its labels only.
        num_chosen: how many.
        seed: the same one, the same classes; ``resound-greedy`` has no chance in it.

    Raises:
        InputError: the method is unknown, or there are not that many classes.
    """
    check_number(num_chosen, len(evidence.labels))
    if method == "random":
        return Choice(_as_tuple(choose_random(len(evidence.labels), num_chosen, seed)))
    if method == "resound-greedy":
        return Choice(_as_tuple(choose_greedy(evidence.nearer_NC, evidence.class_N, num_chosen)))
    if method == "knexus":
        found = cluster_knexus(evidence.means_CD, evidence.pair_bias_CC, num_chosen, seed)
    elif method == "knexus-b1":
        found = cluster_b1(evidence.bias_C, num_chosen, seed)
    elif method == "kmeans":
        found = cluster_kmeans(evidence.means_CD, num_chosen, seed)
    else:
        raise InputError(f"unknown method '{method}': choose one of {', '.join(METHODS)}")
    return Choice(pick_largest(found.cluster_C, evidence.num_videos_C), found)


def pick_largest(cluster_C: Array, num_videos_C: Array) -> tuple[int, ...]:
    """Return from each cluster the class of most videos, ties by name (by index): sorted."""
    best: dict[int, int] = {}
    for index, cluster in enumerate(cluster_C.tolist()):
        if cluster not in best or num_videos_C[index] > num_videos_C[best[cluster]]:
            best[cluster] = index
    return tuple(sorted(best.values()))


def _as_tuple(indexes: Array) -> tuple[int, ...]:
    return tuple(int(index) for index in indexes)
