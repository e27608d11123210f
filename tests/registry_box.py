"""A place for the tests of the registry: its programs stay in it, and small releases to register.

Programs run under an audit hook that records and refuses connections to other machines, and the
background processes in which dvc would make them.
"""

import contextlib
import filecmp
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from dvc.repo import Repo
from pyarrow import parquet

from toolkit.cli import main
from toolkit.shards import Sample, shard_name, write_shard

NAME = "m2m-kinetics"
FOLDER = f"release/{NAME}"
GUARD = """
import os, sys

def guard(event, values):
    said = ""
    if event == "socket.connect" and isinstance(values[1], tuple):
        said = values[1][0]
    elif event == "socket.getaddrinfo":
        said = str(values[0])
    elif event == "subprocess.Popen" and "daemon" in map(str, values[1]):
        said = "background process " + " ".join(map(str, values[1]))
    if said and said not in {"127.0.0.1", "localhost", "::1"}:
        with open(os.environ["GUARD_LOG"], "a") as log:
            log.write(said + "\\n")
        raise PermissionError("this test stays on this machine: " + said)

sys.addaudithook(guard)
"""

Clips = dict[str, tuple[str, bytes]]  # id -> status and content


@contextlib.contextmanager
def no_settings(home: Path) -> Iterator[None]:
    """Let git and dvc see no settings of this machine, and report to nobody, for the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("DVC_SITE_CACHE_DIR", str(home / "site_cache"))
        patch.setenv("DVC_SYSTEM_CONFIG_DIR", str(home))
        patch.setenv("DVC_NO_ANALYTICS", "1")
        yield


def run_here(*words: str, cwd: Path, code: int = 0) -> str:
    """Run ``m2m`` in this process, and return all that it prints."""
    said = io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        pytest.raises(SystemExit) as end,
    ):
        main(words)
    assert end.value.code == code, said.getvalue()
    return said.getvalue()


@dataclass(frozen=True)
class Box:
    """A place whose programs see no settings of this machine and reach no other."""

    folder: Path
    environment: dict[str, str]

    @property
    def log(self) -> Path:
        """What programs were refused."""
        return self.folder / "guard.log"

    def run(self, *words: str, cwd: Path, **environment: str) -> str:
        """Run a program, and return what it prints."""
        run = subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, **self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout + run.stderr

    def git(self, *words: str, cwd: Path) -> str:
        """Run git."""
        return self.run("git", *words, cwd=cwd)

    def dvc(self, *words: str, cwd: Path, **environment: str) -> str:
        """Run dvc."""
        return self.run(sys.executable, "-m", "dvc", *words, cwd=cwd, **environment)


def write_release(folder: Path, clips: Clips, crf: int = 23, split: str = "train") -> None:
    """Write what the package stage writes, as far as the registry reads it."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    released = {clip: content for clip, (status, content) in clips.items() if status == "released"}
    samples = [Sample(clip, {"mp4": released[clip], "cls": b"0"}) for clip in sorted(released)]
    index = write_shard(folder / "data" / shard_name(split, 0, 1), samples)
    digests = {part.key: part.sha256 for part in index.parts if part.extension == "mp4"}
    rows = [
        {
            "clip_id": clip,
            "label": "jump",
            "split": split,
            "status": status,
            "sample_sha256": digests.get(clip, ""),
        }
        for clip, (status, _) in sorted(clips.items())
    ]
    parquet.write_table(pa.Table.from_pylist(rows), folder / "manifest.parquet")
    counts = {"released": len(released), "quarantined": len(clips) - len(released), "failed": 0}
    statement = {
        "predicate": {
            "buildDefinition": {"externalParameters": {"params": {"encode": {"crf": crf}}}},
            "runDetails": {"metadata": {"counts": counts}},
        }
    }
    (folder / "provenance.intoto.json").write_text(json.dumps(statement))


def reproduce(repository: Path) -> None:
    """Run ``dvc repro``."""
    with contextlib.chdir(repository), Repo() as repo:
        repo.reproduce()


def build(box: Box, repository: Path, clips: Clips, crf: int = 23, split: str = "train") -> None:
    """Make a release by its stage, and commit it."""
    write_release(repository / "made", clips, crf, split)
    reproduce(repository)
    box.git("add", ".", cwd=repository)
    box.git("commit", "-qm", "Build", cwd=repository)


FIRST: Clips = {
    "a1": ("released", b"first"),
    "b2": ("released", b"second"),
    "c3": ("quarantined", b""),
}
SECOND: Clips = {
    "a1": ("released", b"first anew"),
    "b2": ("quarantined", b""),
    "c3": ("released", b"third"),
}


def start(box: Box, repository: Path, remote: str) -> None:
    """Make a registry that has no version yet. DVC reads the remote from each version's commit."""
    repository.mkdir()
    box.git("init", "-q", "-b", "main", cwd=repository)
    box.git("config", "user.name", "A Tester", cwd=repository)
    box.git("config", "user.email", "tester@example.org", cwd=repository)
    with contextlib.chdir(repository):
        Repo.init().close()
    config = "[core]\n    analytics = false\n    check_update = false\n    remote = store\n"
    (repository / ".dvc/config").write_text(f"{config}['remote \"store\"']\n    url = {remote}\n")
    stage = {"cmd": f"cp -r made {FOLDER}", "deps": ["made"], "outs": [FOLDER]}
    artifacts = {
        NAME: {"path": FOLDER, "type": "dataset"},
        "kinetics-150": {"path": "release/kinetics-150"},
    }
    pipeline = {"stages": {"package": stage}, "artifacts": artifacts}
    (repository / "dvc.yaml").write_text(yaml.safe_dump(pipeline))
    (repository / ".gitignore").write_text("/made\n")
    (repository / "release").mkdir()


def assert_same_tree(one: Path, other: Path) -> None:
    """Both folders hold the same files with the same bytes."""
    names = sorted(str(p.relative_to(one)) for p in one.rglob("*") if p.is_file())
    found = sorted(str(p.relative_to(other)) for p in other.rglob("*") if p.is_file())
    assert found == names
    assert names
    assert filecmp.cmpfiles(one, other, names, shallow=False) == (names, [], [])
