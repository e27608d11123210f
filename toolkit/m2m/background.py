"""What a clip shows of its background, where the masks of people leave it free.

Shape suffixes: H height, W width, C colours, N points.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from toolkit.frames import FrameStore, map_frames
from toolkit.m2m import propagate
from toolkit.m2m.types import Array

MAX_SAMPLES = 41
"""Frames looked at to tell whether the camera stands still, and for the median background."""

MAX_SAMPLE_BYTES = 2**27

MAX_STILL_SHIFT_PX, MAX_DOUBTFUL_SHIFT_PX = 0.5, 1.5
"""Half of the background seen by a camera that stands still moves no more than the first; one that
moves it more than the second does not stand still."""

MAX_ALIKE_STEP = 16
"""All but a twentieth of two pictures of a still background differ no more than this (of 255)."""

MIN_GLIMPSES = 4
"""What lies close to masks counts as background when so many sampled frames show it: one or two may
have missed a hand."""

NUM_NEAR = 2
"""Masks of that many frames before and after a frame count in it too."""


class Background:
    """The background of a clip: what of each frame shows it, and whether it stands still."""

    def __init__(self, frames: FrameStore, masks: FrameStore) -> None:
        self.frames = frames
        self.masks = masks
        self.height, self.width = masks.frame_shape
        self.has_hole = [bool(mask_HW.any()) for mask_HW in masks]
        self._usable = FrameStore(masks.frame_shape, bool)
        margin_px = max(3, self.width // 120)

        def near_people(index: int) -> Array:
            return propagate.grow(self._near_masks(index), margin_px)

        for near_HW in map_frames(near_people, len(frames)):
            self._usable.append(~near_HW)

    def usable_HW(self, index: int) -> Array:
        """Tell where a frame shows background for sure: [H, W] bool."""
        return self._usable[index]

    def distrust(self, index: int, where_HW: Array) -> None:
        """Do not use part of a frame."""
        self._usable[index] = self.usable_HW(index) & ~where_HW

    def _near_masks(self, index: int) -> Array:
        """Return the masks of a frame and its neighbours, as one may overlook what another has."""
        window = range(max(index - NUM_NEAR, 0), min(index + NUM_NEAR + 1, len(self.masks)))
        union_HW = np.zeros((self.height, self.width), np.uint8)
        for near in window:
            if self.has_hole[near]:
                mask_HW: Array = self.masks[near]
                union_HW |= mask_HW
        return union_HW

    def samples(self) -> list[int]:
        """Return indices of frames spread over the clip, as many as memory is meant for."""
        num_samples = min(MAX_SAMPLES, MAX_SAMPLE_BYTES // (3 * self.height * self.width) + 1)
        spread = np.linspace(0, len(self.frames) - 1, min(num_samples, len(self.frames)))
        return [int(index) for index in spread.round()]

    @cached_property
    def stands_still(self) -> bool:
        """Whether the background of every sampled frame lies where it lies in the clearest one."""
        samples = self.samples()
        clearest = max(samples, key=lambda index: np.count_nonzero(self.usable_HW(index)))
        return all(map_frames(lambda turn: self._is_still(clearest, samples[turn]), len(samples)))

    def still_picture(self, boxes_TN4: Sequence[Array] = ()) -> tuple[Array, Array] | None:
        """Return the median of what is seen of the background, if the camera stands still.

        Args:
            boxes_TN4: for each frame [N, 4] xyxy px, not to look into.

        Returns:
            [H, W, 3] uint8 and where it was ever seen, [H, W] bool; None where the camera moves.
        """
        if not self.stands_still:
            return None
        samples = self.samples()
        usable_SHW = np.stack([self.usable_HW(index) for index in samples])
        if boxes_TN4:
            for usable_HW, index in zip(usable_SHW, samples, strict=True):
                for x0, y0, x1, y1 in np.maximum(np.round(boxes_TN4[index]), 0).astype(int):
                    usable_HW[y0:y1, x0:x1] = False
        return propagate.median_background(
            np.stack([self.frames[index] for index in samples]), usable_SHW
        )

    def glimpses(self) -> tuple[Array, Array]:
        """Return the median of what is seen closer to masks than a single frame is trusted.

        Returns:
            [H, W, 3] uint8 and where several frames show it outside all near masks, [H, W] bool.
        """
        samples = self.samples()
        free_SHW = np.stack([self._near_masks(index) == 0 for index in samples])
        frames_SHWC = np.stack([self.frames[index] for index in samples])
        picture_HWC, _ = propagate.median_background(frames_SHWC, free_SHW)
        return picture_HWC, free_SHW.sum(0) >= MIN_GLIMPSES

    def tracks(self, index: int, other: int) -> propagate.Tracks:
        """Track the background from one frame to another."""
        return propagate.track_points(
            propagate.structure(self.frames[index]),
            self.usable_HW(index),
            propagate.structure(self.frames[other]),
            self.usable_HW(other),
        )

    def _is_still(self, index: int, other: int) -> bool:
        tracks = self.tracks(index, other)
        if tracks.agree:
            shift_N = np.hypot(*(tracks.end_N2 - tracks.start_N2).T)
            shift_px = float(np.median(shift_N)) if shift_N.size else 0.0
            if shift_px <= MAX_STILL_SHIFT_PX or shift_px > MAX_DOUBTFUL_SHIFT_PX:
                return shift_px <= MAX_STILL_SHIFT_PX
        return self._looks_alike(index, other)

    def _looks_alike(self, index: int, other: int) -> bool:
        """Compare pictures where points say little: a smooth or badly compressed background."""
        both_HW = self.usable_HW(index) & self.usable_HW(other)
        if not both_HW.any():
            return False
        first_HW, second_HW = (propagate.soften(self.frames[i]) for i in (index, other))
        step_N = first_HW[both_HW].astype(np.float32) - second_HW[both_HW]
        step_N = np.abs(step_N - np.median(step_N))
        return float(np.percentile(step_N, 95)) <= MAX_ALIKE_STEP
