"""A clip is taken down from a project that was built, registered, and built again without it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import RunM2m
from tests.pipelines.conftest import (
    KEY,
    NUM_FRAMES,
    Dvc,
    MakeProject,
    paint_room,
    write_clip,
)
from toolkit.clip import derive_clip_id
from toolkit.kinetics.table import read_table
from toolkit.manifest import read_manifest
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.shards import read_index

RELEASES = ("nohuman-kinetics", "kinetics-150")
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
    """A project of rooms with version 1.0.0 of two releases, and what it holds."""

    def __init__(self, folder: Path, make_project: MakeProject, dvc: Dvc, run_m2m: RunM2m) -> None:
        self.root, self._dvc, self._run_m2m = make_project(folder, RELEASES), dvc, run_m2m
        shutil.rmtree(self.root / "source/train/wave")  # rooms are enough, and done sooner
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
        """Run m2m, and return what it prints."""
        done = self._run_m2m(*words, cwd=self.root, PYTHONWARNINGS="ignore")
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def assert_same(self, folder: Path, touched: set[str]) -> None:
        """The shards of a folder are what they were, but for those named.

        Their names count on: where one held nothing but the clip, the next get other names.
        """
        old = {tar for name, tar in self.before[folder].items() if name not in touched}
        assert old
        assert old <= set(_shards(folder).values())


@pytest.mark.slow
@pytest.mark.timeout(900)  # it builds twice
@pytest.mark.usefixtures("weights")
def test_a_clip_is_taken_down_from_everything(
    tmp_path: Path, make_project: MakeProject, dvc: Dvc, run_m2m: RunM2m
) -> None:
    """Two releases, v1.0.0; then the list, MAJOR versions, withdrawn tags, and nothing left of it.

    Its file still lies in the source. The shards without it keep their bytes.
    """
    built = _Built(tmp_path / "project", make_project, dvc, run_m2m)
    project, m2m = built.root, built.m2m
    clip_id = derive_clip_id(CLIP)
    published = Pseudonyms(bytes.fromhex(KEY)).publish(clip_id)
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
    for place, _, names in os.walk(project):
        for name in names:
            file = Path(place, name)
            if not {"source", ".git"} & set(file.parts):
                assert clip_id.encode() not in file.read_bytes(), file
