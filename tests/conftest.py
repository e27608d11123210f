"""Fixtures of all tests."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit import models
from toolkit.actors.generate import ActorClip, generate_clip

ROOT = Path(__file__).resolve().parent.parent

RunM2m = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real clips and reference values beside the repository."""
    shared = ROOT.parent / "shared"
    if not shared.is_dir():
        pytest.skip("needs ../shared: real clips and reference values beside the repository")
    return shared


@pytest.fixture(scope="session")
def weights() -> Callable[[str], Path]:
    """Where a model's file is; skips without the default profile's, which ``make test`` fetches."""
    missing = [name for name in models.names_of_profile("offline") if not models.is_cached(name)]
    if missing:
        pytest.skip(f"needs the weights of {', '.join(missing)}: run  m2m models fetch")
    return models.locate


@pytest.fixture(scope="session")
def actor() -> ActorClip:
    """An actor who walks to the left, turns and waves: 36 frames of 3 s at 432x240, with truth."""
    return generate_clip(num_frames=36, fps=12)


@pytest.fixture(scope="session")
def run_m2m() -> RunM2m:
    """Run ``m2m`` in a process of its own; keywords other than cwd are environment variables."""

    def run(
        *words: str, cwd: Path | None = None, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", "from toolkit.cli import main; main()", *words],
            cwd=cwd,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
