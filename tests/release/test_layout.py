"""Every byte of a shard: one that was changed names its clip, and no hostile tar gets through."""

import io
import json
import tarfile

import pytest

from tests.release.conftest import Release, describe, find, flip, ids_of
from toolkit.manifest import read_manifest
from toolkit.shards import index_path, read_index

TAR = "data/train-00000-of-00002.tar"
INDEX = "data/train-00000-of-00002.index.json"


@pytest.mark.parametrize("extension", ["cls", "json", "mp4", "safetensors"])
def test_a_flipped_bit_names_the_clip_that_it_hits(release: Release, extension: str) -> None:
    """In the content of any part of any sample; nothing else is accused."""
    for key in ids_of(release, 0):
        part = next(
            part
            for part in read_index(release.shards[0]).parts
            if (part.key, part.extension) == (key, extension)
        )
        flip(release.shards[0], part.offset + part.size // 2)
        assert find(release) == {("changed_shard", "", TAR), ("changed_sample", key, TAR)}
        flip(release.shards[0], part.offset + part.size // 2)
    assert not find(release)


def test_a_flipped_bit_beside_the_content_names_the_clip_too(release: Release) -> None:
    """In a header (the tar cannot be read any more) and in the zeros behind a part (it can)."""
    for part in read_index(release.shards[0]).parts:
        for offset in (part.offset - 512, part.offset - 300, part.offset - 1):
            flip(release.shards[0], offset)
            assert find(release) == {("changed_shard", part.key, TAR), ("changed_shard", "", TAR)}
            flip(release.shards[0], offset)
        if part.size % 512:
            flip(release.shards[0], part.offset + part.size)
            assert find(release) == {("changed_shard", part.key, TAR), ("changed_shard", "", TAR)}
            flip(release.shards[0], part.offset + part.size)
    assert not find(release)


def test_no_flipped_bit_is_missed(release: Release) -> None:
    """Every 211th byte of every file: found, and never a crash."""
    for path in (*release.shards, *release.folder.glob("*"), index_path(release.shards[0])):
        for offset in range(0, path.stat().st_size if path.is_file() else 0, 211):
            flip(path, offset)
            assert find(release), (path.name, offset)
            flip(path, offset)
    assert not find(release)


def test_a_changed_index_is_found(release: Release) -> None:
    """Also where digests are written again, or where it leads out of the tar."""
    index = index_path(release.shards[0])
    rows, original = read_manifest(release.manifest), index.read_text()
    flip(index, original.index("sha256") + 12)
    assert find(release) == {("changed_shard", "", INDEX)}
    values = json.loads(original)
    values["parts"][0]["offset"], values["parts"][1]["size"] = 1024, 1 << 60
    for text in (
        json.dumps(values),
        original.replace(values["sha256"], "a" * 64),
        original.replace(f'"size": {values["size"]}', '"size": 1'),
        original.replace('"size": 1800', '"size": "1800"'),
        "[" * 100_000,
        index_path(release.shards[1]).read_text(),
    ):
        index.write_text(text)
        describe(release.folder, rows)
        assert {kind for kind, _, _ in find(release)} == {"changed_shard"}


def _typed(kind: bytes, name: str = "a.mp4", size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, "/etc/passwd", size
    return member


def _header(member: tarfile.TarInfo) -> bytes:
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "content",
    [
        _header(_typed(tarfile.SYMTYPE)),
        _header(_typed(tarfile.LNKTYPE)),
        _header(_typed(tarfile.CHRTYPE)),
        _header(_typed(tarfile.REGTYPE, "../../a.mp4")),
        _header(_typed(tarfile.REGTYPE, "/etc/passwd")),
        _header(_typed(tarfile.REGTYPE, size=1 << 60)),
        _header(_typed(tarfile.REGTYPE, size=-512)),
        _header(_typed(tarfile.GNUTYPE_LONGNAME, size=1 << 60)),
        _header(_typed(tarfile.XHDTYPE, size=0)) * 5000,
        b"",
        b"\0" * 10240,
        b"\x1f\x8b\x08\0" * 200,
    ],
    ids=range(12),
)
def test_a_hostile_tar_is_a_finding(release: Release, content: bytes) -> None:
    """Links, devices, paths that lead out, sizes beyond reason: refused, and not unpacked."""
    before = set(release.folder.parent.rglob("*"))
    release.shards[0].write_bytes(content)
    found = find(release)
    assert ("changed_shard", "", TAR) in found
    describe(release.folder, read_manifest(release.manifest))
    found = find(release)
    rows = [row for row in read_manifest(release.manifest) if f"data/{row.shard}" == TAR]
    lost = {clip for kind, clip, _ in found if kind in ("missing_clip", "changed_sample")}
    assert lost == {row.clip_id for row in rows}
    assert set(release.folder.parent.rglob("*")) == before


def test_what_lies_behind_the_end_of_a_tar_is_found(release: Release) -> None:
    """A second tar, which some readers go on with."""
    hidden = io.BytesIO()
    with tarfile.open(fileobj=hidden, mode="w") as tar:
        tar.addfile(_typed(tarfile.REGTYPE, "smuggled.mp4"))
    with release.shards[0].open("ab") as file:
        file.write(hidden.getvalue())
    describe(release.folder, read_manifest(release.manifest))
    assert ("changed_shard", "", TAR) in find(release)
