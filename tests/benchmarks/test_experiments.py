"""The experiments: stages of DVC, tables, and what a table's figures are made of."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("timm", reason="needs the extra train")
pytest.importorskip("tensorboard", reason="needs the extra train")
pytest.importorskip("matplotlib", reason="needs the extra train")
pytest.importorskip("dvc", reason="needs the extra pipeline")

from benchmarks.clips import open_clips
from benchmarks.evaluate import read_predictions
from benchmarks.experiments.real_video import compare_real
from benchmarks.experiments.runs import TRAININGS, Experiment, find_training, shuffle_classes
from benchmarks.experiments.tables import TABLES, write_curves, write_table
from benchmarks.recipes import smoke
from benchmarks.results_file import PROTOCOLS, read_results
from tests.benchmarks.release import paint_class, write_release
from tests.benchmarks.test_results_file import write
from tests.videos import write_video
from toolkit.errors import InputError

TASK = "mini-ucf101"
GENDERS = ("mini-women-in-men-biased", "mini-men-in-women-biased")


def make_project(root: Path, folder: Path, releases: list[str], tasks: list[str]) -> Path:
    """Make a folder with the stages, and painted clips for releases and tasks."""
    (folder / "benchmarks").mkdir()
    shutil.copy(root / "benchmarks/dvc.yaml", folder / "benchmarks")
    (folder / "benchmarks/params.yaml").write_text("recipe: smoke\nseeds: [0, 1]\n")
    for name in releases:
        write_release(folder / f"runs/mini/releases/{name}", train=8)
    for task in tasks:
        (folder / f"runs/mini/tasks/{task}").mkdir(parents=True)
        for split in ("train", "val"):
            rows = []
            for index in range(4):
                path = folder / f"runs/mini/tasks/{task}/{split}{index}.mp4"
                write_video(path, paint_class(index % 2, index), fps=8)
                rows.append(f"{path.name};{index % 2}\n")
            (path.parent / f"{split}.csv").write_text("".join(rows))
    (folder / "runs/mini/code.json").write_text("{}")
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = True\n    analytics = false\n")
    return folder


def repro(root: Path, folder: Path, *stages: str) -> None:
    """Run some stages, but not those before them."""
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    targets = [f"benchmarks/dvc.yaml:{stage}" for stage in stages]
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "--single-item", *targets],
        cwd=folder,
        env={**os.environ, "PATH": search, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_cell_of_the_graph_runs(root: Path, tmp_path: Path) -> None:
    """Pre-trained, aligned, fine-tuned and probed with two seeds, each bound to its predictions."""
    make_project(root, tmp_path, ["real"], [TASK])
    repro(root, tmp_path, "train@real", f"evaluate@real-{TASK}")
    folder = tmp_path / f"runs/mini/results/real/{TASK}"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["finetune-0", "finetune-1", "probe-0", "probe-1"]
    found = read_results(folder / "probe-1/results.json")
    assert (found.condition, found.task, found.protocol, found.seed) == ("real", TASK, "probe", 1)
    release = open_clips(tmp_path / "runs/mini/releases/real", "train")
    assert found.dataset == {"name": "mini-real", "version": "1.0.0", "digest": release.digest}
    assert found.num_clips == 4
    predictions = read_predictions(folder / "probe-1" / found.predictions["path"])
    assert found.metrics["top1"] == predictions.is_right().mean()
    history, tasks = predictions.facts["training"], []
    while history:
        tasks.append(history["task"])
        history = history["init"]
    assert tasks == ["probe", "align", "pretrain"]


@pytest.mark.slow
def test_a_whole_table(root: Path, tmp_path: Path) -> None:
    """Table 3, all of its cells; a cell run again keeps weights, and figures the same bytes."""
    conditions = ["m2m", "m2m-male", "m2m-female"]
    make_project(root, tmp_path, conditions, list(GENDERS))
    cells = [f"evaluate_bodies@{name}-{task}" for name in conditions for task in GENDERS]
    stages = [*(f"train@{name}" for name in conditions), *cells, "table3"]
    repro(root, tmp_path, *stages)
    tables = tmp_path / "benchmarks/results/mini"
    with (tables / "table3.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 2 * 2
    assert all(row["num_seeds"] == "2" and 0 <= float(row["top1"]) <= 1 for row in rows)
    before = {path.name: path.read_bytes() for path in tables.iterdir()}
    weights = sorted((tmp_path / "runs/mini/weights").rglob("model.safetensors"))
    assert len(weights) == 2 * 2  # the painted releases are the same clips: trained once a seed
    times = [path.stat().st_mtime_ns for path in weights]
    (tmp_path / "benchmarks/dvc.lock").unlink()
    repro(root, tmp_path, stages[0], cells[0], "table3")
    assert {path.name: path.read_bytes() for path in tables.iterdir()} == before
    assert [path.stat().st_mtime_ns for path in weights] == times


def write_cells(runs: Path, table: str, accuracy: dict[str, float], num_clips: int = 40) -> None:
    """Write results of three seeds for all cells of a table, with accuracies by condition."""
    for condition in TABLES[table].rows:
        for task in TABLES[table].tasks:
            for protocol in PROTOCOLS:
                for seed in range(3):
                    rng = np.random.default_rng([seed, len(condition)])
                    right = list(rng.random(num_clips) < accuracy[condition])
                    folder = runs / f"results/{condition}/{task}/{protocol}-{seed}"
                    write(folder, right, condition, task, protocol=protocol, seed=seed)


def test_a_table_says_how_rows_differ(tmp_path: Path) -> None:
    """Means with intervals, differences in pairs, Markdown and a picture; the same bytes."""
    write_cells(tmp_path, "table2", {"m2m": 0.9, "m2m-noinpaint": 0.3})
    for out in ("a", "b"):
        write_table("table2", tmp_path, tmp_path / out)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["table2-differences.csv", "table2.csv", "table2.md", "table2.png"]
    assert all(
        (tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names
    )
    with (tmp_path / "a/table2.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 5 * 2
    assert float(rows[0]["low"]) < float(rows[0]["top1"]) < float(rows[0]["high"])
    with (tmp_path / "a/table2-differences.csv").open() as file:
        pooled = [row for row in csv.DictReader(file) if row["task"] == "all"]
    assert [float(row["high"]) < -0.4 for row in pooled] == [True, True]
    assert "| not inpainted | inpainted | -" in (tmp_path / "a/table2.md").read_text()


def test_a_table_holds_results_to_their_predictions(tmp_path: Path) -> None:
    """Predictions that were changed, of other clips, and a run that is missing, are told."""
    write_cells(tmp_path, "table2", {"m2m": 0.9, "m2m-noinpaint": 0.3})
    cell = tmp_path / "results/m2m-noinpaint/mini-ikeafa"
    shutil.copy(cell / "probe-1/predictions.parquet", cell / "probe-0/predictions.parquet")
    with pytest.raises(InputError, match=r"probe-0.predictions\.parquet is not what"):
        write_table("table2", tmp_path, tmp_path / "out")
    write(cell / "probe-0", [True], "m2m-noinpaint", "mini-ikeafa")
    with pytest.raises(InputError, match="mini-ikeafa has runs on different clips"):
        write_table("table2", tmp_path, tmp_path / "out")
    shutil.rmtree(cell)
    with pytest.raises(InputError, match="mini-ikeafa has no finetune"):
        write_table("table2", tmp_path, tmp_path / "out")


def test_curves_of_checkpoints(tmp_path: Path) -> None:
    """Figure 3: a line for each condition, a point for each checkpoint."""
    for condition in ("real", "m2m"):
        for epoch in (10, 20):
            for seed in range(3):
                folder = tmp_path / f"curves/{condition}/epoch-{epoch:04d}/probe-{seed}"
                right = [True] * (epoch + seed) + [False] * (30 - epoch - seed)
                write(folder, right, seed=seed)
    write_curves(tmp_path, tmp_path)
    with (tmp_path / "figure3.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["condition"], row["epoch"]) for row in rows] == [
        ("real", "10"),
        ("real", "20"),
        ("m2m", "10"),
        ("m2m", "20"),
    ]
    assert (tmp_path / "figure3.png").read_bytes().startswith(b"\x89PNG")


def test_shuffled_classes_are_dealt_to_the_same_clips(tmp_path: Path) -> None:
    """As many of each, by the seed alone; and other data by its digest."""
    clips = open_clips(write_release(tmp_path, train=12), "train")
    first, again, other = (shuffle_classes(clips, seed) for seed in (0, 0, 1))
    assert first == again
    assert len({clips.digest, first.digest, other.digest}) == 3
    assert [clip.clip_id for clip in first.clips] == [clip.clip_id for clip in clips.clips]
    assert sorted(c.cls for c in first.clips) == sorted(c.cls for c in clips.clips)
    assert [c.cls for c in first.clips] != [c.cls for c in clips.clips]


def test_every_row_of_a_table_has_a_training() -> None:
    """Whatever a table compares was pre-trained and aligned on something."""
    conditions = {condition for table in TABLES.values() for condition in table.rows}
    assert {find_training(condition) for condition in conditions} == set(TRAININGS)
    assert find_training("real-epoch-0010") == "real"


@pytest.mark.slow
def test_real_clips_are_compared_with_those_that_were_released(tmp_path: Path) -> None:
    """A clip that was not released is left out of both; the others are evaluated by every seed."""
    folds = [tmp_path / f"fold{number}.csv" for number in range(2)]
    for number, fold in enumerate(folds):
        rows = []
        for index in range(4):
            name = f"seq{number}_{index}"
            for kind, suffix in (("real", "avi"), ("m2m", "mp4")):
                (tmp_path / kind).mkdir(exist_ok=True)
                path = tmp_path / kind / f"{name}.{suffix}"
                write_video(path, paint_class(index % 2, index), fps=8)
            rows.append(f"{name}.avi;{index % 2}\n")
        fold.write_text("".join(rows))
    (tmp_path / "m2m/seq0_0.mp4").unlink()
    experiment = Experiment(tmp_path / "runs", smoke(), (0, 1))
    args = (experiment, tmp_path / "real", tmp_path / "m2m", folds, tmp_path / "found.md")
    text = compare_real(*args)
    assert "on 7 real clips of 8 (1 were not released), 2 folds" in text
    assert text == compare_real(*args) == (tmp_path / "found.md").read_text()
    (tmp_path / "real/seq1_1.avi").unlink()
    with pytest.raises(InputError, match=r"seq1_1\.avi is not in"):
        compare_real(*args)
