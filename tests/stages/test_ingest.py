"""What a source holds becomes clips, or rows that say why not; never a crash later on."""

import json
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.videos import paint_clip, write_video
from toolkit.errors import AnnotationError, ConfigError, InputError
from toolkit.kinetics.table import read_table
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.release.takedown_list import TakedownList
from toolkit.stages.classes import select_classes
from toolkit.stages.clips import STANDARDIZE, run_clips
from toolkit.stages.ingest import ingest, list_inputs, note_versions, read_classes
from toolkit.stages.project import Project
from toolkit.stages.rows import OK, QUARANTINED, read_rows

HEADER = "label,youtube_id,time_start,time_end,split"


def _quiet(_name: str, _total: int):
    return lambda _num_done: None


@pytest.fixture
def folder(tmp_path: Path, root: Path) -> Path:
    """A project without clips yet."""
    shutil.copy(root / "params" / "tiny.yaml", tmp_path / "params.yaml")
    (tmp_path / "source" / "annotations").mkdir(parents=True)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "clip_ids.key").write_text("5c" * 32)
    return tmp_path


def _set(folder: Path, **changes: object) -> None:
    path = folder / "params.yaml"
    values = yaml.safe_load(path.read_text("utf-8"))
    path.write_text(yaml.safe_dump({**values, **changes}), "utf-8")


def _write_clip(path: Path, num_frames: int = 25) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, paint_clip(num_frames))
    return path


def _annotate(folder: Path, *lines: str, newline: str = "\n") -> None:
    text = newline.join([HEADER, *lines, ""])
    (folder / "source/annotations/all.csv").write_bytes(text.encode())


def _ingest(folder: Path) -> Project:
    project = Project.open(folder)
    ingest(project, _quiet)
    select_classes(project, _quiet)
    return project


def _inputs(project: Project):
    return {clip.row.clip_id: clip.row for clip in list_inputs(project)}


def test_bad_rows_are_named_and_the_others_go_on(folder: Path) -> None:
    """Duplicate ids, labels that lead out, an end before its start, an id with a dot, CRLF."""
    _write_clip(folder / "source/train/salsa — bailar ü/abc_000000_000001.mp4")
    _annotate(
        folder,
        "salsa — bailar ü,abc,0,1,train",
        "salsa — bailar ü,abc,0,1,train",
        "walk,abc,0,1,train",
        "a/b,d1,0,1,train",
        "../up,d2,0,1,train",
        "..,d3,0,1,train",
        "walk,d4,5,2,train",
        "walk,d.5,0,1,train",
        "walk,d6,zero,1,train",
        newline="\r\n",
    )
    project = _ingest(folder)
    rows = read_table(project.sources_table)
    assert Counter(name for row in rows for name in row.problems) == {"rejected": 8}
    assert all("all.csv:" in row.detail for row in rows if "rejected" in row.problems)
    assert read_classes(project) == ["salsa — bailar ü"]
    run_clips(project, _quiet, STANDARDIZE)
    (row,) = read_rows(project.table(STANDARDIZE))
    assert (row.clip_id, row.label, row.status) == ("abc_000000_000001", "salsa — bailar ü", OK)


def test_clips_that_cannot_be_used_are_quarantined_by_name(folder: Path) -> None:
    """Zero bytes, no video, cut off, another label's folder: rows, and the stage goes on."""
    source = folder / "source/train"
    _write_clip(source / "walk/good_000000_000001.mp4")
    _write_clip(source / "walk/short_000000_000010.mp4")
    _write_clip(source / "run/moved_000000_000001.mp4")
    (source / "run/empty_000000_000001.mp4").touch()
    (source / "run/text_000000_000001.mp4").write_text("no video")
    whole = _write_clip(source / "walk/cut_000000_000001.mp4").read_bytes()
    (source / "walk/cut_000000_000001.mp4").write_bytes(whole[: len(whole) // 2])
    names = {"good": 1, "short": 10, "cut": 1, "moved": 1, "gone": 1}
    _annotate(
        folder,
        *(f"walk,{name},0,{end},train" for name, end in names.items()),
        "run,empty,0,1,train",
        "run,text,0,1,train",
    )
    project = _ingest(folder)
    run_clips(project, _quiet, STANDARDIZE)
    rows = {row.clip_id.split("_")[0]: row for row in read_rows(project.table(STANDARDIZE))}
    assert {name: row.status for name, row in rows.items()} == {
        "good": OK,
        **dict.fromkeys(("short", "moved", "empty", "text", "cut"), QUARANTINED),
    }
    reasons = {name: row.reason.split(" ")[1] for name, row in rows.items() if row.reason}
    assert reasons["short"] == "truncated"
    assert reasons["moved"] == "wrong_label"
    assert reasons["empty"] == "zero_byte"
    assert reasons["text"] == "unreadable"
    assert reasons["cut"] in {"truncated", "unreadable"}


def test_a_table_without_a_column_is_refused(folder: Path) -> None:
    """One line that names the column."""
    (folder / "source/annotations/all.csv").write_text("label,youtube_id\nwalk,abc\n")
    with pytest.raises(AnnotationError, match="time_start"):
        ingest(Project.open(folder), _quiet)


def test_no_table_is_refused(folder: Path) -> None:
    """An empty folder of annotations is a slip, not a wish."""
    with pytest.raises(ConfigError, match=r"holds no \.csv"):
        ingest(Project.open(folder), _quiet)


def test_a_plain_folder_is_a_source_too(folder: Path) -> None:
    """LABEL/CLIP of any name; splits from folders above; ids are derived, without a dot."""
    _set(folder, source={"path": "source", "annotations": None})
    _write_clip(folder / "source/dance at home/my clip.v2.mp4")
    _write_clip(folder / "source/val/dance at home/other.mp4", 12)
    project = _ingest(folder)
    rows = _inputs(project)
    assert read_classes(project) == ["dance at home"]
    assert {row.split for row in rows.values()} == {"train", "val"}
    assert all("." not in clip_id for clip_id in rows)


def test_a_tar_is_a_source_too(folder: Path) -> None:
    """Each member is found where it lies in its tar."""
    _set(folder, source={"path": "source", "annotations": None})
    for name in ("a", "b"):
        _write_clip(folder / f"clips/walk/{name}.mp4", 3)
    with tarfile.open(folder / "source/clips.tar", "w") as tar:
        tar.add(folder / "clips", "train")
    project = _ingest(folder)
    run_clips(project, _quiet, STANDARDIZE)
    assert [row.status for row in read_rows(project.table(STANDARDIZE))] == [OK, OK]


def test_two_clips_of_one_id_are_refused_at_the_start(folder: Path) -> None:
    """As a tar holds them to which a clip was appended again; not at the gate, after days."""
    _set(folder, source={"path": "source", "annotations": None})
    clip = _write_clip(folder / "a.mp4", 3)
    with tarfile.open(folder / "source/clips.tar", "w") as tar:
        tar.add(clip, "walk/a.mp4")
        tar.add(clip, "walk/a.mp4")
    with pytest.raises(InputError, match=r"clips\.tar/walk/a\.mp4 .* the same id"):
        ingest(Project.open(folder), _quiet)


def test_a_clip_keeps_its_shard_when_others_come(folder: Path) -> None:
    """As long as the number of shards, a power of two, is the same."""
    _set(folder, source={"path": "source", "annotations": None}, clips_per_shard=1)
    first = _write_clip(folder / "source/walk/0.mp4", 3)
    for index in range(1, 9):
        shutil.copy(first, folder / f"source/walk/{index}.mp4")
    before = _inputs(_ingest(folder))
    shutil.copy(first, folder / "source/walk/new.mp4")
    after = _inputs(_ingest(folder))
    assert {row.shard[-6:-4] for row in before.values()} == {"08"}
    assert after.items() > before.items()


def test_a_rerun_looks_only_at_files_that_changed(folder: Path) -> None:
    """What was found of the others is kept from run to run."""
    _set(folder, source={"path": "source", "annotations": None})
    _write_clip(folder / "source/walk/a.mp4", 3)
    _write_clip(folder / "source/walk/b.mp4", 4)
    project = _ingest(folder)
    table = project.sources_table.read_bytes()
    looks = folder / "work/ingest/looks.jsonl"
    _ingest(folder)
    assert project.sources_table.read_bytes() == table
    assert sum(map(bool, looks.read_text().splitlines())) == 2
    _write_clip(folder / "source/walk/b.mp4", 6)
    _ingest(folder)
    assert sum(map(bool, looks.read_text().splitlines())) == 3


def test_classes_are_in_order(folder: Path) -> None:
    """A class's index is its place in the sorted list."""
    _set(folder, source={"path": "source", "annotations": None})
    for label in ("b", "C", "a"):
        _write_clip(folder / f"source/{label}/{label}.mp4", 3)
    project = _ingest(folder)
    assert json.loads(project.classes.read_text("utf-8")) == {
        "classes": ["C", "a", "b"],
        "method": "all",
    }


def test_the_first_stage_makes_the_folder_of_tables(folder: Path) -> None:
    """DVC does so only where git does not ignore it, and the docs say to ignore it."""
    project = Project.open(folder)
    note_versions(project, _quiet)
    assert "models" in json.loads(project.versions.read_text("utf-8"))


def test_a_key_that_is_missing_is_told_at_the_start(folder: Path) -> None:
    """Not after days of work, when clips are packed."""
    (folder / "keys" / "clip_ids.key").unlink()
    with pytest.raises(InputError, match="there is no file with a key: make one"):
        ingest(Project.open(folder), _quiet)


def test_a_clip_that_was_taken_down_is_as_if_it_were_not_there(folder: Path) -> None:
    """By its id, annotated or not, and by its bytes under another name: no row, no look kept."""
    source = folder / "source/train/walk"
    clip = _write_clip(source / "gone_000000_000001.mp4")
    shutil.copy(clip, source / "copy_000000_000001.mp4")
    _write_clip(source / "stays_000000_000001.mp4", 24)
    _annotate(folder, *(f"walk,{name},0,1,train" for name in ("gone", "copy", "stays")))
    before = {row.clip_id: row for row in read_table(_ingest(folder).sources_table)}
    project = Project.open(folder)
    note_versions(project, _quiet)
    versions = project.versions.read_bytes()
    names = [["gone_000000_000001", before["gone_000000_000001"].sha256]]
    pseudonyms = Pseudonyms.from_file(project.key_file)
    TakedownList.read(project.takedowns, pseudonyms).add(names, "request", "").write(
        project.takedowns
    )
    note_versions(project, _quiet)
    assert project.versions.read_bytes() != versions  # so that DVC runs ingest
    assert set(_inputs(_ingest(folder))) == {"stays_000000_000001"}
    rows = {row.clip_id: row for row in read_table(project.sources_table)}
    assert rows["stays_000000_000001"].sha256 == before["stays_000000_000001"].sha256
    assert not any("gone" in row.detail for row in rows.values())
    assert rows.keys() == {"stays_000000_000001", "copy_000000_000001"}
    assert rows["copy_000000_000001"].problems == ["missing"]
    looks = (folder / "work/ingest/looks.jsonl").read_text()
    assert "stays" in looks
    assert "gone" not in looks
    assert "copy" not in looks
    _set_key(folder, "6d")
    with pytest.raises(InputError, match="under another key"):
        ingest(project, _quiet)


def _set_key(folder: Path, byte: str) -> None:
    (folder / "keys" / "clip_ids.key").write_text(byte * 32)
