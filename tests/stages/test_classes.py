"""The choice of classes in a project: real clips in, a list out, the same with any workers."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.videos import write_video
from toolkit.errors import BackendError, ConfigError, InputError
from toolkit.journal import read_journal
from toolkit.stages.classes import (
    EMBED,
    embed_classes,
    embed_videos,
    gather_evidence,
    select_classes,
)
from toolkit.stages.ingest import ingest, list_clips, note_versions, read_classes
from toolkit.stages.package import _write_lists
from toolkit.stages.project import Project
from toolkit.stages.rows import read_rows

LABELS = ("climb", "dive", "jump", "walk")
NUM_CLIPS = 4


@pytest.fixture(scope="module")
def encoder(weights: Callable[[str], Path]) -> None:
    """Skip without the encoder's weights."""
    try:
        weights("efficientnet_lite0")
    except InputError:
        pytest.skip("needs weights: run  m2m models fetch efficientnet-lite0")


def _quiet(_name: str, _total: int):
    return lambda _num_done: None


def _paint(label: str, number: int) -> list[np.ndarray]:
    """Stripes of a direction and colour for each class, and a phase for each frame."""
    y, x = np.mgrid[0:96, 0:128]
    turn, frames = LABELS.index(label), []
    for index in range(6):
        wave = np.sin((x * np.cos(turn) + y * np.sin(turn)) / (4 + number) + index)
        tint = np.roll([1.0, 0.6, 0.3], turn)
        frames.append((128 + 100 * wave[..., None] * tint).astype(np.uint8))
    return frames


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes of four clips, but one more of the last."""
    folder = tmp_path_factory.mktemp("classes") / "source"
    for label in LABELS:
        for number in range(NUM_CLIPS + (label == "walk")):
            path = folder / label / f"{label}{number}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, _paint(label, number))
    return folder


@pytest.fixture
def folder(tmp_path: Path, root: Path, source: Path) -> Path:
    """A project of these clips."""
    shutil.copy(root / "params" / "tiny.yaml", tmp_path / "params.yaml")
    shutil.copy(root / "dvc.yaml", tmp_path)
    shutil.copytree(source, tmp_path / "source")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "clip_ids.key").write_text("5c" * 32)
    _set(tmp_path, source={"path": "source", "annotations": None})
    return tmp_path


def _set(folder: Path, **changes: object) -> None:
    path = folder / "params.yaml"
    values = yaml.safe_load(path.read_text("utf-8"))
    path.write_text(yaml.safe_dump({**values, **changes}), "utf-8")


def _choose(folder: Path, **classes: object) -> Project:
    _set(folder, classes=classes)
    project = Project.open(folder)
    if not project.sources_table.is_file():
        ingest(project, _quiet)
    embed_classes(project, _quiet)
    select_classes(project, _quiet)
    return project


@pytest.mark.usefixtures("encoder")
@pytest.mark.parametrize(
    "method",
    [
        "knexus",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("knexus-b1", "kmeans")),
        pytest.param("resound-greedy", marks=pytest.mark.slow),
    ],
)
def test_one_worker_and_many_choose_the_same(folder: Path, method: str) -> None:
    """Byte for byte: list, metrics and map; from scratch, and from what is kept."""
    made = []
    for workers in (1, 3, 3):
        if len(made) < 2:
            shutil.rmtree(folder / "work" / EMBED, ignore_errors=True)
        _set(folder, run={"workers": workers, "max_failed_fraction": 0})
        project = _choose(folder, method=method, k=2, seed=5)
        files = (project.classes, project.class_metrics, project.class_map, project.table(EMBED))
        made.append([path.read_bytes() for path in files])
    assert made[0] == made[1] == made[2]
    record = json.loads(project.classes.read_text("utf-8"))
    assert len(record["classes"]) == 2
    assert set(record["classes"]) < set(LABELS)
    assert record["encoder_sha256"].keys() == {"efficientnet_lite0"}
    assert record["num_embedded"] == len(LABELS) * NUM_CLIPS + 1
    metrics = json.loads(project.class_metrics.read_text("utf-8"))
    assert metrics["bias_chosen"] <= np.log(2) + 1e-6
    rows = list(csv.DictReader(project.class_map.open(encoding="utf-8")))
    assert {row["label"] for row in rows if row["chosen"] == "1"} == set(record["classes"])


@pytest.mark.usefixtures("encoder")
def test_only_what_is_new_is_embedded(folder: Path) -> None:
    """A second run, another k and another method embed nothing; another seed does all again."""
    project = _choose(folder, method="kmeans", k=2)
    journal = project.work(EMBED) / "journal.jsonl"
    num_clips = len(LABELS) * NUM_CLIPS + 1
    assert sum(1 for _ in read_journal(journal)) == num_clips
    _choose(folder, method="knexus", k=3)
    assert sum(1 for _ in read_journal(journal)) == num_clips
    _choose(folder, method="knexus", k=3, seed=1)
    assert sum(1 for _ in read_journal(journal)) == 2 * num_clips


@pytest.mark.usefixtures("encoder")
def test_the_most_videos_win_and_count_though_few_are_embedded(folder: Path) -> None:
    """In one cluster: walk has one clip more; two of each class are embedded."""
    project = _choose(folder, method="kmeans", k=1, max_videos=2)
    assert read_classes(project) == ["walk"]
    assert len(read_rows(project.table(EMBED))) == 2 * len(LABELS)


@pytest.mark.slow
@pytest.mark.usefixtures("encoder")
def test_the_other_frame_is_another_vector(folder: Path) -> None:
    """The choice of the frame decides the result, so it is made again."""
    digests = []
    for frame in ("random", "least-change"):
        project = _choose(folder, method="kmeans", k=2, frame=frame)
        digests.append(json.loads(project.classes.read_text("utf-8"))["embeddings_sha256"])
    assert digests[0] != digests[1]


def test_nothing_is_embedded_where_nobody_asks(folder: Path) -> None:
    """By default, by lot, and by a list: no vector, no folder, no encoder that must be there."""
    (folder / "two.csv").write_text("label,youtube_id\nwalk,a\nwalk,b\ndive,c\n")
    for classes, expected in (
        ({"method": "all", "encoder": "none-such"}, set(LABELS)),
        ({"method": "list", "file": "two.csv", "encoder": "none-such"}, {"walk", "dive"}),
        ({"method": "random", "k": 4, "encoder": "none-such"}, set(LABELS)),
    ):
        project = _choose(folder, **classes)
        assert set(read_classes(project)) == expected
        assert read_rows(project.table(EMBED)) == []
        assert not project.work(EMBED).exists()
        assert json.loads(project.class_metrics.read_text("utf-8"))["num_classes"] == len(LABELS)
    assert _choose(folder, method="random", k=2, seed=1).classes.read_bytes()


def test_a_changed_list_is_seen_by_dvc(folder: Path) -> None:
    """It is no dependency by name: stage versions notes its digest."""
    (folder / "list.txt").write_text("walk\n")
    _set(folder, classes={"method": "list", "file": "list.txt"})
    project = Project.open(folder)
    note_versions(project, _quiet)
    first = project.versions.read_bytes()
    (folder / "list.txt").write_text("dive\nwalk\n")
    note_versions(project, _quiet)
    assert project.versions.read_bytes() != first


@pytest.mark.usefixtures("encoder")
def test_the_list_release_holds_classes_counts_and_recipe(folder: Path) -> None:
    """What was chosen, from what, and how: so that somebody else can choose it again."""
    project = _choose(folder, method="knexus", k=2, seed=5)
    _write_lists(project, folder / "lists")
    record = json.loads((folder / "lists" / "classes.json").read_text("utf-8"))
    assert record["classes"] == read_classes(project)
    assert record["recipe"]["method"] == "knexus"
    assert (record["recipe"]["k"], record["recipe"]["seed"]) == (2, 5)
    assert len(record["recipe"]["embeddings_sha256"]) == 64
    assert record["num_clips"]["walk"] == {"train": 5}
    listed = list(csv.DictReader((folder / "lists" / "train.csv").open(encoding="utf-8")))
    assert {row["label"] for row in listed} == set(record["classes"])


@pytest.mark.usefixtures("encoder")
def test_a_class_that_cannot_be_read_is_named(folder: Path) -> None:
    """With one of the reasons, in one line."""
    for path in (folder / "source" / "dive").iterdir():
        path.write_bytes(b"no video")
    with pytest.raises(
        InputError, match=r"class 'dive': none of its 4 videos can be read \("
    ) as it:
        _choose(folder, method="kmeans", k=2)
    assert "\n" not in str(it.value)


@pytest.mark.usefixtures("encoder")
def test_a_class_of_one_video_is_named_where_recall_is_asked_for(folder: Path) -> None:
    """K-means does without."""
    for number in range(1, NUM_CLIPS):
        (folder / "source" / "dive" / f"dive{number}.mp4").unlink()
    assert len(read_classes(_choose(folder, method="kmeans", k=2))) == 2
    with pytest.raises(InputError, match="class 'dive' has 1 video that can be read"):
        _choose(folder, method="knexus", k=2)


@pytest.mark.usefixtures("encoder")
def test_too_many_classes_are_refused(folder: Path) -> None:
    """One line with the rule and the value."""
    with pytest.raises(InputError, match=r"classes\.k must be from 1 to .* 4, and it is 5"):
        _choose(folder, method="knexus", k=5)


def test_a_list_that_the_source_lacks_is_refused(folder: Path) -> None:
    """The classes are named."""
    (folder / "list.txt").write_text("walk\nswim\nfly\n")
    with pytest.raises(InputError, match=r"no clip of 2 of 3 classes of list.txt \(fly, swim\)"):
        _choose(folder, method="list", file="list.txt")


def test_an_encoder_that_is_not_there_is_told_at_the_start(folder: Path) -> None:
    """Its package, or its name; and before any clip is read."""
    _set(folder, classes={"method": "knexus", "k": 2, "encoder": "no-such-net"})
    project = Project.open(folder)
    with pytest.raises(BackendError, match=r"encoder 'no-such-net'") as caught:
        note_versions(project, _quiet)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ({"method": "knexus"}, "k goes with every method"),
        ({"method": "all", "k": 3}, "k goes with every method"),
        ({"method": "list"}, "method list goes with file"),
        ({"method": "kmeans", "k": 0}, r"classes\.k: .*got 0"),
        ({"method": "list", "file": "/etc/passwd"}, "inside the project"),
    ],
)
def test_params_that_do_not_fit_are_named(
    folder: Path, classes: dict[str, object], words: str
) -> None:
    """When they are read."""
    _set(folder, classes=classes)
    with pytest.raises(ConfigError, match=words):
        Project.open(folder)


@pytest.mark.usefixtures("encoder")
def test_a_vector_that_is_gone_is_told(folder: Path) -> None:
    """With the command that makes it again."""
    project = _choose(folder, method="kmeans", k=2)
    rows = embed_videos(project, _quiet)
    (project.work(EMBED) / rows[0].shard).unlink()
    with pytest.raises(InputError, match=r"is not there: run  dvc repro --force"):
        gather_evidence(project, list_clips(project), rows)
