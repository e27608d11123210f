"""Fixtures of all tests."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolkit import models
from toolkit.actors.generate import ActorClip, generate_clip

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent

RunM2m = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session", autouse=True)
def _leave_stderr_open() -> None:
    """DVC shuts down all handlers of logs, and that of absl would close what stderr was once."""
    with contextlib.suppress(ImportError):
        from absl import logging

        logging.get_absl_handler().python_handler.stream = sys.__stderr__


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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say which reference outputs of official models ours are compared with."""
    parser.addoption("--golden", type=Path, help="their folder, instead of ../shared/golden")
    parser.addoption("--golden-salt", default="public-1", help="what weights are filled from")


@pytest.fixture(scope="session")
def golden_dir(request: pytest.FixtureRequest) -> Path:
    """The folder of reference outputs of official models."""
    folder = request.config.getoption("--golden") or ROOT.parent / "shared" / "golden"
    if not folder.is_dir():
        pytest.skip("needs ../shared/golden, or --golden DIR: outputs of official models")
    return folder


@pytest.fixture(scope="session")
def golden_salt(request: pytest.FixtureRequest) -> str:
    """What the weights and inputs of the reference outputs are filled from."""
    return request.config.getoption("--golden-salt")


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


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Debian's Chromium, without a window."""
    path = shutil.which("chromium")
    if not path:
        pytest.skip("needs the program chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", *quiet]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: "Browser") -> Callable[[Path], str]:
    """Return a function that opens a file and returns the text that is shown."""
    page = browser.new_page(offline=True)

    def show(path: Path) -> str:
        page.goto(path.resolve().as_uri())
        return page.inner_text("body")

    return show
