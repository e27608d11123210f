"""The experiments: stages of DVC, tables, and what a table's figures are made of."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("timm", reason="needs the extra train")
pytest.importorskip("tensorboard", reason="needs the extra train")
pytest.importorskip("matplotlib", reason="needs the extra train")
pytest.importorskip("dvc", reason="needs the extra pipeline")

from benchmarks.clips import open_clips
from benchmarks.evaluate import read_predictions
from benchmarks.results_file import read_results
from tests.benchmarks.release import paint_class, write_release
from tests.videos import write_video

TASK = "mini-ucf101"


@pytest.fixture(scope="module")
def project(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the stages, a release and a task that painted clips stand for."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "benchmarks").mkdir()
    shutil.copy(root / "benchmarks/dvc.yaml", folder / "benchmarks")
    params = "recipe: smoke\nseeds: [0, 1]\n"
    (folder / "benchmarks/params.yaml").write_text(params)
    write_release(folder / "runs/mini/releases/real", train=8)
    for split in ("train", "val"):
        rows = []
        for index in range(4):
            path = folder / f"runs/mini/tasks/{TASK}/{split}{index}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, paint_class(index % 2, index), fps=8)
            rows.append(f"{path.name};{index % 2}\n")
        (path.parent / f"{split}.csv").write_text("".join(rows))
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    run_dvc(root, folder, "init", "--quiet")
    return folder


def run_dvc(root: Path, folder: Path, *words: str) -> None:
    """Run ``dvc`` in a folder, with this toolkit."""
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        cwd=folder,
        env={**os.environ, "PATH": search, "PYTHONPATH": str(root), "DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_cell_of_the_graph_runs(root: Path, project: Path) -> None:
    """Pre-trained, aligned, fine-tuned and probed with two seeds, each bound to its predictions."""
    cell = f"evaluate@real-{TASK}"
    stages = [f"benchmarks/dvc.yaml:{stage}" for stage in ("code", "train@real", cell)]
    run_dvc(root, project, "repro", "--single-item", *stages)
    folder = project / f"runs/mini/results/real/{TASK}"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["finetune-0", "finetune-1", "probe-0", "probe-1"]
    found = read_results(folder / "probe-1/results.json")
    assert (found.condition, found.task, found.protocol, found.seed) == ("real", TASK, "probe", 1)
    assert found.dataset["name"] == "mini-real"
    assert (
        found.dataset["digest"] == open_clips(project / "runs/mini/releases/real", "train").digest
    )
    assert found.num_clips == 4
    predictions = read_predictions(folder / "probe-1" / found.predictions["path"])
    assert found.metrics["top1"] == predictions.is_right().mean()
    history = predictions.facts["training"]
    assert [history["task"], history["init"]["task"], history["init"]["init"]["task"]] == [
        "probe",
        "align",
        "pretrain",
    ]
