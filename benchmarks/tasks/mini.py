"""The mini suite: tasks of synthetic actors, small enough for two cores, with falling scene bias.

``mini-ucf101`` to ``mini-uav-human`` stand for the five data sets of the paper: in the first, place
and objects tell the class always, in the last never. Two more are for the paper's Table 3: in train
the classes are acted by men (or women) nine times of ten, in val by the others.

Nothing here imports torch: films are rendered by EGL (docs/architecture.md).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2

from benchmarks.tasks.task import Lists, Task, write_lists
from toolkit.actors.tree import Clip, Format, TreeConfig, plan, stage
from toolkit.actors.truth import Truth
from toolkit.files import make_folder, write_output
from toolkit.m2m.types import Array
from toolkit.splits.read import TRAIN, VAL
from toolkit.video import Timing
from toolkit.video_encode import encode

FORMAT = Format(size=(96, 64), num_frames=16, fps=5)
"""Small, and 3 s long, so that two spans of 2.7 s fit in."""
_SPLITS = {TRAIN: "train", VAL: "test"}
"""Which of the actors' splits are used: in test, who acts is the other way round."""
_NUM_PLANNED = 200  # clips of a class to choose from


@dataclass(frozen=True)
class Film:
    """What is filmed for a task.

    Attributes:
        config: of the actors; its number of clips is that of all that could be filmed.
        num_clips: of each class, in train and val.
        every: takes one class of so many, from ``first`` on.
    """

    config: TreeConfig
    num_clips: tuple[int, int]
    first: int = 0
    every: int = 1

    @property
    def labels(self) -> list[str]:
        """Names of the classes, by number."""
        clips = plan(replace(self.config, clips=self.config.classes))
        return [clip.label for clip in clips][self.first :: self.every]

    def choose_clips(self) -> dict[str, list[Clip]]:
        """Return the clips of train and val, the same number of each class."""
        planned = plan(self.config)
        return {
            split: [
                clip
                for label in self.labels
                for clip in [
                    clip for clip in planned if (clip.label, clip.split) == (label, _SPLITS[split])
                ][:num]
            ]
            for split, num in zip((TRAIN, VAL), self.num_clips, strict=True)
        }


def _film(
    classes: int,
    seed: int,
    scene_bias: float,
    gender_bias: float = 0.5,
    **others: Any,  # noqa: ANN401
) -> Film:
    config = TreeConfig(classes * _NUM_PLANNED, classes, seed, gender_bias, scene_bias)
    return Film(config, **others)


_BOTH = {"classes": 8, "seed": 106, "scene_bias": 0.25, "gender_bias": 0.9, "num_clips": (8, 8)}

FILMS = {
    "mini-ucf101": _film(6, 101, 1.0, num_clips=(6, 6)),
    "mini-hmdb51": _film(6, 102, 0.75, num_clips=(6, 6)),
    "mini-diving48": _film(6, 103, 0.5, num_clips=(6, 6)),
    "mini-ikeafa": _film(6, 104, 0.25, num_clips=(6, 6)),
    "mini-uav-human": _film(6, 105, 0.0, num_clips=(6, 6)),
    "mini-women-in-men-biased": _film(**_BOTH, first=0, every=2),
    "mini-men-in-women-biased": _film(**_BOTH, first=1, every=2),
}


def describe(name: str) -> Task:
    """Return a task of the mini suite, with the counts that its lists must have."""
    film = FILMS[name]
    num_classes = len(film.labels)
    num_rows = {
        split: num * num_classes for split, num in zip((TRAIN, VAL), film.num_clips, strict=True)
    }
    return Task(
        name=name,
        title=name,
        num_rows=num_rows,
        num_classes=num_classes,
        num_listed_classes=num_classes,
        page=f"python -m benchmarks.tasks film {name} DIR",
        lists="what the actors' seed gives",
        labels="names in order",
    )


TASKS = {name: describe(name) for name in FILMS}


def film_task(name: str, folder: Path, progress: Callable[[int], None]) -> Task:
    """Film a task of the mini suite: ``LABEL/CLIP.mp4``, ``train.csv`` and ``val.csv``.

    Films that are there are kept. The same bytes on any number of cores.

    Raises:
        InputError: the folder cannot be written.
        BackendError: a package or the EGL driver is missing.
    """
    film = FILMS[name]
    chosen = film.choose_clips()
    number = {label: cls for cls, label in enumerate(film.labels)}
    paths = {
        clip: Path(clip.label, f"{clip.clip_id}.mp4") for clips in chosen.values() for clip in clips
    }
    jobs = [(clip, film.config, folder / path, None) for clip, path in paths.items()]
    run_apart(film_clip, jobs, progress)
    lists: Lists = {
        split: [(paths[clip].as_posix(), number[clip.label]) for clip in clips]
        for split, clips in chosen.items()
    }
    write_lists(lists, folder)
    return TASKS[name]


def film_clip(
    clip: Clip, config: TreeConfig, out: Path, keep: Callable[[Truth, Path], None] | None
) -> None:
    """Film one clip, unless it is there; ``keep`` is told first what is true of it."""
    if out.exists():
        return
    cv2.setNumThreads(1)
    frames_THWC, truth = stage(clip, config, FORMAT)
    if keep:
        keep(truth, out)
    write_film(frames_THWC, out)


def write_film(frames_THWC: Array, out: Path) -> None:
    """Write frames [T, H, W, 3] uint8 as a video, and the folders above it."""
    make_folder(out.parent)
    with write_output(out) as partial:
        encode(frames_THWC, partial, Timing.constant(len(frames_THWC), FORMAT.fps))


def run_apart(
    function: Callable[..., object],
    jobs: Sequence[tuple[Any, ...]],
    progress: Callable[[int], None],
) -> None:
    """Call a function with the arguments of each job, in processes that share no OpenGL."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(function, *job) for job in jobs]):
                done.result()
                progress(1)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
