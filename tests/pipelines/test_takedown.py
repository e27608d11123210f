"""A release goes the whole way round: built, published, downloaded, a clip of it taken down.

Everything is what a user runs, in processes and folders of their own, against the Hub of tests/hub.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.conftest import RunM2m
from tests.hub.elsewhere import make_environment, read_by_datasets
from tests.hub.server import Hub
from tests.pipelines.conftest import (
    KEY,
    NUM_FRAMES,
    Dvc,
    MakeProject,
    paint_room,
    write_clip,
)
from toolkit import load_release
from toolkit.clip import derive_clip_id
from toolkit.kinetics.table import read_table
from toolkit.manifest import read_manifest
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.shards import read_index

RELEASES = NAME, _ = ("m2m-kinetics", "kinetics-150")
REPO = f"org/{NAME}"
CLIP = "train/room/attic.mp4"


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def _commit(folder: Path, title: str) -> None:
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "-m", title)


def _shards(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tar"))}


class _Built:
    """A project of an actor and rooms with version 1.0.0 of two releases, and what it holds."""

    def __init__(
        self, folder: Path, make_project: MakeProject, dvc: Dvc, m2m: Callable[..., str]
    ) -> None:
        self.root, self._dvc, self._m2m = make_project(folder, RELEASES), dvc, m2m
        (self.root / "source/train/room/hall.mp4").unlink()  # three are enough, and two shards
        write_clip(self.root / "source/train/room/loft.mp4", [paint_room(7)] * NUM_FRAMES)
        text = (self.root / "params.yaml").read_text().replace("shard: 2", "shard: 1")
        (self.root / "params.yaml").write_text(f"# our rooms\n{text}")
        ignored = "/source\n/keys\n/work\n/data\n/release\n__pycache__\n"
        (self.root / ".gitignore").write_text(ignored)
        (self.root / ".dvcignore").write_text("/work\n")
        _git(self.root, "config", "user.name", "A Tester")
        _git(self.root, "config", "user.email", "tester@example.org")
        self.build("v1.0.0")
        self.work = self.root / "work/inpaint"
        self.release = self.root / "release" / RELEASES[0]
        self.packed = self.release / "data"
        self.before = {folder: _shards(folder) for folder in (self.work, self.packed)}

    def build(self, version: str) -> None:
        """Build, and register what comes out."""
        _commit(self.root, "Start")
        self._dvc(self.root, "repro")
        _commit(self.root, f"Build {version}")
        for release in RELEASES:
            self.m2m("registry", "register", release, version)

    def m2m(self, *words: str, code: int = 0) -> str:
        """Run m2m here, and return what it prints."""
        return self._m2m(*words, cwd=self.root, code=code)

    def assert_same(self, folder: Path, touched: set[str]) -> None:
        """The shards of a folder are what they were, but for those named.

        Their names count on: where one held nothing but the clip, the next get other names.
        """
        old = {tar for name, tar in self.before[folder].items() if name not in touched}
        assert old
        assert old <= set(_shards(folder).values())


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A Hub."""
    hub = Hub(tmp_path / "hub")
    yield hub
    hub.close()


@pytest.fixture
def m2m(hub: Hub, tmp_path: Path, run_m2m: RunM2m) -> Callable[..., str]:
    """Run m2m against the Hub, and return what it prints."""
    environment = {**make_environment(hub, tmp_path / "home"), "PYTHONWARNINGS": "ignore"}

    def run(*words: str, cwd: Path, code: int = 0) -> str:
        done = run_m2m(*words, cwd=cwd, **environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.slow
@pytest.mark.timeout(3600)  # it builds twice
@pytest.mark.usefixtures("weights")
def test_there_and_back_and_a_clip_is_gone(
    tmp_path: Path, make_project: MakeProject, dvc: Dvc, hub: Hub, m2m: Callable[..., str]
) -> None:
    """Published, downloaded, streamed: the same frames. Taken down, v2.0.0: gone everywhere."""
    built = _Built(tmp_path / "project", make_project, dvc, m2m)
    published = Pseudonyms(bytes.fromhex(KEY)).publish(derive_clip_id(CLIP))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    built.m2m("publish", f"{NAME}@v1.0.0", REPO)
    _get(hub, m2m, built, "v1.0.0", elsewhere)
    _take_down(built, published)
    assert "main has a clip" in built.m2m("takedown", "--purge", REPO, code=2)
    built.m2m("publish", f"{NAME}@v2.0.0", REPO)
    for tag in ("main", "v2.0.0"):
        assert published not in _read_hub(hub, tag)
    assert published in _read_hub(hub, "v1.0.0")
    words = ("download", f"{REPO}@v1.0.0", "--to", "again")
    assert "v1.0.0 was withdrawn (taken down (request)" in m2m(*words, cwd=elsewhere, code=2)
    assert "in main, v2.0.0" in built.m2m("takedown", "--purge", REPO)
    assert "v1.0.0 was withdrawn (taken down (request)" in m2m(*words, cwd=elsewhere, code=2)
    assert published not in _get(hub, m2m, built, "v2.0.0", elsewhere)
    objects = hub.path(REPO).glob(".git/lfs/objects/*/*/*")
    assert not [path for path in objects if published.encode() in path.read_bytes()]
    _assert_gone(built, derive_clip_id(CLIP))


def _get(
    hub: Hub, m2m: Callable[..., str], built: _Built, tag: str, elsewhere: Path
) -> dict[str, str]:
    """Download, verify and stream a version elsewhere; returns clip to sha256 of its frames."""
    m2m("download", f"{REPO}@{tag}", "--to", tag, cwd=elsewhere)
    m2m("verify", tag, cwd=elsewhere)
    environment = make_environment(hub, elsewhere / "home")
    streamed = read_by_datasets(REPO, tag, environment, elsewhere)
    found = {clip: digest for shard in streamed.values() for clip, digest in shard.items()}
    clips = [
        clip for split in ("train", "val") for clip in load_release(built.release, None, split)
    ]
    assert found == {c.clip_id: sha256(c.frames_THWC.tobytes()).hexdigest() for c in clips}
    return found


def _read_hub(hub: Hub, revision: str) -> str:
    """Return all that a version has on the Hub, but for the list of what was withdrawn."""
    names = {*hub.list_files(REPO, revision)} - {"withdrawn.json"}
    contents = [hub.git(REPO, "cat-file", "--textconv", f"{revision}:{name}") for name in names]
    large = [re.findall("oid sha256:([0-9a-f]{64})", content) for content in contents]
    paths = [hub.object_path(REPO, oid) for oids in large for oid in oids]
    return "".join([*contents, *(path.read_bytes().decode("latin-1") for path in paths)])


def _take_down(built: _Built, published: str) -> None:
    """Take the clip down from two releases, and build v2.0.0 without it.

    The list, MAJOR versions, withdrawn tags; its file still lies in the source, and the shards
    without it keep their bytes.
    """
    project, m2m, clip_id = built.root, built.m2m, derive_clip_id(CLIP)
    rows = {row.clip_id: row for row in read_manifest(built.release / "manifest.parquet")}
    mine = {path.name for path in built.work.glob("*.tar") if clip_id in read_index(path).keys}

    assert "nothing was changed" in m2m("takedown", "--clip-id", published, "--dry-run")
    assert not _git(project, "status", "--porcelain")
    m2m("takedown", "--clip-id", published)
    assert not built.release.exists()
    assert clip_id not in (project / "validation/takedowns.csv").read_text()
    assert "# our rooms" in (project / "params.yaml").read_text()
    m2m("takedown", "--check", code=4)  # tables in data/ are made again by dvc repro
    m2m("takedown", "--clip-id", published)  # as after an interruption
    assert len((project / "validation/takedowns.csv").read_text().splitlines()) == 2

    built.build("v2.0.0")
    assert f"source/{CLIP}: your own" in m2m("takedown", "--check")
    assert (project / "source" / CLIP).is_file()
    m2m("audit", str(built.release))
    assert clip_id not in {row.clip_id for row in read_table(project / "data/ingest.parquet")}
    left = {row.clip_id for row in read_manifest(built.release / "manifest.parquet")}
    assert left == rows.keys() - {published}
    built.assert_same(built.work, mine)
    built.assert_same(built.packed, {rows[published].shard})
    for release in RELEASES:
        tag = _git(project, "tag", "--list", "--format=%(contents)", f"{release}@v1.0.0!")
        assert "taken down (request)" in tag
        assert clip_id not in tag
    assert m2m("registry", "list").count("v1.0.0 (withdrawn)") == len(RELEASES)


def _assert_gone(built: _Built, clip_id: str) -> None:
    """No file of the project names the clip, but for its own in the source."""
    assert "nothing is left of them" in built.m2m("takedown", "--check")
    for place, _, names in os.walk(built.root):
        for name in names:
            file = Path(place, name)
            if not {"source", ".git"} & set(file.parts):
                assert clip_id.encode() not in file.read_bytes(), file
