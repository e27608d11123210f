"""Labelled clips of a release, or of a list."""

import shutil
from pathlib import Path

import pytest

from benchmarks.clips import open_clips
from tests.benchmarks.release import write_release
from tests.videos import paint_clip, write_video
from toolkit.errors import InputError
from toolkit.shards import Sample, ShardError, read_sample, write_shard


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    """Two tars of three clips each."""
    return write_release(tmp_path_factory.mktemp("release"), train=6)


@pytest.fixture
def copied(release, tmp_path) -> Path:
    """A release that a test may damage."""
    return shutil.copytree(release, tmp_path / "copied")


def test_a_split_of_a_release_is_read_from_its_tars(release):
    """Ids, classes and contents, sorted by id; nothing is unpacked."""
    clips = open_clips(release, "train")
    assert [(clip.clip_id, clip.cls) for clip in clips.clips] == [
        (f"train{index:03d}", index // 2 % 2) for index in range(6)
    ]
    assert (len(clips), clips.num_classes) == (6, 2)
    sample = read_sample(release / "data/train-00001-of-00002.tar", "train003")
    assert clips.clips[3].read() == sample.parts["mp4"]


def test_a_list_names_clips_of_a_folder(tmp_path):
    """With or without suffix; a name may hold the separator."""
    for name in ("a.mp4", "b;-).avi"):
        codec = "mpeg4" if name.endswith("avi") else "libx264"
        write_video(tmp_path / name, paint_clip(4), codec=codec)
    (tmp_path / "list.csv").write_text("a;0\nb;-).avi;3\n")
    clips = open_clips(tmp_path, str(tmp_path / "list.csv"))
    assert [(clip.clip_id, clip.cls) for clip in clips.clips] == [("a", 0), ("b;-).avi", 3)]
    assert clips.num_classes == 4
    assert clips.clips[0].read() == (tmp_path / "a.mp4").read_bytes()


def test_the_digest_is_of_ids_classes_and_contents(tmp_path, release, copied):
    """The same for a copy and for a list of the same; another for another class or content."""
    clips = open_clips(release, "train")
    assert clips.digest == open_clips(copied, "train").digest
    for clip in clips.clips:
        (tmp_path / clip.clip_id).write_bytes(clip.read())
    rows = [f"{clip.clip_id};{clip.cls}\n" for clip in clips.clips]
    listed = tmp_path / "list.csv"
    listed.write_text("".join(rows))
    assert open_clips(tmp_path, str(listed)).digest == clips.digest
    listed.write_text("".join([rows[0].replace(";0", ";1"), *rows[1:]]))
    assert open_clips(tmp_path, str(listed)).digest != clips.digest
    listed.write_text("".join(rows))
    (tmp_path / "train000").write_bytes(clips.clips[1].read())
    assert open_clips(tmp_path, str(listed)).digest != clips.digest


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a;0\nmissing;1\n", "missing is not in"),
        ("a;0\n../a;1\n", "leads out of"),
        ("a;wave\n", "classes as numbers"),
        ("a;0\na;1\n", "a is there twice"),
        ("a;0\na;1\n;1\n", "mend it"),
    ],
)
def test_a_list_that_cannot_be_trusted_is_refused(tmp_path, rows, message):
    """In one line that says what is wrong."""
    write_video(tmp_path / "a.mp4", paint_clip(4))
    (tmp_path / "list.csv").write_text(rows)
    with pytest.raises(InputError, match=message):
        open_clips(tmp_path, str(tmp_path / "list.csv"))


def test_a_release_that_is_not_whole_is_refused(copied):
    """A tar that is missing, a split that is not there, an index that is gone."""
    data = copied / "data"
    with pytest.raises(ShardError, match="must hold the tars val-00000"):
        open_clips(copied, "val")
    (data / "train-00001-of-00002.index.json").unlink()
    with pytest.raises(ShardError, match="missing or is no index"):
        open_clips(copied, "train")
    (data / "train-00001-of-00002.tar").unlink()
    with pytest.raises(ShardError, match=r"all of them; found train-00000-of-00002\.tar"):
        open_clips(copied, "train")


def test_a_clip_that_was_changed_is_named(copied):
    """When it is read: its bytes are held to the index."""
    clips = open_clips(copied, "train")
    clip = clips.clips[2]
    with clip.path.open("r+b") as tar:
        tar.seek(clip.part.offset + 100)
        tar.write(b"edited")
    with pytest.raises(InputError, match=r"clip train002: .* is not what the index says"):
        clip.read()


def test_a_sample_without_a_class_is_refused(tmp_path):
    """By its id."""
    for parts in ({"mp4": b"x"}, {"mp4": b"x", "cls": b"wave"}):
        write_shard(tmp_path / "train-00000-of-00001.tar", [Sample("one", parts)])
        with pytest.raises(ShardError, match="one"):
            open_clips(tmp_path, "train")
