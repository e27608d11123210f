"""Downloading: what of it, what is refused, and what a fault on either side leaves behind."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hub.conftest import M2m, write_release
from tests.hub.handler import Fault
from tests.hub.server import Hub
from tests.registry_box import assert_same_tree
from tests.release.conftest import describe
from tests.tar_bomb import write_bomb
from toolkit import load_release
from toolkit.errors import InputError
from toolkit.manifest import read_manifest
from toolkit.release.sign import make_signing_key, sign_file
from toolkit.release.sums import hash_file
from toolkit.shards import index_path

TRAIN = "data/train-00000-of-00002.tar"


@pytest.fixture
def there(hub: Hub, repo: str, made: Path) -> str:
    """A repository with version 1.0.0."""
    hub.put(repo, made, "v1.0.0")
    return repo


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "data").iterdir())


def test_a_split_or_classes_are_the_shards_that_hold_some(
    there: str, made: Path, m2m: M2m, tmp_path: Path
) -> None:
    """Only those are fetched; what came is whole, verified and audited, and says what it is."""
    said = m2m("download", there, "--split", "val", "--to", "val", cwd=tmp_path)
    assert f"{there} v1.0.0 (commit" in said
    assert _names(tmp_path / "val") == ["val-00000-of-00001.index.json", "val-00000-of-00001.tar"]
    for command in ("verify", "audit"):
        m2m(command, "val", cwd=tmp_path)
    m2m(
        "download", there, "--split", "train,val", "--classes", "jump", "--to", "jump", cwd=tmp_path
    )
    assert len(_names(tmp_path / "jump")) == 6
    m2m("download", there, "--classes", "hop", "--to", "hop", cwd=tmp_path)
    labels = [clip.label for clip in load_release(tmp_path / "hop", "1.0.0")]
    assert labels == ["hop", "wave", "jump"]  # not the five of train
    assert [clip.label for clip in load_release(tmp_path / "val", split="val")] == ["wave", "jump"]
    with pytest.raises(InputError, match=r"no clip of split 'train': there is val, for only that"):
        load_release(tmp_path / "val")
    said = m2m("download", there, "--classes", "skip", "--to", "x", cwd=tmp_path, code=2)
    assert "no clip has the class 'skip': there is hop, jump, wave" in said
    (tmp_path / "val/data/val-00000-of-00001.tar").unlink()
    assert "missing_file" in m2m("verify", "val", "--json", cwd=tmp_path, code=4)
    assert_same_tree(made / "data", tmp_path / "jump/data")


def test_sizes_are_shown_before_anything_is_fetched(
    there: str, made: Path, m2m: M2m, tmp_path: Path
) -> None:
    """A dry run leaves nothing here."""
    said = m2m("download", f"{there}@v1.0.0", "--dry-run", cwd=tmp_path)
    assert f"{(made / TRAIN).stat().st_size:>14,}  {TRAIN}" in said
    assert not [path for path in tmp_path.iterdir() if path.name != "home"]


def test_without_a_version_the_newest_that_stands(
    hub: Hub, there: str, clip: bytes, m2m: M2m, tmp_path: Path, monkeypatch
) -> None:
    """By number, not by text; who asks for an older one hears of it. The organisation is set."""
    for version in ("1.10.0", "1.9.0"):
        write_release(tmp_path / "new", clip, version)
        hub.put(there, tmp_path / "new", f"v{version}")
    monkeypatch.setenv("M2M_HUB_ORG", "org")
    name = there.rpartition("/")[2]
    assert f"{name}-v1.10.0: as it was released" in m2m("download", name, cwd=tmp_path)
    said = m2m("download", f"{name}@v1.9.0", cwd=tmp_path)
    assert "there is a newer version, v1.10.0" in said
    said = m2m("download", f"{name}@v3.0.0", cwd=tmp_path, code=2)
    assert "has no version v3.0.0: there is v1.0.0, v1.9.0, v1.10.0" in said


def test_a_folder_that_is_there(there: str, m2m: M2m, tmp_path: Path) -> None:
    """The same again is checked and kept; anything else is never replaced."""
    m2m("download", there, "--to", "got", cwd=tmp_path)
    assert "is there already, and whole" in m2m("download", there, "--to", "got", cwd=tmp_path)
    (tmp_path / "got" / TRAIN).write_bytes(b"x")
    m2m("download", there, "--to", "got", cwd=tmp_path, code=4)
    (tmp_path / "other").mkdir()
    said = m2m("download", there, "--to", "other", cwd=tmp_path, code=2)
    assert "other is there already, and is something else" in said


def test_a_tag_that_was_moved_is_refused(
    hub: Hub, there: str, clip: bytes, m2m: M2m, tmp_path: Path
) -> None:
    """By its name and both commits, though what it names now is a whole release."""
    m2m("download", there, "--to", "got", cwd=tmp_path)
    write_release(tmp_path / "new", clip, leave_out=(f"{0:020x}",))
    hub.put(there, tmp_path / "new", "v1.0.0")
    said = m2m("download", f"{there}@v1.0.0", "--to", "again", cwd=tmp_path, code=2)
    assert "the tag v1.0.0 was moved, from commit" in said
    assert not (tmp_path / "again").exists()


def test_a_version_under_the_name_of_another_is_refused(
    hub: Hub, repo: str, made: Path, m2m: M2m, tmp_path: Path
) -> None:
    """The tag v2.0.0 names a whole, older release: it says itself which one it is."""
    hub.put(repo, made, "v2.0.0")
    said = m2m("download", repo, "--to", "got", cwd=tmp_path, code=4)
    assert "it says v1.0.0, not v2.0.0" in said
    assert not (tmp_path / "got").exists()


def test_signatures(hub: Hub, repo: str, made: Path, m2m: M2m, tmp_path: Path) -> None:
    """Required where a key is given: missing, of another key, or of other sums is refused."""
    keys = [make_signing_key(tmp_path / name) for name in ("mine", "theirs")]
    folder = Path(shutil.copytree(made, tmp_path / "made"))
    words = ["download", "--public-key", str(keys[0])]
    versions = []
    for number, key in enumerate(("", "theirs", "mine")):
        if key:
            sign_file(folder / "SHA256SUMS", folder / "release.sig", tmp_path / key)
        versions.append(f"{repo}-{number}")
        hub.put(versions[-1], folder, "v1.0.0")
    said = m2m(*words, versions[0], cwd=tmp_path, code=2)
    assert "SHA256SUMS is not signed" in said
    said = m2m(*words, versions[1], cwd=tmp_path, code=2)
    assert "is no signature of SHA256SUMS by mine.pub" in said
    assert "signed with the key of mine.pub" in m2m(*words, versions[2], "--to", "g", cwd=tmp_path)
    said = m2m("verify", "g", "--public-key", str(keys[1]), cwd=tmp_path, code=4)
    assert "wrong_signature" in said
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("release")] == []


def test_a_shard_that_rots_on_the_hub_is_never_accepted(
    hub: Hub, there: str, made: Path, m2m: M2m, tmp_path: Path
) -> None:
    """Code 4 names it, nothing appears; once it is mended the same command fetches only that."""
    kept = hub.object_path(there, hash_file(made / TRAIN))
    content = kept.read_bytes()
    kept.write_bytes(content[:700] + bytes([content[700] ^ 1]) + content[701:])
    said = m2m("download", there, "--to", "got", cwd=tmp_path, code=4)
    assert TRAIN in said
    assert not (tmp_path / "got").exists()
    kept.write_bytes(content)
    num_requests = len(hub.requests)
    m2m("download", there, "--to", "got", cwd=tmp_path)
    gets = [r for r in hub.requests[num_requests:] if r.startswith("GET") and ".tar" in r]
    assert [request.rpartition("/")[2] for request in gets] == [Path(TRAIN).name]


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_that_cannot_answer(
    hub: Hub, there: str, made: Path, m2m: M2m, tmp_path: Path, status: int
) -> None:
    """For long: one line says when to come back, nothing appears, and then the rerun ends it."""
    hub.faults = [Fault("GET", r"train.*\.tar", status, times=99, headers={"Retry-After": "30"})]
    said = m2m("download", there, "--to", "got", cwd=tmp_path, code=2)
    assert f"cannot answer now ({status}): run the same command again in 30 s" in said
    assert not (tmp_path / "got").exists()
    hub.revive()
    m2m("download", there, "--to", "got", cwd=tmp_path)
    assert_same_tree(made / "data", tmp_path / "got/data")


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/refs", 200, "what answered is no Hub"),
        ("POST", "/paths-info", 200, "what answered is no Hub"),
        ("HEAD", TRAIN, 200, "what answered is no Hub"),
        ("GET", TRAIN, 200, "a file came short: run the same command again"),
        ("GET", "/refs", 403, "not for you (403): check the name, ask for access on its page"),
        ("GET", TRAIN, 401, "not for you (401): check the name, ask for access on its page"),
    ],
)
def test_an_answer_that_is_none(
    hub: Hub, there: str, m2m: M2m, tmp_path: Path, method: str, path: str, status: int, message
) -> None:
    """A page of a network that wants a login, or a gate: one line, and nothing appears."""
    hub.faults = [Fault(method, path, status, times=99)]
    said = m2m("download", there, "--to", "got", cwd=tmp_path, code=2)
    assert f"m2m: error: {there}: " in said
    assert message in said
    assert not (tmp_path / "got").exists()


@pytest.mark.slow
def test_a_client_that_is_killed_goes_on(hub: Hub, repo: str, m2m: M2m, tmp_path: Path) -> None:
    """SIGKILL in the middle of a shard: no folder; the rerun asks for that shard only."""
    made = tmp_path / "made"
    write_release(made, bytes(8 << 20))
    hub.put(repo, made, "v1.0.0")
    hub.faults = [Fault("GET", TRAIN, is_half=True)]
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "hf"),
    }
    words = ["download", repo, "--to", "got"]
    running = subprocess.Popen(
        [sys.executable, "-c", "from toolkit.cli import main; main()", *words],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    partial = tmp_path / ".got.partial"
    for _ in range(600):
        begun = [path.stat().st_size for path in partial.rglob("*.incomplete")]
        if any(begun) and len(list(partial.glob("data/*.tar"))) == 2:
            break
        time.sleep(0.1)
    else:
        pytest.fail("nothing was begun")
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (tmp_path / "got").exists()
    num_requests = len(hub.requests)
    m2m("download", repo, "--to", "got", cwd=tmp_path)
    gets = [r for r in hub.requests[num_requests:] if r.startswith("GET") and ".tar" in r]
    assert [request.rpartition("/")[2] for request in gets] == [Path(TRAIN).name]
    assert_same_tree(made / "data", tmp_path / "got/data")
    assert not partial.exists()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12M", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_is_too_small(
    there: str, made: Path, m2m: M2m, disk: Path, tmp_path: Path
) -> None:
    """Told before anything large is fetched; with a larger disk the same command goes on."""
    subprocess.run(["mount", "-o", "remount,size=40k", str(disk)], check=True)
    said = m2m("download", there, "--to", "disk/got", cwd=tmp_path, code=2)
    assert "free some space" in said
    assert not (disk / "got").exists()
    subprocess.run(["mount", "-o", "remount,size=12M", str(disk)], check=True)
    m2m("download", there, "--to", "disk/got", cwd=tmp_path)
    assert_same_tree(made / "data", disk / "got/data")


def test_a_disk_that_gets_full_meanwhile(
    hub: Hub, repo: str, m2m: M2m, disk: Path, tmp_path: Path
) -> None:
    """Somebody else fills it in mid-shard: one line, nothing appears, a rerun ends it."""
    made, ballast = tmp_path / "made", disk / "ballast"
    write_release(made, bytes(1 << 20))
    hub.put(repo, made, "v1.0.0")

    def fill() -> None:
        free = shutil.disk_usage(disk).free
        ballast.write_bytes(bytes(free - (1 << 20)))  # a third of the shard still fits

    hub.faults = [Fault("GET", TRAIN, act=fill)]
    said = m2m("download", repo, "--to", "disk/got", cwd=tmp_path, code=2)
    assert said.splitlines()[-1].startswith("m2m: error: the disk is full: free some space")
    assert ballast.stat().st_size
    assert [path.name for path in disk.iterdir() if path.name[0] != "."] == ["ballast"]
    said = m2m("download", repo, "--to", "disk/got", cwd=tmp_path, code=2)
    assert "MB are needed" in said
    ballast.unlink()
    m2m("download", repo, "--to", "disk/got", cwd=tmp_path)
    assert_same_tree(made / "data", disk / "got/data")
    m2m("verify", "disk/got", cwd=tmp_path)


def _edit_sums(folder: Path, line: str) -> None:
    with (folder / "SHA256SUMS").open("a") as sums:
        sums.write(line + "\n")


def _write_bomb(folder: Path) -> None:
    """Put a tar of many members in the place of a shard; all records are of it."""
    write_bomb(folder / TRAIN, 40_000)
    index = {"sha256": hash_file(folder / TRAIN), "size": 0, "parts": []}
    index_path(folder / TRAIN).write_text(json.dumps(index))
    describe(folder, read_manifest(folder / "manifest.parquet"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: _edit_sums(f, f"{'a' * 64}  ../out"),
            "is not '<sha256>  <path in this folder>'",
        ),
        (
            lambda f: _edit_sums(f, f"{'a' * 64}  /etc/x"),
            "is not '<sha256>  <path in this folder>'",
        ),
        (
            lambda f: _edit_sums(f, f"{'a' * 64}  .ssh/x"),
            "is not '<sha256>  <path in this folder>'",
        ),
        (lambda f: _edit_sums(f, f"{'a' * 64}  data/more.tar"), "data/more.tar is not there"),
        (lambda f: (f / TRAIN).write_bytes(b"x" * 10240), f"{TRAIN} is another one there"),
        (lambda f: (f / "README.md").write_text("<script>"), "README.md"),
        (_write_bomb, f"({TRAIN}: it does not end after its last part as a shard does"),
        (lambda f: (f / "SHA256SUMS").unlink(), "has no SHA256SUMS"),
        (lambda f: (f / "manifest.parquet").write_bytes(b"x"), "manifest.parquet is another one"),
    ],
    ids=["up", "absolute", "hidden", "named", "tar", "card", "bomb", "no sums", "manifest"],
)
def test_a_hostile_repository(
    hub: Hub,
    repo: str,
    made: Path,
    m2m: M2m,
    tmp_path: Path,
    spoil: Callable[[Path], object],
    message,
) -> None:
    """Nothing that it says leads out of the folder, and nothing of it appears."""
    folder = Path(shutil.copytree(made, tmp_path / "made"))
    spoil(folder)
    hub.put(repo, folder, "v1.0.0")
    run = {"code": 2 if "path in this folder" in message else 4}
    assert message in m2m("download", repo, "--to", "x/got", cwd=tmp_path, **run)
    assert not (tmp_path / "x/got").exists()
    assert not (tmp_path / "out").exists()


def test_a_list_of_withdrawn_versions_must_be_signed_like_the_rest(
    hub: Hub, repo: str, made: Path, m2m: M2m, tmp_path: Path
) -> None:
    """Whoever can write to the repository cannot withdraw a version for who has the key."""
    folder = Path(shutil.copytree(made, tmp_path / "made"))
    public = make_signing_key(tmp_path / "key")
    sign_file(folder / "SHA256SUMS", folder / "release.sig", tmp_path / "key")
    hub.put(repo, folder, "v1.0.0")
    listed = json.dumps({"withdrawn": {"v1.0.0": "\x1b[31mbecause"}}).encode()
    value = {"path": "withdrawn.json", "content": base64.b64encode(listed).decode()}
    hub.commit(repo, "main", {"summary": "x"}, [{"key": "file", "value": value}])
    said = m2m("download", f"{repo}@v1.0.0", cwd=tmp_path, code=2)
    assert "v1.0.0 was withdrawn ( [31mbecause)" in said
    words = ["download", f"{repo}@v1.0.0", "--public-key", str(public)]
    assert "withdrawn.json is not signed" in m2m(*words, cwd=tmp_path, code=2)


def test_load_release_downloads_what_it_does_not_have(
    hub: Hub, there: str, made: Path, tmp_path: Path, monkeypatch
) -> None:
    """By name and version, once: the second time nobody is asked. A moving main is never read."""
    monkeypatch.setenv("M2M_CACHE", str(tmp_path / "cache"))
    clips = load_release(there, "1.0.0", "val", streaming=False)
    assert [clip.label for clip in clips] == ["wave", "jump"]
    assert clips[0].frames_THWC.shape == (4, 48, 64, 3)
    num_requests = len(hub.requests)
    assert len(load_release(there, "v1.0.0", "train", streaming=False)) == 5
    assert len(hub.requests) == num_requests
    assert_same_tree(made / "data", next((tmp_path / "cache/releases").iterdir()) / "data")
    with pytest.raises(InputError, match="name one, or a release on the Hub and its version"):
        load_release(there)


def test_nothing_is_there(hub: Hub, repo: str, m2m: M2m, tmp_path: Path) -> None:
    """No such repository, one without a version, and names that are none."""
    assert "no such dataset" in m2m("download", repo, cwd=tmp_path, code=2)
    hub.create(repo)
    assert "has no version that stands: there is none" in m2m(
        "download", repo, cwd=tmp_path, code=2
    )
    for name in ("a/b/c", "../x", "org/", "a b"):
        assert "is no " in m2m("download", name, cwd=tmp_path, code=2)
