"""A build that is killed, in any stage, goes on where it was and ends with the same bytes."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.pipelines.conftest import Dvc, MakeProject
from toolkit.journal import read_journal

CLIP_STAGES = (
    "standardize",
    "mask",
    "inpaint",
    "recover",
    "m2m-kinetics/composite",
    "m2m-kinetics/measure",
)
QUICK_STAGES = (
    "ingest",
    "select_classes",
    "gate@m2m-kinetics",
    "package@m2m-kinetics",
    "describe@m2m-kinetics",
)


def _entries(project: Path, stage: str) -> list[str]:
    journal = project / "work" / stage / "journal.jsonl"
    return [entry.clip_id for entry in read_journal(journal)]


def _repro_until(project: Path, environment: dict[str, str], stage: str) -> None:
    """Run ``dvc repro`` and kill it, with all its processes, once ``stage`` is at work."""
    log = project / "repro.log"
    with log.open("w") as out:
        build = subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro"],
            cwd=project,
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        while build.poll() is None:
            is_clip_stage = stage in CLIP_STAGES
            if is_clip_stage and _entries(project, stage):
                break
            if not is_clip_stage and f"Running stage '{stage}'" in log.read_text():
                time.sleep(0.5)
                break
            time.sleep(0.05)
        assert build.poll() is None, f"{stage} was never at work:\n{log.read_text()}"
        os.killpg(build.pid, signal.SIGKILL)
        build.wait()


def _read(folder: Path) -> dict[str, bytes]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
@pytest.mark.timeout(900)
def test_killed_in_every_stage(
    tmp_path: Path, make_project: MakeProject, dvc: Dvc, environment: dict[str, str]
) -> None:
    """Nothing that was finished is done again, and nothing stray is left."""
    releases = ("m2m-kinetics",)
    whole, killed = (make_project(tmp_path / name, releases) for name in ("whole", "killed"))
    dvc(whole, "repro")
    for stage in (*QUICK_STAGES[:2], *CLIP_STAGES, *QUICK_STAGES[2:]):
        _repro_until(killed, environment, stage)
    dvc(killed, "repro")
    assert _read(killed / "release") == _read(whole / "release")
    for stage in CLIP_STAGES:
        assert max(Counter(_entries(killed, stage)).values()) == 1
    stray = [path for path in (killed / "work").rglob("*") if path.name.endswith(".partial")]
    assert not stray
    assert not list((killed / "work").rglob("parts/*"))


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
def test_workers_do_not_outlive_a_stage_that_is_killed(
    tmp_path: Path, make_project: MakeProject, dvc: Dvc, environment: dict[str, str]
) -> None:
    """Only its own process is killed: the workers go too, and are not in a rerun's way."""
    project = make_project(tmp_path / "project", ("m2m-kinetics",))
    dvc(project, "repro", "standardize")
    words = [sys.executable, "-m", "pipelines.mask"]
    stage = subprocess.Popen(words, cwd=project, env=environment)
    while not _entries(project, "mask") and stage.poll() is None:
        time.sleep(0.05)
    workers = subprocess.run(
        ["pgrep", "--parent", str(stage.pid)], capture_output=True, text=True, check=True
    ).stdout.split()
    stage.kill()
    stage.wait()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(Path("/proc", pid).exists() for pid in workers):
        time.sleep(0.05)
    assert workers
    assert not [pid for pid in workers if Path("/proc", pid).exists()]
    dvc(project, "repro", "mask")
    assert len(_entries(project, "mask")) <= 4
