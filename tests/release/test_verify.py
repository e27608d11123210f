"""``m2m verify``: what an audit finds, with each byte read once; and hostile tars."""

import io
import json
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.release.conftest import Release, describe, flip, ids_of, with_values
from tests.tar_bomb import write_bomb
from toolkit import load_release
from toolkit.errors import InputError
from toolkit.manifest import read_manifest, write_manifest
from toolkit.release.audit import audit
from toolkit.release.origin import Origin, write_origin
from toolkit.release.sign import make_signing_key, sign_file
from toolkit.release.sums import SUMS, hash_file, write_sums
from toolkit.release.verify import verify
from toolkit.shards import index_path, read_index


@pytest.fixture
def folder(release: Release) -> Path:
    """A release that says its version."""
    (release.folder / "croissant.json").write_text('{"version": "1.0.0"}')
    write_sums(release.folder)
    return release.folder


def _kinds(folder: Path, **how: object) -> set[tuple[str, str]]:
    return {(f.kind, f.file) for f in verify(folder, **how).findings}  # type: ignore[arg-type]


def test_one_line_and_an_exit_code(run_m2m, folder: Path, tmp_path: Path) -> None:
    """0 and 4; as JSON what an audit prints."""
    public = make_signing_key(tmp_path / "key")
    sign_file(folder / SUMS, folder / "release.sig", tmp_path / "key")
    run = run_m2m("verify", str(folder), "--public-key", str(public))
    said = (
        f"{folder}: m2m-kinetics, 2 shards, as it was released, and signed with the key of key.pub"
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, said + "\n", "")
    run = run_m2m("verify", str(folder), "--json")
    audited = run_m2m("audit", str(folder), "--json")
    assert (run.returncode, run.stdout) == (0, audited.stdout)
    flip(folder / "data/train-00000-of-00002.tar", 600)
    run = run_m2m("verify", str(folder))
    assert (run.returncode, run.stdout.count("\n")) == (4, 1)
    assert "changed_shard in data/train-00000-of-00002.tar" in run.stdout
    assert json.loads(run_m2m("verify", str(folder), "--json").stdout)["ok"] is False
    assert run_m2m("verify", str(folder / "nowhere")).returncode == 2


def test_every_byte_counts(release: Release, folder: Path) -> None:
    """A bit of a header, a clip, what fills up, the end, an index and each record is found."""
    part = read_index(release.shards[0]).parts[0]
    size = release.shards[0].stat().st_size
    places = [
        (release.shards[0], at) for at in (3, part.offset + 1, part.offset + part.size, size - 1)
    ]
    others = ("README.md", "croissant.json", "manifest.parquet", "provenance.intoto.json", SUMS)
    places += [(index_path(release.shards[1]), 40), *((folder / name, 12) for name in others)]
    assert verify(folder).ok
    for path, offset in places:
        flip(path, offset)
        found = {file for _, file in _kinds(folder)}
        # A digest in SHA256SUMS that was changed is told of the file that it is of.
        assert found if path.name == SUMS else path.relative_to(folder).as_posix() in found
        flip(path, offset)


def test_sums_that_were_computed_again_do_not_help(release: Release, folder: Path) -> None:
    """The provenance and the index still tell, and the signature of who released it."""
    public = make_signing_key(folder.parent / "key")
    sign_file(folder / SUMS, folder / "release.sig", folder.parent / "key")
    assert verify(folder, public).ok
    flip(release.shards[0], read_index(release.shards[0]).parts[0].offset)
    write_sums(folder)
    assert ("changed_shard", "data/train-00000-of-00002.tar") in _kinds(folder)
    describe(folder, read_manifest(release.manifest))  # all but the index and the signature
    assert ("wrong_signature", "release.sig") in _kinds(folder, public_key=public)
    (folder / "release.sig").unlink()
    assert ("wrong_signature", "release.sig") in _kinds(folder, public_key=public)


def test_a_manifest_of_other_clips(release: Release, folder: Path) -> None:
    """Told from the indexes alone: a swapped digest, a clip more, a clip that was not released."""
    rows = read_manifest(release.manifest)
    first, second = ids_of(release, 0)[:2]
    digests = {row.clip_id: row.sample_sha256 for row in rows}
    swap = {first: second, second: first}
    changed = [
        with_values(row, sample_sha256=digests[swap.get(row.clip_id, row.clip_id)]) for row in rows
    ]
    write_manifest(changed, release.manifest)
    describe(folder, changed)
    assert {kind for kind, _ in _kinds(folder)} == {"swapped_sample"}
    write_manifest([row for row in rows if row.clip_id != first], release.manifest)
    describe(folder, [row for row in rows if row.clip_id != first])
    assert {kind for kind, _ in _kinds(folder)} == {"unnamed_clip"}


def test_versions(folder: Path) -> None:
    """The one that was asked for, and the one that it was downloaded as."""
    assert verify(folder, version="v1.0.0").ok
    assert _kinds(folder, version="v1.0.1") == {("wrong_version", "croissant.json")}
    write_origin(Origin("org/x", "v2.0.0", "c" * 40, None), folder)
    assert _kinds(folder) == {("wrong_version", "croissant.json")}
    (folder / "download.json").write_text('{"repo": 1}')
    assert ("extra_file", "download.json") in _kinds(folder)
    (folder / "download.json").unlink()
    (folder / "croissant.json").unlink()
    assert ("wrong_version", "croissant.json") in _kinds(folder)


def test_part_of_a_release(release: Release, folder: Path) -> None:
    """What was not asked for is not missed, by verify nor audit; what was asked for is."""
    write_origin(Origin("org/x", "v1.0.0", "c" * 40, (release.shards[1].name,)), folder)
    for path in (release.shards[0], index_path(release.shards[0])):
        path.unlink()
    assert verify(folder).ok
    assert audit(folder).ok
    release.shards[1].unlink()
    files = {(f.kind, f.file) for f in audit(folder).findings}
    assert ("missing_file", "data/train-00001-of-00002.tar") in files
    assert ("missing_file", "data/train-00000-of-00002.tar") not in files


def _member(name: str, content: bytes = b"x", **values: object) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in values.items():
        setattr(member, key, value)
    return member, content


def _write_tar(path: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content) if member.isreg() else None)


@pytest.mark.parametrize(
    "member",
    [
        lambda: _member("../out.mp4"),
        lambda: _member("/out.mp4"),
        lambda: _member("a/b.mp4"),
        lambda: _member("clip.mp4", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        lambda: _member("clip.mp4", b"", type=tarfile.LNKTYPE, linkname="../../x"),
        lambda: _member("clip.mp4", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        lambda: _member("clip.mp4", b"", type=tarfile.FIFOTYPE),
        lambda: _member("clip.mp4", b"", type=tarfile.DIRTYPE),
    ],
    ids=["up", "absolute", "folder", "link", "hard link", "device", "pipe", "directory"],
)
@pytest.mark.parametrize("deep", [True, False], ids=["audit", "verify"])
def test_a_hostile_tar(
    release: Release, folder: Path, member: Callable[[], tuple[tarfile.TarInfo, bytes]], deep: bool
) -> None:
    """With sums, provenance and an index that agree with it: found, and nothing is written."""
    shard = release.shards[0]
    old = read_index(shard)
    _write_tar(shard, [member()])
    _agree(release, folder, parts=[])
    before = sorted(folder.parent.rglob("*"))
    found = {(f.kind, f.file) for f in audit(folder, deep=deep).findings}
    assert ("changed_shard", "data/train-00000-of-00002.tar") in found
    assert {kind for kind, _ in found} >= {"changed_shard", "missing_clip"}
    assert sorted(folder.parent.rglob("*")) == before
    assert old.keys


def _agree(release: Release, folder: Path, parts: list[dict[str, object]]) -> None:
    """Write index, provenance and sums of what the first shard is now."""
    shard = release.shards[0]
    index = {"sha256": hash_file(shard), "size": shard.stat().st_size, "parts": parts}
    index_path(shard).write_text(json.dumps(index))
    describe(folder, read_manifest(release.manifest))


_MEASURED = """
import re, sys, time
from toolkit.cli import main

try:
    main()
finally:
    (peak,) = re.findall(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())
    print(int(peak) // 1024, time.process_time(), file=sys.stderr)
"""


def _measure(*words: str) -> tuple[str, int, float]:
    """Run m2m, which must end with code 4; what it says, its MiB of memory, its CPU seconds."""
    command = [sys.executable, "-c", _MEASURED, *words]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 4, run.stderr
    memory, seconds = run.stderr.split()
    return run.stdout, int(memory), float(seconds)


@pytest.mark.parametrize(
    "num_members",
    [60_000, pytest.param(10_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])],
)
def test_a_tar_of_very_many_members(release: Release, folder: Path, num_members: int) -> None:
    """No more of them is looked at than clips can have parts; whatever is told of the tar agrees.

    Ten millions take no more memory, and no more time than their digest.
    """
    shard, name = release.shards[0], "data/train-00000-of-00002"
    write_bomb(shard, num_members)
    _agree(release, folder, parts=[])
    begin = time.process_time()
    hash_file(shard)
    enough = 15 + 2 * (time.process_time() - begin)
    for command in ("verify", "audit"):
        said, memory, seconds = _measure(command, str(folder), "--json")
        found = [f["detail"] for f in json.loads(said)["findings"] if f["file"] == f"{name}.tar"]
        assert "it holds more than the manifest has" in found or command == "verify"
        assert "it does not end after its last part as a shard does" in found
        assert memory < 400
        assert seconds < enough
    with pytest.raises(InputError, match="no index has clip"):
        load_release(folder)
    with index_path(shard).open("r+b") as index:  # as long as one of all members, and of no bytes
        index.truncate(300 * num_members)
    said, memory, seconds = _measure("verify", str(folder), "--json")
    found = [f["detail"] for f in json.loads(said)["findings"] if "index" in f["file"]]
    assert any("too large for the index of" in detail for detail in found)
    assert memory < 400
    assert seconds < enough
    with pytest.raises(InputError, match=f"{name}.index.json is"):
        load_release(folder)


def test_a_download_of_another_layout_is_no_error(release: Release, folder: Path) -> None:
    """A folder where a file should be, or a link, is a finding."""
    release.shards[0].unlink()
    release.shards[0].mkdir()
    shutil.move(release.shards[1], folder.parent / "moved.tar")
    release.shards[1].symlink_to(folder.parent / "moved.tar")
    found = _kinds(folder)
    assert ("extra_file", "data/train-00001-of-00002.tar") in found
    assert ("missing_file", "data/train-00000-of-00002.tar") in found
