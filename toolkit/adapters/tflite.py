"""TensorFlow Lite models through LiteRT, and the anchors MediaPipe's detectors share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from toolkit.m2m.types import Array

NUM_THREADS = 1
"""A network has one thread, so that the same input gives the same floats on any machine; frames are
what runs side by side (``toolkit.frames.map_frames``)."""


class TfliteModel:
    """One model with one image input; calling it returns its outputs by name.

    Threads may call it at once; an interpreter serves one of them at a time.
    """

    def __init__(self, path: Path) -> None:
        self._interpreter: Any = Interpreter(model_path=str(path), num_threads=NUM_THREADS)
        with _quiet():
            self._interpreter.allocate_tensors()
        self._lock = Lock()
        (self._input,) = self._interpreter.get_input_details()
        self._outputs = self._interpreter.get_output_details()
        self.input_size_px = int(self._input["shape"][1])

    def __call__(self, image_HWC: Array) -> dict[str, Array]:
        """Run on one float32 image [H, W, 3] of the model's own size."""
        with self._lock:
            self._interpreter.set_tensor(self._input["index"], image_HWC[None].astype(np.float32))
            self._interpreter.invoke()
            return {
                out["name"]: self._interpreter.get_tensor(out["index"])[0] for out in self._outputs
            }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep LiteRT from greeting on stderr; it has no setting for that, and raises its errors."""
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def anchor_centres(input_size_px: int, strides_and_counts: list[tuple[int, int]]) -> Array:
    """Centres [N, 2] (x, y in 0..1) of MediaPipe's SSD anchors: so many a cell of each stride."""
    centres = []
    for stride, count in strides_and_counts:
        cells = input_size_px // stride
        axis = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        centres.append(np.repeat(grid, count, axis=0))
    return np.concatenate(centres).astype(np.float32)


def letterbox(image_HWC: Array, size_px: int, step_px: int | None = None) -> tuple[Array, float]:
    """Fit an image into the top left of a black square; return it and its scale.

    Args:
        image_HWC: of any shape.
        size_px: of the square; the image's longer side gets it.
        step_px: leave out what is black of the square, but for what makes sides multiples of this.
    """
    height, width = image_HWC.shape[:2]
    scale = size_px / max(height, width)
    inner = (max(1, round(height * scale)), max(1, round(width * scale)))
    resized = cv2.resize(
        image_HWC, inner[::-1], interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    outer = [-(-side // step_px) * step_px if step_px else size_px for side in inner]
    canvas = np.zeros((*outer, 3), image_HWC.dtype)
    canvas[: inner[0], : inner[1]] = resized
    return canvas, scale
