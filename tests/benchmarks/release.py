"""Small releases for tests: clips of two classes, told apart by colour."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.videos import paint_clip, write_video
from toolkit.shards import Sample, shard_name, write_shard


def paint_class(cls: int, index: int, num_frames: int = 24) -> list[np.ndarray]:
    """Return frames of a clip of class 0 (bluish, square moves right) or 1 (reddish)."""
    frames = [np.roll(frame, 5 * index, 1) for frame in paint_clip(num_frames, 64, 48)]
    return [frame[..., ::-1] if cls else frame for frame in frames]


def write_release(folder: Path, **num_clips: int) -> Path:
    """Write the tars of a release; keywords are splits and their numbers of clips."""
    (folder / "data").mkdir(parents=True)
    for split, num in num_clips.items():
        samples = list(make_samples(folder, split, num))
        for number in range(2):
            write_shard(folder / "data" / shard_name(split, number, 2), samples[number::2])
    return folder


def make_samples(folder: Path, split: str, num_clips: int) -> Iterator[Sample]:
    """Yield clips whose classes alternate by twos."""
    path = folder / "clip.mp4"
    for index in range(num_clips):
        cls = index // 2 % 2
        write_video(path, paint_class(cls, index), fps=8)
        parts = {"mp4": path.read_bytes(), "cls": str(cls).encode(), "json": b"{}"}
        yield Sample(f"{split}{index:03d}", parts)
    path.unlink(missing_ok=True)
