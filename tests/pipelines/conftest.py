"""Project folders as a user has them: the build's files, git and DVC, and a few small clips."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import yaml

from toolkit.actors.generate import ActorClip
from toolkit.video import Timing
from toolkit.video_encode import encode

KEY = "5c" * 32
NUM_FRAMES, FPS = 8, 8

MakeProject = Callable[..., Path]
Dvc = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def environment(root: Path) -> dict[str, str]:
    """Finds this Python, this toolkit, and nothing that phones home."""
    search = [str(Path(sys.executable).parent), os.environ["PATH"]]
    return {
        **os.environ,
        "PATH": os.pathsep.join(search),
        "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]),
        "DVC_NO_ANALYTICS": "1",
        "PYTHONWARNINGS": "ignore",
    }


@pytest.fixture(scope="session")
def dvc(environment: dict[str, str]) -> Dvc:
    """Run ``dvc`` in a folder; keywords other than ok are environment variables."""

    def run(
        folder: Path, *words: str, ok: bool = True, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *words],
            cwd=folder,
            env={**environment, **more},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def make_project(root: Path, actor: ActorClip, dvc: Dvc) -> MakeProject:
    """Return a function that makes a project with an actor and three empty rooms."""

    def make(folder: Path, releases: Iterable[str] = ("m2m-kinetics", "kinetics-150")) -> Path:
        folder.mkdir(parents=True)
        for name in ("pipelines", "validation", "dataset_cards"):
            shutil.copytree(root / name, folder / name)
        shutil.copy(root / "dvc.yaml", folder)
        params = yaml.safe_load((root / "params" / "tiny.yaml").read_text("utf-8"))
        params["source"]["annotations"] = None
        params["releases"] = {name: params["releases"][name] for name in releases}
        (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")
        (folder / "keys").mkdir()
        (folder / "keys" / "clip_ids.key").write_text(KEY + "\n")
        frames = list(actor.frames_THWC[-NUM_FRAMES:])  # standing, waving
        write_clip(folder / "source/train/wave/lodger.mp4", frames)
        for seed, name in enumerate(("train/room/hall", "train/room/attic", "val/room/cellar")):
            write_clip(folder / f"source/{name}.mp4", [paint_room(seed)] * NUM_FRAMES)
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
        dvc(folder, "init", "--quiet")
        return folder

    return make


def paint_room(seed: int) -> np.ndarray:
    """Return a smooth picture of nothing in particular: [240, 432, 3] uint8 RGB."""
    y, x = np.mgrid[0:240, 0:432] / 240
    waves = np.random.default_rng(seed).uniform(1, 4, (3, 2))
    channels = [110 + 50 * np.sin(a * x + seed) + 40 * np.cos(b * y) for a, b in waves]
    return np.stack(channels, 2).clip(0, 255).astype(np.uint8)


def write_clip(path: Path, frames: list[np.ndarray]) -> None:
    """Write a clip, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encode(frames, path, Timing.constant(len(frames), FPS))
