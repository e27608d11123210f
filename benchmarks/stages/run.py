"""One actor's clip through the stages, once, with all that the measures look at.

A measure is a module with two names:

- ``METRICS: Mapping[str, Metric]``, what it measures;
- ``measure(run: ClipRun) -> dict[str, float]``, the values on one clip. NaN, or no key, where a
  metric does not apply to the clip: summaries leave it out. Keys that begin with the name of a
  metric (``recall_camera_pan``) are breakdowns of it.

Shape suffixes: T frames, P true people, N drawn people, H height, W width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from benchmarks.stages.matching import match_people
from toolkit.actors.truth import Truth
from toolkit.anonymize import Stages, draw_people, empty_scene, fill, find_people, meshes_of_frames
from toolkit.errors import InputError
from toolkit.frames import FrameStore
from toolkit.gate import Anonymized
from toolkit.m2m.types import Array, BodyMotion, Camera
from toolkit.video import DecodedClip, decode


@dataclass(frozen=True)
class Metric:
    """What a number says: its meaning, which end is best, and the goal of the offline profile."""

    meaning: str
    best: Literal["high", "low"]
    goal: float | None = None


@dataclass(frozen=True)
class ClipRun:
    """What the stages made of a clip, beside its truth.

    Attributes:
        truth: what is true of the clip.
        done: ``clip``, ``people`` (tracks, masks, cores, evidence), ``background`` (inpainted),
            ``motions``, ``coverage`` and ``result``.
        steps: kind of a backend to the backend, to run a stage again:
            ``draw_people(run.clip, people, background, run.steps, silent_stages())``.
    """

    truth: Truth
    done: Anonymized
    steps: Mapping[str, Any]

    @property
    def clip(self) -> DecodedClip:
        """The source as decoded."""
        return self.done.clip

    @property
    def num_frames(self) -> int:
        """Length of the clip."""
        return len(self.done.clip.frames)

    @property
    def fps(self) -> float:
        """Frames per second, as the stages take it."""
        return float(self.done.clip.timing.fps)

    @property
    def motions(self) -> Sequence[BodyMotion]:
        """Poses of those who are drawn."""
        return self.done.motions

    @property
    def camera(self) -> Camera:
        """The camera that the stages assume; ``truth.camera_4`` is the true one."""
        height, width = self.clip.frames.frame_shape[:2]
        return Camera.for_frame(width, height, self.clip.pixel_aspect)

    def mask_HW(self, index: int) -> Array:
        """Return where people were removed, after dilation: [H, W] bool."""
        return np.asarray(self.done.people.masks[index] != 0)

    def outline_HW(self, index: int) -> Array:
        """Return the outlines of confirmed people, before dilation: [H, W] bool."""
        return np.asarray(self.done.people.cores[index] != 0)

    def visible_HW(self, index: int) -> Array:
        """Return where a person is truly seen: [H, W] bool."""
        return np.asarray(self.truth.visible_PTHW[:, index].any(0))

    @cached_property
    def matches(self) -> list[dict[int, int]]:
        """For each frame, true person (index on the P axis) to track id, one to one, by masks."""
        return match_people(self.truth.visible_PTHW, self.done.people.tracks)

    @cached_property
    def depths(self) -> FrameStore:
        """[T, N, H, W] float32 m: each drawn person's mesh alone, in the order of ``motions``.

        0 where the mesh does not cover the pixel's centre, or the person is not drawn.
        """
        height, width = self.clip.frames.frame_shape[:2]
        store = FrameStore((len(self.motions), height, width), np.float32)
        renderer: Any = self.steps["render"](self.camera) if self.motions else None
        drawn = meshes_of_frames(self.steps["body"](), self.motions, self.num_frames, self.camera)
        for index, meshes in enumerate(drawn):
            depth_NHW = np.zeros(store.frame_shape, np.float32)
            here = [n for n, motion in enumerate(self.motions) if index in motion.frames_T]
            for n, mesh in zip(here, meshes, strict=True):
                depth_NHW[n] = renderer.render([mesh])[1]
            store.append(depth_NHW)
        if renderer:
            renderer.close()
        return store


def silent_stages() -> Stages:
    """Return stages that show no progress."""
    return Stages(lambda _name, _num_frames: lambda _num_done: None)


def run_stages(
    video: Path, truth: Truth, steps: Mapping[str, Any], *, looks_again: bool = True
) -> ClipRun:
    """Run the stages on a clip, at the size of its truth.

    Args:
        video: the clip.
        truth: what is true of it.
        steps: kind of a backend to the backend.
        looks_again: whether the checks' detectors look at the empty scene (``empty_scene``).

    Raises:
        InputError: the truth is of another clip.
    """
    num_frames, height, width = truth.visible_PTHW.shape[1:]
    clip = decode(video, (width, height))
    if len(clip.frames) != num_frames:
        raise InputError(
            f"{video} has {len(clip.frames)} frames and its truth {num_frames}: "
            "they are not of one clip; generate the tree again"
        )
    cv2.setNumThreads(1)
    stages = silent_stages()
    people = find_people(clip, steps, stages)
    if looks_again:
        people, background = empty_scene(clip, people, steps, stages)
    else:
        background = fill(clip, people, steps, stages)
    return ClipRun(truth, draw_people(clip, people, background, steps, stages), steps)
