"""Real clips against the same clips anonymised: which is the better pre-training for real clips.

Cross-validation: a model is pre-trained on the clips of all folds but one, as filmed or as
anonymised, probed on these clips as filmed, and evaluated on those of the fold that was left out.
People who are in one fold must be in no other. Clips that were not released are left out of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import ClipSet, find_video, open_list
from benchmarks.evaluate import evaluate
from benchmarks.experiments.runs import Experiment, find_ranks, run_side_by_side
from benchmarks.experiments.tables import join_row, make_rule, show_difference, show_mean
from benchmarks.stats import bound_mean, compare_accuracies
from benchmarks.tasks.mini import FORMAT
from benchmarks.tasks.task import Row
from benchmarks.train import train
from toolkit.errors import InputError
from toolkit.files import make_folder, write_output
from toolkit.splits.read import read_label_file
from toolkit.video import decode
from toolkit.video_encode import encode

REAL, ANONYMISED = KINDS = ("real", "m2m")
"""What is pre-trained on."""


@dataclass(frozen=True)
class Run:
    """One of the runs.

    Attributes:
        kind: of ``KINDS``.
        fold: number of the one that is left out.
    """

    kind: str
    fold: int
    seed: int


def compare_real(
    experiment: Experiment, real: Path, anonymised: Path, folds: Sequence[Path], out: Path
) -> str:
    """Pre-train, probe and evaluate with every seed and fold; return what was found as Markdown.

    Args:
        experiment: its folder holds small copies of the clips, and the runs.
        real: folder of the clips as filmed.
        anonymised: folder of the same clips anonymised, under the same names but for the suffix.
        folds: lists of clips and numbers of classes, no group in two of them.
        out: the Markdown to write.

    Raises:
        InputError: a clip is missing as filmed, a list is wrong, or fewer than two folds are left.
    """
    num_all, lists = _copy_small(experiment, (real, anonymised), folds)
    if len(lists) < 2:
        raise InputError(f"{anonymised} holds clips of {len(lists)} folds, and two are needed")
    runs = [
        Run(kind, fold, seed)
        for kind in KINDS
        for seed in experiment.seeds
        for fold in range(len(lists))
    ]
    found = run_side_by_side(_take_run, [(experiment, lists, run) for run in runs])
    right = dict(zip(runs, found, strict=True))
    right_N = {
        (kind, seed): np.concatenate([right[Run(kind, fold, seed)] for fold in range(len(lists))])
        for kind in KINDS
        for seed in experiment.seeds
    }
    text = _tell(experiment, right_N, num_all, len(lists))
    with write_output(out) as partial:
        partial.write_text(text, "utf-8")
    return text


def _copy_small(
    experiment: Experiment, folders: Sequence[Path], folds: Sequence[Path]
) -> tuple[int, list[list[Row]]]:
    """Copy clips at the size that is trained on; return how many there were, and those of folds."""
    lists, num_all = [], 0
    for fold in folds:
        rows = [(row.path, int(row.label)) for row in read_label_file(fold).rows]
        num_all += len(rows)
        kept = []
        for path, cls in rows:
            name = Path(path).with_suffix("").as_posix()
            found = [find_video(folder, path) or find_video(folder, name) for folder in folders]
            if found[0] is None:
                raise InputError(f"{fold}: {path} is not in {folders[0]}: fetch the clip")
            if found[1] is None:
                continue
            kept.append((f"{name}.mp4", cls))
            for kind, video in zip(KINDS, found, strict=True):
                copy = experiment.folder / "clips" / kind / f"{name}.mp4"
                if video and not copy.exists():
                    _shrink(video, copy)
        if kept:
            lists.append(kept)
    return num_all, lists


def _shrink(video: Path, copy: Path) -> None:
    clip = decode(video, FORMAT.size)
    make_folder(copy.parent)
    with write_output(copy) as partial:
        encode(clip.frames, partial, clip.timing)


def _take_run(
    experiment: Experiment, lists: Sequence[Sequence[Row]], run: Run
) -> NDArray[np.bool_]:
    """Return for each clip of the fold whether it was taken for what it is."""
    rest = [row for fold, rows in enumerate(lists) if fold != run.fold for row in rows]
    with TemporaryDirectory() as scratch:
        seen = _open(experiment, run.kind, rest, Path(scratch))
        job = experiment.make_job("pretrain", seen, run.seed)
        weights = experiment.train_once(replace(job, keep_every=0)) / "model.safetensors"
        clips = _open(experiment, REAL, rest, Path(scratch))
        job = experiment.make_job("probe", clips, run.seed, weights)
        job, ranks = replace(job, out=Path(scratch, "probe")), find_ranks()
        train(job, ranks)
        left_out = _open(experiment, REAL, lists[run.fold], Path(scratch))
        probed = job.out / "model.safetensors"
        return evaluate(probed, left_out, experiment.recipe, ranks.device).is_right()


def _open(experiment: Experiment, kind: str, rows: Sequence[Row], scratch: Path) -> ClipSet:
    path = scratch / "list.csv"
    path.write_text("".join(f"{clip};{cls}\n" for clip, cls in rows), "utf-8")
    return open_list(experiment.folder / "clips" / kind, path)


def _tell(
    experiment: Experiment,
    right_N: dict[tuple[str, int], NDArray[np.bool_]],
    num_all: int,
    num_folds: int,
) -> str:
    of_seeds = {kind: [right_N[kind, seed] for seed in experiment.seeds] for kind in KINDS}
    shares = {kind: np.mean(of_seeds[kind], axis=0) for kind in KINDS}
    num_clips = len(shares[REAL])
    difference = compare_accuracies(shares[ANONYMISED], shares[REAL])
    head = (
        f"Linear probe on {num_clips} real clips of {num_all} ({num_all - num_clips} were not "
        f"released), {num_folds} folds, recipe {experiment.recipe.name}. Top-1 in %, mean of "
        f"{len(experiment.seeds)} seeds ± 95% (Student)."
    )
    lines = [
        head,
        "",
        join_row(("pre-trained on", "top-1")),
        make_rule(2),
    ]
    for kind in KINDS:
        mean = bound_mean([float(right.mean()) for right in of_seeds[kind]])
        lines.append(join_row((kind, show_mean(mean))))
    told = show_difference(difference)
    return "\n".join([*lines, "", f"m2m minus real, in pairs (bootstrap, 95%): {told}.", ""])
