"""Dense optical flow between neighbouring frames."""

import cv2
import numpy as np

from toolkit.frames import FrameStore, map_frames
from toolkit.m2m.types import Array

_MIN_SIDE_PX = 16


class Flow:
    """DIS optical flow on grey frames of half the size: enough to carry a mask a few frames."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def __call__(self, first_HWC: Array, second_HWC: Array) -> Array:
        """Return flow [H, W, 2] float32 px: x in ``first`` is x + flow in ``second``."""
        height, width = first_HWC.shape[:2]
        half = (max(width // 2, _MIN_SIDE_PX), max(height // 2, _MIN_SIDE_PX))
        grey = [
            cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), half, interpolation=cv2.INTER_AREA)
            for frame in (first_HWC, second_HWC)
        ]
        start_HW2 = np.zeros((*grey[0].shape, 2), np.float32)
        flow_HW2 = self._dis.calc(grey[0], grey[1], start_HW2)
        scale = np.array([width / half[0], height / half[1]], np.float32)
        return np.asarray(cv2.resize(flow_HW2, (width, height)) * scale)


def neighbour_flows(frames: FrameStore) -> tuple[FrameStore, FrameStore]:
    """Return flows to the next frame and back, each [T - 1, H, W, 2] float16 px."""
    height, width = frames.frame_shape[:2]
    onward, back = (FrameStore((height, width, 2), np.float16) for _ in range(2))

    def pair(index: int) -> tuple[Array, Array]:
        flow, first, second = Flow(), frames[index], frames[index + 1]
        return flow(first, second), flow(second, first)

    for there, here in map_frames(pair, len(frames) - 1):
        onward.append(there.astype(np.float16))
        back.append(here.astype(np.float16))
    return onward, back
