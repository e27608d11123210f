"""Embeddings of classes in groups, made so that the truth is known."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def plant(
    num_classes: int = 400,
    num_groups: int = 150,
    num_videos: int = 20,
    num_numbers: int = 256,
    within: float = 0.2,
    noise: float = 1.5,
    seed: int = 0,
) -> tuple[Array, Array, Array]:
    """Return embeddings [N, D], the class of each video, and the group of each class.

    Groups have at least one class and unequal sizes. Their centres have a length of about 1, and
    classes lie about ``within`` from them, videos about ``noise`` from their class.
    """
    rng = np.random.default_rng(seed)
    sizes = np.ones(num_groups, int)
    drawn = rng.choice(num_groups, num_classes - num_groups, p=rng.dirichlet(np.ones(num_groups)))
    np.add.at(sizes, drawn, 1)
    group_C = np.repeat(np.arange(num_groups), sizes)

    def draw(num_rows: int, length: float) -> Array:
        return rng.normal(0, length / np.sqrt(num_numbers), (num_rows, num_numbers))

    means_CD = draw(num_groups, 1)[group_C] + draw(num_classes, within)
    class_N = np.repeat(np.arange(num_classes), num_videos)
    return means_CD[class_N] + draw(len(class_N), noise), class_N, group_C


def share_recovered(cluster_C: Array, group_C: Array) -> float:
    """Return the share of the groups that are a cluster, no class more and none less."""
    clusters = {frozenset(np.flatnonzero(cluster_C == k)) for k in np.unique(cluster_C)}
    groups = [frozenset(np.flatnonzero(group_C == group)) for group in np.unique(group_C)]
    return sum(group in clusters for group in groups) / len(groups)
