"""Real small clips, each of other content."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.videos import write_video

WriteClip = Callable[..., Path]


@pytest.fixture(scope="session")
def write_clip() -> WriteClip:
    """Write a clip at 10 frames per second; the same seed shows the same, at any size."""

    def write(path: Path, seed: int = 0, duration_s: float = 1.0, **options: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        width, height = options.pop("size", (96, 64))
        scene = np.random.default_rng(seed).integers(0, 256, (7, 14, 3), np.uint8)
        num_frames = round(10 * duration_s)
        frames = [
            cv2.resize(
                np.roll(scene, 10 * index // num_frames, 1),
                (width, height),
                interpolation=cv2.INTER_CUBIC,
            )
            for index in range(num_frames)
        ]
        return write_video(path, frames, fps=10, **options)

    return write
