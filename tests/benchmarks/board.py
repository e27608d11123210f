"""Results files for the tests of the leaderboard: real ones, of predictions that are drawn."""

from pathlib import Path

import numpy as np

from benchmarks.evaluate import Predictions
from benchmarks.leaderboard.datasets import Dataset as Known
from benchmarks.leaderboard.datasets import Privacy
from benchmarks.leaderboard.ranking import TASKS
from benchmarks.recipes import smoke
from benchmarks.results_file import Dataset, write_results
from benchmarks.tasks import mini
from toolkit.splits.read import VAL

DIGEST = "d" * 64
PRIVACY = Privacy(0.02, "leaks planted into clips of synthetic actors", 96, 100)
DATASETS = {
    "m2m-kinetics@1.0.0": Known("m2m-kinetics", "1.0.0", "org/m2m-kinetics", DIGEST, PRIVACY),
    "kinetics-150@1.0.0": Known(
        "kinetics-150", "1.0.0", "org/kinetics-150", "e" * 64, Privacy(1.0, "it shows people")
    ),
    "mini-m2m@1.0.0": Known("mini-m2m", "1.0.0", "mini-m2m", "f" * 64, None),
}


def draw_predictions(task: str, seed: int, share: float, training: dict) -> Predictions:
    """Return predictions that are right for about this share of the clips of a task."""
    known = mini.TASKS[task]
    num, num_classes = known.num_rows[VAL], known.num_classes
    rng = np.random.default_rng([seed, round(1000 * share), *task.encode()])
    cls_N = np.arange(num) % num_classes
    probabilities_NK = rng.random((num, num_classes)).astype(np.float32)
    right_N = rng.random(num) < share
    probabilities_NK[np.arange(num), cls_N] = np.where(right_N, 2, -1)
    facts = {
        "training": training,
        "weights_sha256": f"{task} {seed} {share} {training['task']}",
        "num_spans": 2,
        "num_crops": 3,
        "version": "0",
        "code_sha256": "c",
    }
    return Predictions(tuple(f"clip{i:03d}" for i in range(num)), cls_N, probabilities_NK, facts)


def write_entry(
    folder: Path,
    entry: str,
    share: float = 0.7,
    *,
    seeds: range = range(3),
    dataset: str = "m2m-kinetics@1.0.0",
    tasks: tuple[str, ...] = TASKS["mini"],
    protocol: str = "probe",
) -> Path:
    """Write the results of an entry: a folder for each task and seed."""
    known = DATASETS[dataset]
    origin = {"task": "pretrain", "data_digest": known.digest, "init": None}
    for task in tasks:
        for seed in seeds:
            training = {
                "task": protocol,
                "recipe": "smoke",
                "config_hash": smoke().digest(protocol),
                "seed": seed,
                "init": {"task": "align", "data_digest": "another", "init": origin},
            }
            write_results(
                folder / entry / task / f"{protocol}-{seed}",
                draw_predictions(task, seed, share, training),
                Dataset(known.name, known.version, known.digest),
                entry=entry,
                suite="mini",
                condition="m2m",
                task=task,
                seconds=1.0,
            )
    return folder
