"""``m2m knexus report`` in a project, with real clips; and what it refuses, in one line."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.videos import paint_clip, write_video
from toolkit.errors import InputError
from toolkit.stages.class_report import report_classes
from toolkit.stages.ingest import ingest
from toolkit.stages.project import Project

LABELS = ("dive", "jump & run", "walk")


def _quiet(_name: str, _total: int):
    return lambda _num_done: None


@pytest.fixture(scope="module")
def encoder(weights) -> None:
    """Skip without the encoder's weights."""
    try:
        weights("efficientnet_lite0")
    except InputError:
        pytest.skip("needs weights: run  m2m models fetch efficientnet-lite0")


def _make_project(folder: Path, root: Path, clips: dict[str, list[Path]]) -> Path:
    values = yaml.safe_load((root / "params" / "tiny.yaml").read_text("utf-8"))
    values["source"]["annotations"] = None
    folder.mkdir(exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(values), "utf-8")
    (folder / "keys").mkdir()
    (folder / "keys" / "clip_ids.key").write_text("5c" * 32)
    for label, paths in clips.items():
        (folder / "source" / label).mkdir(parents=True)
        for path in paths:
            shutil.copy(path, folder / "source" / label / path.name)
    ingest(Project.open(folder), _quiet)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Three classes of three clips; the build keeps all of them."""
    folder = tmp_path_factory.mktemp("report")
    clips: dict[str, list[Path]] = {}
    for label in LABELS:
        for number in range(3):
            path = folder / "made" / f"{label[:4]}{number}.mp4".replace(" ", "_")
            path.parent.mkdir(exist_ok=True)
            write_video(path, paint_clip(3 + number + 5 * LABELS.index(label)))
            clips.setdefault(label, []).append(path)
    return _make_project(folder / "project", root, clips)


@pytest.mark.usefixtures("encoder")
def test_a_project_that_keeps_all_classes_can_be_looked_at(
    project: Path, tmp_path: Path, run_m2m
) -> None:
    """Table, JSON and page; no file of the build is made or changed."""
    (tmp_path / "list.csv").write_text("label\nwalk\ndive\nelsewhere\n")
    before = sorted(path.name for path in (project / "data").iterdir())
    words = ["knexus", "report", str(project), "--k", "2", "--seeds", "2", "--classes-from"]
    outs = ["list.csv", "--json", "f.json", "--out", "page.html"]
    done = run_m2m(*words, *outs, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("3 classes, 9 videos, efficientnet-lite0, random frame")
    assert "list.csv: 2 of 3 classes are here" in done.stdout
    record = json.loads((tmp_path / "f.json").read_text("utf-8"))
    assert record["methods"][0]["method"] == "knexus"
    assert len(record["methods"][0]["seeds"]) == 2
    assert "jump &amp; run" in (tmp_path / "page.html").read_text("utf-8")
    assert sorted(path.name for path in (project / "data").iterdir()) == before


@pytest.mark.usefixtures("encoder")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--k", "4"], "classes.k must be from 1 to the number of classes, which is 3"),
        (["--method", "best"], "unknown method 'best': choose one of knexus, knexus-b1"),
        (["--classes-from", "none.csv"], "none.csv: cannot be read"),
        (["--json", "none/f.json"], "does not exist"),
    ],
)
def test_what_cannot_be_told_is_refused(
    project: Path, tmp_path: Path, run_m2m, words: list[str], told: str
) -> None:
    """One line, exit code 2, no trace."""
    done = run_m2m("knexus", "report", str(project), "--no-probe", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_project_without_clips_says_what_to_run(tmp_path: Path, root: Path, run_m2m) -> None:
    """And a folder that is no project."""
    assert "run this in a project folder" in run_m2m("knexus", "report", cwd=tmp_path).stderr
    shutil.copy(root / "params" / "tiny.yaml", tmp_path / "params.yaml")
    done = run_m2m("knexus", "report", cwd=tmp_path)
    assert done.returncode == 2
    assert "run  dvc repro ingest" in done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("encoder")
def test_real_clips(shared_dir: Path, tmp_path: Path, root: Path) -> None:
    """UT-Interaction, 6 classes of 10: the greedy choice of 3 is less biased than chance.

    Of the 20 ways to choose 3 of 6 no other has less, so p is about 1/20 at best; the mean of the
    random ones is above it. docs/knexus.md has the figures with actors beside them.
    """
    clips: dict[str, list[Path]] = {}
    with (shared_dir / "clips/INDEX.csv").open(encoding="utf-8", newline="") as index:
        for row in csv.DictReader(index):
            if row["file"].startswith("ut_interaction/"):
                path = shared_dir / "clips" / row["file"]
                clips.setdefault(row["label"], []).append(path)
    project = Project.open(_make_project(tmp_path / "project", root, clips))
    found = report_classes(
        project,
        _quiet,
        ks=(3,),
        methods=("resound-greedy", "knexus"),
        num_seeds=3,
        classes_from=None,
        probe=False,
    )
    (chance,), (greedy, knexus) = found.chance, found.methods
    assert greedy.seeds[0].subset.bias_means < chance.mean
    assert greedy.seeds[0].p_lower < 0.2
    assert len(knexus.seeds) == 3
