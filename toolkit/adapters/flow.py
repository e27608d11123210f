"""Inpainting along optical flow: what other frames show of the background, the rest made up.

A clip from a camera that stands still is filled from one picture of its background, the median of
what is seen. In any other clip each hole pixel follows the background's motion back to where it
was last seen and on to where it is next seen. What no frame shows is made up once, by a soft sheet,
and then follows the motion too, so that it does not flicker.
"""

import cv2
import numpy as np

from toolkit.adapters.navier_stokes import NoInpainter
from toolkit.frames import FrameStore
from toolkit.m2m import propagate
from toolkit.m2m.background import Background
from toolkit.m2m.pyramid import BLOCK_PX, enlarge
from toolkit.m2m.sheet import stretch_over
from toolkit.m2m.types import Array, Progress

MAX_AGE = 255  # fits a byte


class FlowInpainter:
    """Fills holes from other frames along optical flow."""

    def inpaint(self, frames: FrameStore, masks: FrameStore, progress: Progress) -> FrameStore:
        """Return [T, H, W, 3] uint8 frames, filled where ``masks`` [T, H, W] are not zero."""
        cv2.setNumThreads(1)  # the flow depends on the number of threads
        clip = Background(frames, masks)
        if not any(clip.has_hole):
            return NoInpainter().inpaint(frames, masks, progress)
        still_picture = clip.still_picture()
        if still_picture is not None:
            return _fill_from_background(clip, *still_picture, progress)
        return _fill_along_flow(clip, progress)


def _fill_from_background(
    clip: Background, background_HWC: Array, seen_HW: Array, progress: Progress
) -> FrameStore:
    """Fill every hole from the one background of a camera that stands still."""
    glimpsed_HWC, glimpsed_HW = clip.glimpses()
    background_HWC = np.where(seen_HW[..., None], background_HWC, glimpsed_HWC)
    background_HWC = stretch_over(background_HWC, ~(seen_HW | glimpsed_HW))
    filled = FrameStore(clip.frames.frame_shape)
    for index, frame_HWC in enumerate(clip.frames):
        if clip.has_hole[index]:
            box = propagate.bounds(~clip.usable_HW(index))
            fill = (background_HWC[box].astype(np.float32), seen_HW[box])
            _put(fill, frame_HWC[box], clip.masks[index][box] != 0)
        filled.append(frame_HWC)
        progress(1)
    return filled


def _put(fill: tuple[Array, Array], frame_HWC: Array, hole_HW: Array) -> None:
    """Put a fill (colours, and where they are known) in the hole, as bright as its rim."""
    fill_HWC, known_HW = fill
    fill_HWC = propagate.match_brightness(fill_HWC, frame_HWC, known_HW & ~hole_HW)
    frame_HWC[hole_HW] = fill_HWC[hole_HW]


class _Motions:
    """How the background of a clip moves from each frame to its neighbours."""

    def __init__(self, clip: Background) -> None:
        self._clip = clip
        blocks = (-(-clip.height // BLOCK_PX), -(-clip.width // BLOCK_PX))
        self._flows = FrameStore((2, *blocks, 2), np.float32)
        self._linked: list[bool] = []
        for index in range(len(clip.frames) - 1):
            self._append(index)

    def between(self, index: int, neighbour: int) -> Array | None:
        """Return the motion from a frame to its neighbour, [H, W, 2] px; None across a cut."""
        first = min(index, neighbour)
        if not (0 <= first < len(self._linked) and self._linked[first]):
            return None
        flow_hw2 = self._flows[first][0 if neighbour > index else 1]
        return enlarge(flow_hw2, self._clip.height, self._clip.width)

    def _append(self, index: int) -> None:
        flows_2hw2 = np.zeros(self._flows.frame_shape, np.float32)
        linked = self._clip.has_hole[index] or self._clip.has_hole[index + 1]
        if linked:
            tracks = self._clip.tracks(index, index + 1)
            linked = tracks.agree
            points, size = (tracks.start_N2, tracks.end_N2), (self._clip.height, self._clip.width)
            flows_2hw2[0] = propagate.background_motion(*points, *size)
            flows_2hw2[1] = propagate.background_motion(*points[::-1], *size)
        self._flows.append(flows_2hw2)
        self._linked.append(linked)
        if linked:
            self._distrust_moving(index, index + 1, *flows_2hw2)

    def _distrust_moving(self, index: int, other: int, on_hw2: Array, back_hw2: Array) -> None:
        """Do not use what moves against the background near a hole: it may belong to a person."""
        clip, size = self._clip, (self._clip.height, self._clip.width)
        view = (propagate.soften(clip.frames[index]), clip.usable_HW(index))
        other_view = (propagate.soften(clip.frames[other]), clip.usable_HW(other))
        moving_HW = propagate.find_moving(*view, *other_view, enlarge(on_hw2, *size))
        other_moving_HW = propagate.find_moving(*other_view, *view, enlarge(back_hw2, *size))
        clip.distrust(index, moving_HW)
        clip.distrust(other, other_moving_HW)


def _fill_along_flow(clip: Background, progress: Progress) -> FrameStore:
    """Fill every hole with what is seen of its background before and after."""
    motions = _Motions(clip)
    later = _gather_later(clip, motions)
    filled = FrameStore(clip.frames.frame_shape)
    sources = propagate.Sources.none(clip.height, clip.width)
    for index, frame_HWC in enumerate(clip.frames):
        sources = _carry(clip, motions, sources, index, index - 1)
        if clip.has_hole[index]:
            hole_HW = clip.masks[index] != 0
            box = propagate.bounds(~clip.usable_HW(index))
            later_HW4 = later[len(clip.frames) - 1 - index][box]
            earlier_HWC, age_HW = propagate.gather(filled, sources), sources.age_HW(index)
            fill = propagate.blend(
                earlier_HWC[box], age_HW[box], later_HW4[..., :3], later_HW4[..., 3]
            )
            _put(fill, frame_HWC[box], hole_HW[box])
            hole_HW[box] &= ~fill[1]
            frame_HWC[:] = stretch_over(frame_HWC, hole_HW)
            sources.invent(index, hole_HW)
        filled.append(frame_HWC)
        progress(1)
    return filled


def _gather_later(clip: Background, motions: _Motions) -> FrameStore:
    """Fetch what is seen later of every hole: [T, H, W, 4] RGB and age, the last frame first."""
    later = FrameStore((clip.height, clip.width, 4))
    sources = propagate.Sources.none(clip.height, clip.width)
    for index in reversed(range(len(clip.frames))):
        sources = _carry(clip, motions, sources, index, index + 1)
        age_HW = np.minimum(sources.age_HW(index), MAX_AGE).astype(np.uint8)
        later.append(np.dstack((propagate.gather(clip.frames, sources), age_HW)))
    return later


def _carry(
    clip: Background, motions: _Motions, sources: propagate.Sources, index: int, neighbour: int
) -> propagate.Sources:
    """Take over the sources of a frame's neighbour for all that is not usable of the frame."""
    flow_HW2 = motions.between(index, neighbour)
    if flow_HW2 is None:
        return propagate.Sources.none(clip.height, clip.width)
    usable_HW, wanted_HW = clip.usable_HW(neighbour), ~clip.usable_HW(index)
    carried = propagate.carry(sources, usable_HW, neighbour, flow_HW2, wanted_HW)
    propagate.drop_unusable(carried, clip.usable_HW)
    return carried
