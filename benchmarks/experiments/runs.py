"""Training and evaluation of the mini suite: each run once, seeds side by side.

A folder of runs::

    releases/CONDITION  tasks/TASK     what is trained on
    weights/                           pre-training and alignment, named by all that decides them
    trained/TRAINING.json              where the weights of each seed are
    results/CONDITION/TASK/PROTOCOL-SEED/   a results file and its predictions
    curves/CONDITION/EPOCH/PROTOCOL-SEED/   the same of checkpoints of pre-training
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.clips import ClipSet, open_clips
from benchmarks.evaluate import evaluate, hash_code
from benchmarks.experiments.pool import CONDITIONS, VERSION, write_json
from benchmarks.learner import Job
from benchmarks.loader import derive_seed
from benchmarks.ranks import Ranks
from benchmarks.recipes import Recipe, Task
from benchmarks.results_file import PROTOCOLS, Dataset, write_results
from benchmarks.train import train
from toolkit.errors import InputError
from toolkit.files import check_source

SHUFFLED = "shuffled"
"""The condition whose downstream training sees labels dealt at random: what chance can do."""
CURVE_TASK, NUM_CURVE_POINTS = "mini-ucf101", 4

TRAININGS = {
    **{name: (name, name) for name in CONDITIONS if name != "nohuman"},
    "m2m-align-nohuman": ("m2m", "nohuman"),
    "m2m-align-real": ("m2m", "real"),
}
"""Releases that a model is pre-trained on, and then aligned on."""


@dataclass(frozen=True)
class Experiment:
    """Where everything is, and what runs share.

    Attributes:
        folder: see above.
        recipe: all numbers of a run.
        seeds: of the runs whose mean is reported.
    """

    folder: Path
    recipe: Recipe
    seeds: tuple[int, ...]

    def train_once(self, job: Job) -> Path:
        """Return the folder of a run that was trained now or before, by the same code."""
        told = json.dumps([job.describe(), hash_code()], sort_keys=True)
        key = hashlib.sha256(told.encode()).hexdigest()[:16]
        out = self.folder / "weights" / f"{job.task}-{key}"
        if not (out / "model.safetensors").exists():
            train(replace(job, out=out), find_ranks())
        return out

    def make_job(self, task: Task, clips: ClipSet, seed: int, init: Path | None = None) -> Job:
        """Return a run, which has no folder yet."""
        keep = max(self.recipe.pretrain.epochs // NUM_CURVE_POINTS, 1) if task == "pretrain" else 0
        return Job(task, self.recipe, clips, Path(), init, seed, keep_every=keep)

    def open_release(self, name: str) -> ClipSet:
        """Open a mini release."""
        return open_clips(self.folder / "releases" / name, "train")

    def open_task(self, name: str, split: str) -> ClipSet:
        """Open train or val of a task."""
        folder = self.folder / "tasks" / name
        return open_clips(folder, str(folder / f"{split}.csv"))

    def find_trained(self, name: str) -> dict[str, dict[str, str]]:
        """Return what ``train_all`` wrote of a training, by seed.

        Raises:
            InputError: it was not trained.
        """
        path = self.folder / "trained" / f"{name}.json"
        check_source(path)
        found: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8"))
        return found


def find_ranks() -> Ranks:
    """Return this process as the only one that trains."""
    return Ranks(0, 1, torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def train_all(experiment: Experiment, name: str) -> None:
    """Pre-train and align with every seed; a pre-training that others share is done once.

    Raises:
        InputError: there is no such training, or a release is missing.
    """
    if name not in TRAININGS:
        raise InputError(f"unknown training '{name}': choose one of {', '.join(TRAININGS)}")
    found = run_side_by_side(_train_seed, [(experiment, name, seed) for seed in experiment.seeds])
    by_seed = dict(zip(map(str, experiment.seeds), found, strict=True))
    write_json(experiment.folder / "trained" / f"{name}.json", by_seed)


def _train_seed(experiment: Experiment, name: str, seed: int) -> dict[str, str]:
    seen, aligned_on = (experiment.open_release(release) for release in TRAININGS[name])
    pretrained = experiment.train_once(experiment.make_job("pretrain", seen, seed))
    init = pretrained / "model.safetensors"
    aligned = experiment.train_once(experiment.make_job("align", aligned_on, seed, init))
    return {
        "pretrain": pretrained.relative_to(experiment.folder).as_posix(),
        "align": aligned.relative_to(experiment.folder).as_posix(),
    }


@dataclass(frozen=True)
class Cell:
    """One run on a task.

    Attributes:
        condition, task, protocol, seed: what is told of it.
        weights: to begin with, relative to the folder of runs.
        out: the folder of its results, relative likewise.
    """

    condition: str
    task: str
    protocol: Task
    seed: int
    weights: str
    out: str


def evaluate_all(experiment: Experiment, condition: str, task: str) -> None:
    """Fine-tune and probe on a task with every seed, and write what each run found.

    Raises:
        InputError: condition or task is unknown, or was not made.
    """
    trained = experiment.find_trained(find_training(condition))
    cells = [
        Cell(
            condition,
            task,
            protocol,
            seed,
            f"{trained[str(seed)]['align']}/model.safetensors",
            f"results/{condition}/{task}/{protocol}-{seed}",
        )
        for protocol in PROTOCOLS
        for seed in experiment.seeds
    ]
    run_side_by_side(_evaluate_cell, [(experiment, cell) for cell in cells])


def evaluate_curve(experiment: Experiment, condition: str) -> None:
    """Probe the kept checkpoints of a pre-training, not aligned, as conditions of their own.

    Raises:
        InputError: the condition was not trained.
    """
    trained = experiment.find_trained(condition)
    cells = [
        Cell(
            f"{condition}-{file.stem}",
            CURVE_TASK,
            "probe",
            seed,
            file.relative_to(experiment.folder).as_posix(),
            f"curves/{condition}/{file.stem}/probe-{seed}",
        )
        for seed in experiment.seeds
        for file in find_points(experiment.folder / trained[str(seed)]["pretrain"])
    ]
    run_side_by_side(_evaluate_cell, [(experiment, cell) for cell in cells])


def find_points(folder: Path) -> list[Path]:
    """Return all checkpoints that a pre-training has kept, ``epoch-0010.safetensors`` first."""
    return sorted(folder.glob("epoch-*.safetensors"))


def _evaluate_cell(experiment: Experiment, cell: Cell) -> None:
    begun = time.monotonic()
    clips = experiment.open_task(cell.task, "train")
    if cell.condition == SHUFFLED:
        clips = shuffle_classes(clips, cell.seed)
    job = experiment.make_job(cell.protocol, clips, cell.seed, experiment.folder / cell.weights)
    ranks = find_ranks()
    with TemporaryDirectory() as scratch:
        job = replace(job, out=Path(scratch))
        train(job, ranks)
        predictions = evaluate(
            job.out / "model.safetensors",
            experiment.open_task(cell.task, "val"),
            experiment.recipe,
            ranks.device,
        )
    release = TRAININGS[find_training(cell.condition)][0]
    digest = find_origin(predictions.facts["training"])["data_digest"]
    write_results(
        experiment.folder / cell.out,
        predictions,
        Dataset(f"mini-{release}", VERSION, digest),
        entry=f"videomae-{cell.condition}",
        suite="mini",
        condition=cell.condition,
        task=cell.task,
        seconds=time.monotonic() - begun,
    )


def find_training(condition: str) -> str:
    """Return which training made the weights of a condition."""
    return "m2m" if condition == SHUFFLED else condition.partition("-epoch-")[0]


def find_origin(training: dict[str, Any]) -> dict[str, Any]:
    """Return what weights say of the first run in their history."""
    while training["init"]:
        training = training["init"]
    return training


def shuffle_classes(clips: ClipSet, seed: int) -> ClipSet:
    """Deal the classes of clips to these clips at random."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "shuffled"))
    order = torch.randperm(len(clips), generator=generator).tolist()
    dealt = tuple(
        replace(clip, cls=clips.clips[other].cls)
        for clip, other in zip(clips.clips, order, strict=True)
    )
    digest = hashlib.sha256(f"{clips.digest} shuffled {seed}".encode()).hexdigest()
    return ClipSet(dealt, digest)


def run_side_by_side(function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Return what a function makes of each job, a core a job, in order.

    Each has one thread, so that results are the same bits on any number of cores. Processes are
    forked: importing PyTorch takes longer than some of the runs.
    """
    num = min(len(os.sched_getaffinity(0)), len(jobs))
    with ProcessPoolExecutor(num, get_context("fork"), initializer=_use_one_thread) as pool:
        return [done.result() for done in [pool.submit(function, *job) for job in jobs]]


def _use_one_thread() -> None:
    os.environ["TTY_COMPATIBLE"] = "0"  # no progress bars over each other
    with suppress(RuntimeError):
        torch.set_num_interop_threads(1)
    torch.set_num_threads(1)
