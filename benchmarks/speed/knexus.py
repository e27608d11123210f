"""What clustering classes costs, beside scikit-learn's KMeans in the same run, and how it grows.

    python -m benchmarks.speed knexus [--json F] [--rows N]

400 classes in 150 groups, 4096 numbers each, 150 clusters, 10 restarts of at most 100 iterations:
ours from the vectors on, with the distances. "All iterations" takes every one of the 1,000 steps,
whether they still change anything or not. Growth is of those steps, with one of the three numbers
doubled: the best of three runs. Ours keep the distances of each two classes, so their time grows
with the square of the classes; plain steps, from each class to each centroid, grow in proportion,
and are timed beside them. Averaging reads a file of float32 vectors; the peer reads the same
file and does nothing with it.

Costs are seconds of processor time, so other work on the machine hardly matters; with
``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1`` they are those of one core.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans

from toolkit.knexus.cluster import (
    _Groups,
    cluster_kmeans,
    cluster_knexus,
    square_distances,
    start_clusters,
)
from toolkit.knexus.embed import mean_by_class
from toolkit.m2m.types import Array

NUM_CLASSES, NUM_CLUSTERS, NUM_NUMBERS = 400, 150, 4096
NUM_RESTARTS, NUM_ITERATIONS, NUM_REPEATS = 10, 100, 3


def plant(num_classes: int, num_groups: int, num_numbers: int) -> Array:
    """Return class means [C, D] in groups of unequal sizes."""
    rng = np.random.default_rng(0)
    sizes = np.ones(num_groups, int)
    shares = rng.dirichlet(np.ones(num_groups))
    np.add.at(sizes, rng.choice(num_groups, num_classes - num_groups, p=shares), 1)
    centres = rng.normal(size=(num_groups, num_numbers))[np.repeat(np.arange(num_groups), sizes)]
    return np.asarray(centres + 0.4 * rng.normal(size=(num_classes, num_numbers)))


def clock(work: Callable[[], object], num_repeats: int = 1) -> float:
    """Return the seconds of the fastest of some runs."""
    seconds = []
    for _ in range(num_repeats):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def take_all_steps(
    means_CD: Array, num_clusters: int, num_iterations: int, num_restarts: int
) -> None:
    """Cluster with every iteration that is allowed, from distances on."""
    unlike_CC = square_distances(means_CD)
    for restart in range(num_restarts):
        rng = np.random.default_rng(restart)
        groups = _Groups(unlike_CC, start_clusters(unlike_CC, num_clusters, rng), num_clusters)
        for _ in range(num_iterations):
            groups.set(groups.step())


def take_plain_steps(means_CD: Array, num_clusters: int, num_iterations: int) -> None:
    """Cluster with every iteration that is allowed, by products with the centroids."""
    rows_CD = means_CD.astype(np.float32)
    centroids_KD = rows_CD[:num_clusters].copy()
    for _ in range(num_iterations):
        square_K = np.einsum("kd,kd->k", centroids_KD, centroids_KD)
        cluster_C = (square_K - 2 * rows_CD @ centroids_KD.T).argmin(1)
        for cluster in np.unique(cluster_C):
            centroids_KD[cluster] = rows_CD[cluster_C == cluster].mean(0)


def measure_growth() -> dict[str, dict[int, float]]:
    """Return seconds of all steps, by what is doubled and how large it is."""
    base = {"classes": NUM_CLASSES, "clusters": 100, "iterations": NUM_ITERATIONS}
    growth: dict[str, dict[int, float]] = {"classes, plain": {}}
    for name, value in base.items():
        growth[name] = {}
        for factor in (0.5, 1, 2, 4):
            sizes = base | {name: int(value * factor)}
            means_CD = plant(sizes["classes"], min(100, sizes["classes"]), NUM_NUMBERS)
            growth[name][sizes[name]] = clock(
                lambda means_CD=means_CD, sizes=sizes: take_all_steps(  # type: ignore[misc]
                    means_CD, sizes["clusters"], sizes["iterations"], 1
                ),
                NUM_REPEATS,
            )
            if name == "classes":
                growth["classes, plain"][sizes[name]] = clock(
                    lambda means_CD=means_CD: take_plain_steps(  # type: ignore[misc]
                        means_CD, base["clusters"], NUM_ITERATIONS
                    )
                )
    return growth


def measure_averaging(num_rows: int) -> dict[str, float]:
    """Return seconds to read a file of vectors, and to average it by class."""
    chunk = 4096
    class_N = np.random.default_rng(0).integers(0, NUM_CLASSES, num_rows)
    with tempfile.NamedTemporaryFile(suffix=".f32") as file:
        rng = np.random.default_rng(1)
        for start in range(0, num_rows, chunk):
            size = (min(chunk, num_rows - start), NUM_NUMBERS)
            rows_ND = rng.standard_normal(size, np.float32)
            rows_ND /= np.linalg.norm(rows_ND, axis=1, keepdims=True)
            rows_ND.tofile(file)
        file.flush()

        def read() -> Iterator[tuple[Array, Array]]:
            with Path(file.name).open("rb") as vectors:
                for start in range(0, num_rows, chunk):
                    num = min(chunk, num_rows - start)
                    rows_ND = np.fromfile(vectors, np.float32, num * NUM_NUMBERS)
                    yield rows_ND.reshape(num, NUM_NUMBERS), class_N[start : start + num]

        reading_s = clock(lambda: sum(len(rows_ND) for rows_ND, _ in read()))
        averaging_s = clock(lambda: mean_by_class(read(), NUM_CLASSES))
    return {"rows": num_rows, "reading_s": reading_s, "averaging_s": averaging_s}


def main() -> None:
    """Print the figures, and write them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--rows", type=int, default=24_000, help="vectors that are averaged")
    options = parser.parse_args()
    means_CD = plant(NUM_CLASSES, NUM_CLUSTERS, NUM_NUMBERS)
    bias_CC = np.full((NUM_CLASSES, NUM_CLASSES), math.log(2))
    peer = KMeans(NUM_CLUSTERS, n_init=NUM_RESTARTS, max_iter=NUM_ITERATIONS, random_state=0)
    figures = {
        "kmeans_s": clock(lambda: cluster_kmeans(means_CD, NUM_CLUSTERS, 0)),
        "knexus_s": clock(lambda: cluster_knexus(means_CD, bias_CC, NUM_CLUSTERS, 0)),
        "all_iterations_s": clock(
            lambda: take_all_steps(means_CD, NUM_CLUSTERS, NUM_ITERATIONS, NUM_RESTARTS)
        ),
        "scikit_learn_s": clock(lambda: peer.fit(means_CD)),
    }
    cost = sum(
        ((rows - rows.mean(0)) ** 2).sum()
        for rows in _members(means_CD, cluster_kmeans(means_CD, NUM_CLUSTERS, 0).cluster_C)
    )
    print(f"{NUM_CLASSES} classes, {NUM_CLUSTERS} clusters, {NUM_NUMBERS} numbers, seconds:")
    for name, seconds in figures.items():
        print(f"  {name.removesuffix('_s').replace('_', ' '):<18}{seconds:8.3f}")
    print(f"cost of ours {cost:.6g}, of scikit-learn's {peer.inertia_:.6g}", flush=True)
    growth = measure_growth()
    for name, times in growth.items():
        told = ", ".join(f"{size}: {seconds:.3f} s" for size, seconds in times.items())
        print(f"{name:<16}{told}")
    averaging = measure_averaging(options.rows)
    megabytes = averaging["rows"] * NUM_NUMBERS * 4 / 1e6
    print(
        f"averaging {averaging['rows']} vectors ({megabytes:.0f} MB): reading "
        f"{megabytes / averaging['reading_s']:.0f} MB/s, with averaging "
        f"{megabytes / averaging['averaging_s']:.0f} MB/s"
    )
    if options.json:
        record = {
            "name": "knexus",
            "ours": figures["kmeans_s"],
            "peer_name": "scikit-learn KMeans",
            "peer": figures["scikit_learn_s"],
            "ratio": figures["kmeans_s"] / figures["scikit_learn_s"],
            "unit": "seconds",
            "figures": figures,
            "cost": {"ours": float(cost), "peer": float(peer.inertia_)},
            "growth_s": growth,
            "averaging": averaging,
        }
        options.json.write_text(json.dumps([record], indent=2) + "\n", "utf-8")


def _members(means_CD: Array, cluster_C: Array) -> Iterator[Array]:
    for cluster in range(int(cluster_C.max()) + 1):
        yield means_CD[cluster_C == cluster]
