"""Tars of samples: the same bytes each time, read by anybody's library, and by nobody's trick."""

import io
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import webdataset

from toolkit.shards import (
    Sample,
    ShardError,
    index_path,
    is_finished,
    read_index,
    read_sample,
    read_shard,
    shard_name,
    write_shard,
)

SAMPLES = [
    Sample("-a_000000_000010", {"mp4": b"video" * 300, "json": b'{"label": "wave"}', "cls": b"0"}),
    Sample("b", {"mp4": b"", "cls": b"1"}),
    Sample("c" * 80, {"safetensors": b"", "mp4": b"x" * 512, "json": b"{}", "cls": b"1"}),
]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """A written shard of three samples."""
    path = tmp_path / shard_name("train", 0, 1)
    write_shard(path, SAMPLES)
    return path


def test_what_is_written_is_read(shard: Path) -> None:
    """In order, with parts sorted by extension, and with or without the index."""
    assert shard.name == "train-00000-of-00001.tar"
    assert list(read_shard(shard)) == SAMPLES
    assert read_index(shard).keys == [sample.key for sample in SAMPLES]
    assert [read_sample(shard, sample.key) for sample in SAMPLES] == SAMPLES
    with tarfile.open(shard) as tar:
        names = tar.getnames()
    assert names[:3] == [f"-a_000000_000010.{extension}" for extension in ("cls", "json", "mp4")]


def test_the_same_samples_give_the_same_bytes(shard: Path, tmp_path: Path) -> None:
    """Whoever writes them, whenever, and in whatever order their parts come."""
    again = tmp_path / "again.tar"
    write_shard(again, [Sample(s.key, dict(reversed(s.parts.items()))) for s in SAMPLES])
    assert again.read_bytes() == shard.read_bytes()
    assert index_path(again).read_bytes() == index_path(shard).read_bytes()
    with tarfile.open(shard) as tar:
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in tar} == {
            (0, 0, 0, "", "", 0o644)
        }


def test_webdataset_reads_it(shard: Path) -> None:
    """The library that the format is named after."""
    rows = list(webdataset.WebDataset(str(shard), shardshuffle=False, empty_check=False))
    assert [row["__key__"] for row in rows] == [sample.key for sample in SAMPLES]
    assert [row["mp4"] for row in rows] == [sample.parts["mp4"] for sample in SAMPLES]


@pytest.mark.parametrize("key", ["a.b", "", "a/b", "../a", "ä", "a b", "a" * 81, "a\n"])
def test_a_key_that_breaks_the_rule_is_refused(tmp_path: Path, key: str) -> None:
    """A dot would cut it, and nothing is left behind."""
    with pytest.raises(ShardError, match="is no name of a part"):
        write_shard(tmp_path / "x.tar", [Sample(key, {"mp4": b""})])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keys", ["ba", "aa"])
def test_keys_are_sorted_and_single(tmp_path: Path, keys: str) -> None:
    """Else the bytes would depend on the order."""
    with pytest.raises(ShardError, match="sort the samples"):
        write_shard(tmp_path / "x.tar", [Sample(key, {"mp4": b""}) for key in keys])
    assert list(tmp_path.iterdir()) == []


def _regular(name: str) -> tarfile.TarInfo:
    return tarfile.TarInfo(name)


def _typed(kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo("a.mp4")
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "member",
    [
        _regular("../a.mp4"),
        _regular("/etc/passwd"),
        _regular("folder/a.mp4"),
        _regular("a.m2m.mp4"),
        _regular("a"),
        _typed(tarfile.SYMTYPE, "/etc/passwd"),
        _typed(tarfile.LNKTYPE, "/etc/passwd"),
        _typed(tarfile.FIFOTYPE),
        _typed(tarfile.CHRTYPE),
        _typed(tarfile.DIRTYPE),
    ],
    ids=lambda member: f"{member.name} {member.type.decode()}",
)
def test_a_hostile_tar_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    """Paths that lead elsewhere, links, pipes, devices, folders."""
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(member)
    with pytest.raises(ShardError, match=r"holds .*: a shard holds nothing else"):
        list(read_shard(path))


@pytest.mark.parametrize("names", [["a.mp4", "a.mp4"], ["a.mp4", "b.mp4", "a.cls"]])
def test_a_part_twice_or_away_from_its_sample_is_refused(tmp_path: Path, names: list[str]) -> None:
    """A reader would give two samples of one key, or the last part of two."""
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(ShardError, match="twice"):
        list(read_shard(path))


def _flip(content: bytes) -> bytes:
    middle = content.index(b"video")
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [_flip, lambda content: content[:-1], lambda content: content[:2000], lambda _: b"x"],
    ids=["one bit", "one byte", "cut off", "other"],
)
def test_a_damaged_shard_is_not_finished(shard: Path, damage: Callable[[bytes], bytes]) -> None:
    """One flipped bit is enough."""
    assert is_finished(shard)
    shard.write_bytes(damage(shard.read_bytes()))
    assert not is_finished(shard)


@pytest.mark.parametrize("size", [100, 600, 1024, 1700])
def test_a_shard_that_is_cut_off_is_an_error(shard: Path, size: int) -> None:
    """In a header, in a part, or between two: never a sample less."""
    shard.write_bytes(shard.read_bytes()[:size])
    with pytest.raises(ShardError, match="is no tar, or is cut off"):
        list(read_shard(shard))


def test_one_sample_is_checked_when_it_is_read(shard: Path) -> None:
    """The damaged one is refused by name, its neighbours are not."""
    shard.write_bytes(_flip(shard.read_bytes()))
    with pytest.raises(ShardError, match=r"-a_000000_000010\.mp4 is not what the index says"):
        read_sample(shard, SAMPLES[0].key)
    assert read_sample(shard, "c" * 80) == SAMPLES[2]
    with pytest.raises(ShardError, match="has no d"):
        read_sample(shard, "d")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"parts": [{}]}', '{"parts": 1}'])
def test_an_index_that_is_none_is_an_error(shard: Path, text: str) -> None:
    """Missing or of another shape."""
    index_path(shard).write_text(text)
    with pytest.raises(ShardError, match="is no index of a shard"):
        read_index(shard)
    index_path(shard).unlink()
    assert not is_finished(shard)


def test_a_killed_writer_leaves_no_shard(tmp_path: Path) -> None:
    """SIGKILL before the last sample; the next run writes the same bytes as an undisturbed one."""
    path, whole = tmp_path / "killed.tar", tmp_path / "whole.tar"
    program = (
        "import os, signal, sys; from pathlib import Path; from tests.test_shards import SAMPLES;"
        "from toolkit.shards import write_shard\n"
        "def samples():\n  yield from SAMPLES[:2]\n  os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_shard(Path(sys.argv[1]), samples())"
    )
    done = subprocess.run([sys.executable, "-c", program, path], check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    assert not is_finished(path)
    write_shard(path, SAMPLES)
    write_shard(whole, SAMPLES)
    assert is_finished(path)
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        p.name for shard in (path, whole) for p in (shard, index_path(shard))
    )
