"""A Hub, a project with a registered release, and the commands run against both."""

import contextlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub.file_download
import huggingface_hub.utils._http
import numpy as np
import pytest
import yaml
from huggingface_hub import constants

from tests.hub.handler import TOKEN
from tests.hub.server import Hub
from tests.registry_box import NAME, no_settings, reproduce, run_here, start
from tests.release.conftest import CONFIG_HASHES, describe
from toolkit.cli import main
from toolkit.manifest import ChainLink, CheckValue, ManifestRow, write_manifest
from toolkit.qa.checks import CRITICAL
from toolkit.shards import Sample, shard_name, write_shard
from toolkit.video import Timing
from toolkit.video_encode import encode

M2m = Callable[..., str]
_numbers = itertools.count()
CARD = """---
license: other
license_name: test
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.tar
  - split: val
    path: data/val-*.tar
---

# {name} v{version}
"""
CLIPS = {
    "train": [["hop", "wave", "jump"], ["jump", "wave"]],
    "val": [["wave", "jump"]],
}
"""Split to shards to the labels of their clips."""


@dataclass(frozen=True)
class Box:
    """What ``tests.registry_box`` needs: git, run here."""

    folder: Path

    def git(self, *words: str, cwd: Path) -> str:
        """Run git, and return what it prints."""
        import subprocess

        done = subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, check=True)
        return done.stdout


@pytest.fixture(scope="session")
def hub(tmp_path_factory) -> Iterator[Hub]:
    """A Hub for all tests; each has repositories of its own."""
    hub = Hub(tmp_path_factory.mktemp("hub"))
    yield hub
    hub.close()


@pytest.fixture
def repo(hub: Hub) -> Iterator[str]:
    """The name of a repository that is not there yet; the Hub is well before and after."""
    hub.revive()
    yield f"org/release-{next(_numbers)}"
    hub.revive()


@pytest.fixture(autouse=True)
def client(hub: Hub, tmp_path: Path, monkeypatch) -> None:
    """huggingface_hub finds the Hub and its token, and never waits; nothing is kept elsewhere."""
    token = tmp_path / "home/token"
    token.parent.mkdir()
    token.write_text(TOKEN)
    for name, value in {
        "ENDPOINT": hub.endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DOWNLOAD_TIMEOUT": 60,
        "HF_HUB_ETAG_TIMEOUT": 60,
        "HF_TOKEN_PATH": str(token),
        "HF_HUB_CACHE": str(tmp_path / "home/hub"),
    }.items():
        monkeypatch.setattr(constants, name, value)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home/data"))
    http = huggingface_hub.utils._http
    still = {name: getattr(http.time, name) for name in dir(http.time) if name[0] != "_"}
    clock = SimpleNamespace(**{**still, "sleep": lambda _: None})
    monkeypatch.setattr(http, "time", clock)
    monkeypatch.setattr(huggingface_hub.file_download, "time", clock)


@pytest.fixture(scope="session")
def m2m() -> M2m:
    """Run ``m2m`` here, and return all that it prints."""

    def run(*words: str, cwd: Path, code: int = 0) -> str:
        said = run_here(*words, cwd=cwd, code=code)
        assert TOKEN not in said
        if code not in (0, 4):
            assert said.splitlines()[-1].startswith("m2m: error: ")
        return said

    return run


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> bytes:
    """A small video."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    frames = [np.full((48, 64, 3), 40 * number, np.uint8) for number in range(4)]
    encode(frames, path, Timing.constant(len(frames), 8))
    return path.read_bytes()


def write_release(
    folder: Path, clip: bytes, version: str = "1.0.0", leave_out: tuple[str, ...] = ()
) -> None:
    """Write a release as stages package and describe do: real tars, manifest and records."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    rows, numbers = [], itertools.count()
    for split, shards in CLIPS.items():
        for shard, labels in enumerate(shards):
            name = shard_name(split, shard, len(shards))
            samples = {f"{next(numbers):020x}": (label, split) for label in labels}
            samples = {
                clip_id: told for clip_id, told in samples.items() if clip_id not in leave_out
            }
            if not samples:
                continue
            made = [_make_sample(clip_id, clip, *told) for clip_id, told in samples.items()]
            write_shard(folder / "data" / name, made)
            rows += [_make_row(sample, *samples[sample.key], name) for sample in made]
    write_manifest(rows, folder / "manifest.parquet")
    (folder / "README.md").write_text(CARD.format(name=NAME, version=version))
    (folder / "croissant.json").write_text(json.dumps({"version": version}))
    describe(folder, rows)


def _make_sample(clip_id: str, clip: bytes, label: str, split: str) -> Sample:
    record = {"clip_id": clip_id, "label": label, "split": split}
    parts: Mapping[str, bytes] = {"mp4": clip, "json": json.dumps(record).encode(), "cls": b"0"}
    return Sample(clip_id, parts)


def _make_row(sample: Sample, label: str, split: str, shard: str) -> ManifestRow:
    return ManifestRow(
        clip_id=sample.key,
        label=label,
        cls=0,
        split=split,
        status="released",
        reason="",
        shard=shard,
        sample_sha256=sample.sha256,
        num_frames=4,
        fps=8.0,
        num_people=1,
        checks=(CheckValue("faces", 0.1, 0.3, True, 1, (), CRITICAL),),
        source_digest="a" * 64,
        chain=tuple(ChainLink(stage, told, "b" * 64) for stage, told in CONFIG_HASHES.items()),
    )


def build(
    project: Path, clip: bytes, version: str = "1.0.0", leave_out: tuple[str, ...] = ()
) -> None:
    """Make a version of the release by the stages of a project, commit it, and register it."""
    write_release(project / "made", clip, version, leave_out)
    num_clips = sum(len(labels) for shards in CLIPS.values() for labels in shards)
    verdict = {"release": NAME, "clips": num_clips - len(leave_out), "faults": []}
    (project / "verdict.json").write_text(json.dumps(verdict))
    reproduce(project)
    git(project, "add", ".")
    git(project, "commit", "-qm", f"Build {version}")
    with contextlib.chdir(project), pytest.raises(SystemExit) as end:
        main(["registry", "register", NAME, f"v{version}"])
    assert end.value.code == 0


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, and return what it prints."""
    return Box(folder).git(*words, cwd=folder)


@pytest.fixture(scope="session")
def made(tmp_path_factory, clip: bytes) -> Path:
    """Version 1.0.0 of a release, not to be changed."""
    folder = tmp_path_factory.mktemp("made") / NAME
    write_release(folder, clip)
    return folder


@pytest.fixture(scope="session")
def registered(tmp_path_factory, root: Path, clip: bytes) -> Path:
    """A project with version 1.0.0 of its release, not to be changed."""
    project = tmp_path_factory.mktemp("registered") / "project"
    with no_settings(project.parent):
        return _register(project, root, clip)


def _register(project: Path, root: Path, clip: bytes) -> Path:
    start(Box(project), project, str(project.parent / "store"))  # type: ignore[arg-type]
    gate = f"data/{NAME}/validation.json"
    stages = {
        "validate": {
            "cmd": f"mkdir -p data/{NAME} && cp verdict.json {gate}",
            "deps": ["verdict.json"],
            "outs": [gate],
        },
        "describe": {
            "cmd": f"mkdir -p release && cp -r made release/{NAME}",
            "deps": ["made", gate],
            "outs": [f"release/{NAME}"],
        },
    }
    artifacts = {NAME: {"path": f"release/{NAME}", "type": "dataset"}}
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages, "artifacts": artifacts}))
    (project / ".gitignore").write_text("/made\n/data\n/release\n/verdict.json\n")
    shutil.copy(root / "params/tiny.yaml", project / "params.yaml")
    build(project, clip)
    return project


@pytest.fixture
def project(registered: Path, tmp_path: Path) -> Path:
    """A project with version 1.0.0 of its release, registered, for one test to change."""
    return Path(shutil.copytree(registered, tmp_path / "project", symlinks=True))


@pytest.fixture(scope="module", autouse=True)
def _alone(tmp_path_factory) -> Iterator[None]:
    """DVC and git see no settings of this machine, and report to nobody."""
    with no_settings(tmp_path_factory.mktemp("home")):
        yield
