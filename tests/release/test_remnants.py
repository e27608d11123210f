"""Whatever kind of file tells of a clip is found, wherever in the project it lies; no other is."""

import shutil
from pathlib import Path

import pytest

from toolkit.kinetics.table import Row, write_table
from toolkit.release import remnants
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.release.remnants import find_remnants, remove_remnant
from toolkit.release.takedown_list import TakedownList
from toolkit.shards import Sample, write_shard
from toolkit.stages.project import Project

CLIP, OTHER = "abc_000000_000010", "abd_000000_000010"


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Project:
    """A project with a source that has the clip, and nothing else that tells of it."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(root / "params/tiny.yaml", folder / "params.yaml")
    _write(tmp_path / f"videos/train/walk/{CLIP}.mp4", CLIP)
    (folder / "source").symlink_to(tmp_path / "videos")
    _write(folder / ".git/packed", CLIP)
    return Project.open(folder)


@pytest.fixture
def takedowns(tmp_path: Path) -> TakedownList:
    """A list with the clip."""
    read = TakedownList.read(tmp_path / "none", Pseudonyms(b"k" * 32))
    return read.add([[CLIP]], "request", "")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _find(project: Project, takedowns: TakedownList) -> set[str]:
    cache = project.root.parent / "cache"
    return {path.name for path in find_remnants(project, cache, takedowns)}


def test_every_kind_of_file_is_looked_into(project: Project, takedowns: TakedownList) -> None:
    """Shard, index, cut-off shard, table, text, a name; in a linked folder and DVC's cache."""
    assert _find(project, takedowns) == set()
    for clip in (CLIP, OTHER):
        folder = project.root / "work/mask" / clip[:3]
        folder.mkdir(parents=True)
        shard = folder / f"{clip[:3]}.tar"
        write_shard(shard, [Sample("a", {"mp4": b""}), Sample(clip, {"mp4": b"1" * 9000})])
        (folder / f"{clip[:3]}.cut.tar").write_bytes(shard.read_bytes()[:3000])
        write_table([Row(clip, "walk", "train", [])], folder / f"{clip[:3]}.parquet")
        _write(project.root / f"notes/{clip}.mp4", "video")
        _write(
            project.root.parent / f"cache/files/md5/{clip[:3]}", f'[{{"relpath": "{clip}.mp4"}}]'
        )
    (project.root / "work/mask").rename(project.root.parent / "big")
    (project.root / "work/mask").symlink_to(project.root.parent / "big")
    assert _find(project, takedowns) == {
        "abc.tar",
        "abc.index.json",
        "abc.cut.tar",
        "abc.parquet",
        f"{CLIP}.mp4",
        "abc",
    }


def test_a_name_across_two_pieces_of_a_large_file_is_found(
    project: Project, takedowns: TakedownList, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is read in pieces that overlap."""
    monkeypatch.setattr(remnants, "_CHUNK_BYTES", 1000)
    for place in range(980, 1005):
        _write(project.root / "large.bin", "." * place + CLIP + "." * 2000)
        assert _find(project, takedowns) == {"large.bin"}


def test_only_what_can_be_made_again_is_removed(project: Project, takedowns: TakedownList) -> None:
    """A release as a whole, of a journal the lines, in work/ and the cache the file; no other."""
    cache = project.root.parent / "cache"
    lines = _write(project.root / "work/mask/journal.jsonl", f"{CLIP}\n{OTHER}\n")
    part = _write(project.root / "work/mask/parts/1.tar", CLIP)
    release = _write(project.root / "release/.name.publish/data/1.tar", CLIP)
    beside = _write(project.root / "release/other/README.md", OTHER)
    kept = _write(cache / "files/md5/aa/bb", CLIP)
    review = _write(project.root / "validation/reviews/a.csv", CLIP)
    for path in list(find_remnants(project, cache, takedowns)):
        assert remove_remnant(path, project, cache, takedowns) == (path != review)
    assert lines.read_text() == f"{OTHER}\n"
    assert not release.parent.parent.exists()
    assert beside.exists()
    assert not part.exists()
    assert not kept.exists()
    assert _find(project, takedowns) == {"a.csv"}
    assert len(list((project.root.parent / "videos").rglob("*.mp4"))) == 1
