"""Entries of a board: all results of one model, and whether they are what they say.

``BOARD/entries/ENTRY/PROTOCOL/TASK/seed-N`` holds a results file and its predictions. Nothing in
them is taken on trust that can be worked out: metrics follow from predictions, the config hash from
the recipe, the digest of the data from the release.
"""

import re
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evaluate import Predictions, read_predictions
from benchmarks.leaderboard.datasets import Dataset
from benchmarks.recipes import load_recipe
from benchmarks.results_file import (
    PROTOCOLS,
    RESULTS_NAME,
    SUITES,
    Results,
    measure,
    read_results,
)
from benchmarks.tasks import mini, paper
from benchmarks.tasks.task import Task
from toolkit.errors import InputError, ToolkitError
from toolkit.files import make_folder
from toolkit.release.sums import hash_file
from toolkit.splits.read import VAL

ENTRIES = "entries"
_KNOWN_TASKS = {"paper": paper.TASKS, "mini": mini.TASKS}
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,63}", re.ASCII)
_AGAIN = "evaluate it again with this version"


@dataclass(frozen=True)
class Run:
    """One results file with its predictions.

    Attributes:
        path: of the results file.
    """

    path: Path
    results: Results
    predictions: Predictions


@dataclass(frozen=True)
class Entry:
    """A model on the tasks of a suite.

    Attributes:
        runs: by protocol and task, then by seed.
    """

    name: str
    suite: str
    condition: str
    recipe: str
    dataset: str
    runs: Mapping[tuple[str, str], Mapping[int, Run]]


def read_entries(folder: Path, datasets: Mapping[str, Dataset]) -> list[Entry]:
    """Read and check all entries that a folder holds, by name.

    Args:
        folder: with results files in it, at any depth.
        datasets: that the board knows.

    Raises:
        InputError: there is none, or one is not as it must be; the line says which and why.
    """
    by_entry = defaultdict(list)
    for path in sorted(folder.rglob(RESULTS_NAME)):
        run = read_run(path, datasets)
        by_entry[run.results.entry].append(run)
    if not by_entry:
        raise InputError(
            f"{folder} holds no {RESULTS_NAME}: name the folder that benchmarks.experiments wrote"
        )
    entries = [_join(runs) for _, runs in sorted(by_entry.items())]
    _check_same_clips([run for runs in by_entry.values() for run in runs])
    return entries


def read_run(path: Path, datasets: Mapping[str, Dataset]) -> Run:
    """Read one results file and its predictions, and hold the one to the other.

    Raises:
        InputError: something is missing, was changed, or was not done as the protocol says.
    """
    results = read_results(path)
    for name in ("entry", "condition", "task"):
        if not _NAME.fullmatch(getattr(results, name)):
            raise InputError(
                f"{path}: {name} {getattr(results, name)!a} must be up to 64 of letters, digits, "
                "'.', '_', '+' and '-'"
            )
    task = _find_task(path, results)
    _check_recipe(path, results)
    _check_dataset(path, results, datasets)
    predictions = _read_predictions(path, results)
    _check_facts(path, results, predictions.facts)
    _check_clips(path, results, predictions, task)
    for name, value in measure(predictions).items():
        told = results.metrics.get(name)
        if not isinstance(told, int | float) or not isclose(told, value, abs_tol=1e-9):
            raise InputError(
                f"{path}: {name} is {told}, and its predictions give {value:.6f}: metrics follow "
                "from predictions; write the results again"
            )
    return Run(path, results, predictions)


def _find_task(path: Path, results: Results) -> Task:
    for name, known in (("suite", SUITES), ("protocol", PROTOCOLS)):
        if getattr(results, name) not in known:
            raise InputError(
                f"{path}: {name} {getattr(results, name)!a} must be one of {', '.join(known)}"
            )
    tasks = _KNOWN_TASKS[results.suite]
    if results.task not in tasks:
        raise InputError(
            f"{path}: task {results.task!a} is none of the suite {results.suite}: "
            f"{', '.join(tasks)}"
        )
    return tasks[results.task]


def _check_recipe(path: Path, results: Results) -> None:
    try:
        recipe = load_recipe(results.recipe)
    except ToolkitError as error:
        raise InputError(f"{path}: {error}") from error
    protocol = results.protocol
    expected = recipe.digest("finetune" if protocol == "finetune" else "probe")
    if results.config_hash != expected:
        raise InputError(
            f"{path}: config_hash {results.config_hash} is not that of {protocol} by "
            f"{recipe.name}, {expected}: a changed recipe needs another name"
        )
    views = {"spans": recipe.num_spans, "crops": recipe.num_crops}
    if dict(results.evaluation) != views:
        raise InputError(
            f"{path}: evaluation is {dict(results.evaluation)}, and the protocol of {recipe.name} "
            f"is {views}: {_AGAIN}"
        )


def _check_dataset(path: Path, results: Results, datasets: Mapping[str, Dataset]) -> None:
    told = results.dataset
    if set(told) != {"name", "version", "digest"}:
        raise InputError(f"{path}: dataset must have name, version and digest, not {sorted(told)}")
    key = f"{told['name']}@{told['version']}"
    if key not in datasets:
        raise InputError(
            f"{path}: the data set {key!a} is none that the board knows "
            f"({', '.join(datasets) or 'none'}): add it with  python -m benchmarks.leaderboard "
            "dataset"
        )
    if told["digest"] != datasets[key].digest:
        raise InputError(
            f"{path}: the digest of {key} is {datasets[key].digest}, and this was trained on "
            f"{told['digest']}: another version, or changed clips; name what was trained on"
        )


def _read_predictions(path: Path, results: Results) -> Predictions:
    told = results.predictions
    if set(told) != {"path", "sha256"} or Path(str(told["path"])).name != told["path"]:
        raise InputError(
            f"{path}: predictions must have sha256 and path, the name of a file beside it, not "
            f"{dict(told)}"
        )
    parquet = path.parent / told["path"]
    if not parquet.is_file():
        raise InputError(f"{path}: its predictions {told['path']} are missing: hand them in, too")
    if hash_file(parquet) != told["sha256"]:
        raise InputError(
            f"{parquet} has another sha256 than {path.name} says: the predictions were changed; "
            "hand in those that were written with it"
        )
    return read_predictions(parquet)


def _check_facts(path: Path, results: Results, facts: Mapping[str, Any]) -> None:
    """Hold a results file to what its predictions say of themselves."""
    try:
        training = facts["training"]
        origin = training
        while origin["init"]:
            origin = origin["init"]
        pairs = {
            "protocol": (results.protocol, training["task"]),
            "recipe": (results.recipe, training["recipe"]),
            "config_hash": (results.config_hash, training["config_hash"]),
            "seed": (results.seed, training["seed"]),
            "code_version": (results.code_version, facts["version"]),
            "code_hash": (results.code_hash, facts["code_sha256"]),
            "weights_sha256": (results.weights_sha256, facts["weights_sha256"]),
            "evaluation.spans": (results.evaluation["spans"], facts["num_spans"]),
            "evaluation.crops": (results.evaluation["crops"], facts["num_crops"]),
            "dataset.digest": (results.dataset["digest"], origin["data_digest"]),
            "first training": ("pretrain", origin["task"]),
        }
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path}: its predictions do not say {error}: write them with benchmarks.evaluate"
        ) from error
    for name, (told, found) in pairs.items():
        if told != found:
            raise InputError(
                f"{path}: {name} is {told}, and its predictions say {found}: they are of another "
                "run; hand in those that belong together"
            )


def _check_clips(path: Path, results: Results, predictions: Predictions, task: Task) -> None:
    expected, ids = task.num_rows[VAL], predictions.clip_ids
    if not len(ids) == len(set(ids)) == results.num_clips == expected:
        raise InputError(
            f"{path}: {results.task} has {expected} clips to evaluate, and this has "
            f"{results.num_clips}, with predictions of {len(set(ids))}: evaluate all of them"
        )
    found, outputs = np.unique(predictions.cls_N), predictions.probabilities_NK.shape[1]
    is_known = 0 <= found[0] <= found[-1] < task.num_classes == outputs
    if not is_known or len(found) != task.num_listed_classes:
        raise InputError(
            f"{path}: {results.task} has clips of {task.num_listed_classes} of {task.num_classes} "
            f"classes, and these have {len(found)} of {outputs}: check the list with  "
            f"python -m benchmarks.tasks check {results.task}"
        )
    if not np.isfinite(predictions.probabilities_NK).all():
        raise InputError(f"{path}: a probability is no number: {_AGAIN}")


def _join(runs: Sequence[Run]) -> Entry:
    """Make an entry of its runs.

    Raises:
        InputError: they differ in what must be one, or seeds are missing or there twice.
    """
    first = runs[0].results
    for name in ("suite", "condition", "recipe", "dataset"):
        for run in runs:
            if getattr(run.results, name) != getattr(first, name):
                raise InputError(
                    f"{run.path}: {name} of {first.entry} is {getattr(run.results, name)}, and in "
                    f"{runs[0].path} {getattr(first, name)}: an entry is one model; give two names"
                )
    cells: dict[tuple[str, str], dict[int, Run]] = defaultdict(dict)
    weights: dict[str, Path] = {}
    for run in runs:
        results = run.results
        cell = cells[results.protocol, results.task]
        if results.seed in cell:
            raise InputError(
                f"{run.path}: seed {results.seed} of {first.entry}, {results.protocol} on "
                f"{results.task}, is there twice, also in {cell[results.seed].path}: hand in one"
            )
        if results.weights_sha256 in weights:
            raise InputError(
                f"{run.path} is of the same weights as {weights[results.weights_sha256]}: seeds "
                "are runs of their own; train with another --seed"
            )
        weights[results.weights_sha256] = run.path
        cell[results.seed] = run
    for (protocol, task), cell in cells.items():
        seeds = {s for (p, _), other in cells.items() if p == protocol for s in other}
        if missing := sorted(seeds - set(cell)):
            raise InputError(
                f"{first.entry}: {protocol} on {task} lacks the seeds "
                f"{', '.join(map(str, missing))}, which its other tasks have: hand them all in"
            )
    name = f"{first.dataset['name']}@{first.dataset['version']}"
    return Entry(first.entry, first.suite, first.condition, first.recipe, name, dict(cells))


def _check_same_clips(runs: Sequence[Run]) -> None:
    """Hold all runs on a task to the same clips, of the same classes."""
    known: dict[tuple[str, str], Run] = {}
    for run in runs:
        other = known.setdefault((run.results.suite, run.results.task), run)
        ours, theirs = run.predictions, other.predictions
        if ours.clip_ids != theirs.clip_ids or not np.array_equal(ours.cls_N, theirs.cls_N):
            raise InputError(
                f"{run.path}: {run.results.task} has other clips or classes than in {other.path}: "
                "all entries are evaluated on the same list"
            )


def read_board(board: Path, datasets: Mapping[str, Dataset]) -> list[Entry]:
    """Read and check all entries of a board, and that each lies where it belongs.

    Raises:
        InputError: one is not as it must be; the line says which and why.
    """
    folder = board / ENTRIES
    entries = read_entries(folder, datasets) if folder.is_dir() else []
    for entry in entries:
        for run in (run for cell in entry.runs.values() for run in cell.values()):
            if run.path.parent != folder / _place(run.results):
                raise InputError(f"{run.path} belongs to {folder / _place(run.results)}: move it")
    return entries


def submit(folder: Path, board: Path, datasets: Mapping[str, Dataset]) -> list[Entry]:
    """Check the entries of a folder, beside those of the board, and copy them to it.

    Raises:
        InputError: one is refused, or is on the board already; nothing is copied.
    """
    entries, there = read_entries(folder, datasets), read_board(board, datasets)
    for entry in entries:
        if (board / ENTRIES / entry.name).exists():
            raise InputError(
                f"{entry.name} is on {board} already: hand it in by another name, or remove "
                f"{board / ENTRIES / entry.name} first"
            )
    runs = [run for e in (*there, *entries) for cell in e.runs.values() for run in cell.values()]
    _check_same_clips(runs)
    make_folder(board / ENTRIES)
    for entry in entries:
        partial = board / ENTRIES / f".{entry.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        for run in (run for cell in entry.runs.values() for run in cell.values()):
            out = partial / _place(run.results).relative_to(entry.name)
            make_folder(out)
            shutil.copyfile(run.path, out / RESULTS_NAME)
            name = run.results.predictions["path"]
            shutil.copyfile(run.path.parent / name, out / name)
        partial.replace(board / ENTRIES / entry.name)
    return entries


def _place(results: Results) -> Path:
    return Path(results.entry, results.protocol, results.task, f"seed-{results.seed}")
