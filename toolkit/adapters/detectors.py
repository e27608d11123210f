"""Detectors of bodies, faces and hands: an RGB image in, scored boxes out.

Shapes and constants of each model: docs/models.md. All take uint8 RGB [H, W, 3] with square pixels
and return ``Detection`` boxes in pixels of that image.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime

from toolkit.adapters.tflite import NUM_THREADS, TfliteModel, anchor_centres, letterbox
from toolkit.m2m.types import Array


@dataclass(frozen=True)
class Detection:
    """A box with its score; ``points_N3`` are x px, y px, confidence where the model gives them."""

    box_xyxy: Array
    score: float
    points_N3: Array | None = None


def suppress(detections: list[Detection], iou_limit: float) -> list[Detection]:
    """Keep the best of each group of boxes that overlap more than ``iou_limit``."""
    if not detections:
        return []
    boxes = [
        (float(x0), float(y0), float(x1 - x0), float(y1 - y0))
        for x0, y0, x1, y1 in (item.box_xyxy for item in detections)
    ]
    keep = cv2.dnn.NMSBoxes(boxes, [item.score for item in detections], 0.0, iou_limit)
    return [detections[int(index)] for index in np.ravel(np.asarray(keep))]


def _sigmoid(values: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -50, 50))))


class MediaPipeDetector:
    """MediaPipe's single-shot detectors: pose, palm and face share one decoding."""

    def __init__(
        self, path: Path, strides: list[tuple[int, int]], value_range: tuple[float, float]
    ) -> None:
        self._model = TfliteModel(path)
        self._low, self._high = value_range
        self._size = self._model.input_size_px
        self._anchors_N2 = anchor_centres(self._size, strides)

    def detect(self, image_HWC: Array, min_score: float) -> list[Detection]:
        """Return boxes with their key points (in the model's order), best first."""
        square, scale = letterbox(image_HWC, self._size)
        outputs = self._model(
            square.astype(np.float32) * ((self._high - self._low) / 255) + self._low
        )
        raw, logits = sorted(outputs.values(), key=lambda values: -values.shape[-1])
        scores = _sigmoid(logits[:, 0])
        found = []
        for index in np.flatnonzero(scores >= min_score):
            values = raw[index].reshape(-1, 2) / self._size
            centre = values[0] + self._anchors_N2[index]
            points = (values[2:] + self._anchors_N2[index]) * self._size / scale
            corners = np.concatenate([centre - values[1] / 2, centre + values[1] / 2])
            confidence = np.full((len(points), 1), scores[index])
            found.append(
                Detection(
                    corners * self._size / scale,
                    float(scores[index]),
                    np.concatenate([points, confidence], axis=1),
                )
            )
        return suppress(found, 0.3)


def pose_detector(path: Path) -> MediaPipeDetector:
    """BlazePose's person detector.

    Points 0 and 2 are the middles of hips and shoulders, 1 and 3 lie on circles around whole and
    upper body.
    """
    return MediaPipeDetector(path, [(8, 2), (16, 2), (32, 6)], (-1.0, 1.0))


def palm_detector(path: Path) -> MediaPipeDetector:
    """MediaPipe's palm detector: 7 points, wrist first."""
    return MediaPipeDetector(path, [(8, 2), (16, 6)], (0.0, 1.0))


def face_detector(path: Path) -> MediaPipeDetector:
    """MediaPipe's full-range face detector: 6 points, eyes first."""
    return MediaPipeDetector(path, [(4, 1)], (-1.0, 1.0))


def onnx_session(model: Path | bytes) -> Any:  # noqa: ANN401 - onnxruntime has no types
    """Open an ONNX model on the CPU with a fixed number of threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = NUM_THREADS
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


class MoveNetMultiPose:
    """Up to six people a pass, 17 COCO key points each."""

    def __init__(self, path: Path) -> None:
        self._session = onnx_session(path)
        self._input = self._session.get_inputs()[0].name

    def detect(
        self, image_HWC: Array, min_score: float, long_side_px: int = 512
    ) -> list[Detection]:
        """Return people with 17 points (x px, y px, confidence) in COCO order."""
        height, width = image_HWC.shape[:2]
        scale = long_side_px / max(height, width)
        new_height, new_width = (max(32, round(side * scale / 32) * 32) for side in (height, width))
        resized = cv2.resize(image_HWC, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
        (people,) = self._session.run(None, {self._input: resized[None].astype(np.int32)})
        found = []
        for person in people[0]:
            if person[55] < min_score:
                continue
            points = person[:51].reshape(17, 3)[:, [1, 0, 2]] * (width, height, 1)
            box = person[[52, 51, 54, 53]] * (width, height, width, height)
            found.append(Detection(box, float(person[55]), points))
        return found


def _with_free_shape(path: Path) -> bytes:
    """Return NanoDet with an input of any height and width that 32 divides: it declares 416x416.

    Its pyramid is enlarged to sizes in pixels, and its outputs are laid out for so many cells:
    these become a half or the double, and as many as there are.
    """
    model = onnx.load(path)
    graph = model.graph
    (image,) = graph.input
    for axis in (2, 3):
        image.type.tensor_type.shape.dim[axis].dim_param = f"{image.name}_{axis}"
    for output in graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"{output.name}_cells"
    constants: dict[str, Array] = {
        "as_many_cells": np.array([0, 0, -1], np.int64),
        "double": np.array([1, 1, 2, 2], np.float32),
        "half": np.array([1, 1, 0.5, 0.5], np.float32),
    }
    for name, values in constants.items():
        graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    for turn, node in enumerate(node for node in graph.node if node.op_type == "Resize"):
        node.input[2:] = ["double" if turn < 2 else "half"]  # up the pyramid, then down again
    for node in graph.node:
        if node.op_type == "Reshape":
            node.input[1] = "as_many_cells"
    return bytes(model.SerializeToString())


class NanoDet:
    """COCO boxes; only people are returned."""

    _SIZE = 416
    _STRIDES = (8, 16, 32)
    _MEAN_BGR = np.array([103.53, 116.28, 123.675], np.float32)
    _STD_BGR = np.array([57.375, 57.12, 58.395], np.float32)

    def __init__(self, path: Path) -> None:
        self._session = onnx_session(_with_free_shape(path))
        self._input = self._session.get_inputs()[0].name

    def detect(self, image_HWC: Array, min_score: float) -> list[Detection]:
        """Return person boxes, best first.

        The long side has the 416 px that the network was trained at; of the short side, only as
        much is looked at as there is: a frame of 16:9 leaves nearly half of a square black.
        """
        boxed_HWC, scale = letterbox(image_HWC[..., ::-1], self._SIZE, max(self._STRIDES))
        height, width = boxed_HWC.shape[:2]
        normal = (boxed_HWC.astype(np.float32) - self._MEAN_BGR) / self._STD_BGR
        outputs = self._session.run(None, {self._input: normal.transpose(2, 0, 1)[None]})
        by_shape = {values.shape[-2:]: values.reshape(values.shape[-2:]) for values in outputs}
        found = []
        for stride in self._STRIDES:
            columns, rows = width // stride, height // stride
            scores = by_shape[rows * columns, 80][:, 0]
            distances = by_shape[rows * columns, 44]
            for index in np.flatnonzero(scores >= min_score):
                bins = np.exp(distances[index].reshape(4, 11))
                sides = (bins / bins.sum(1, keepdims=True)) @ np.arange(11) * stride
                x, y = (index % columns + 0.5) * stride, (index // columns + 0.5) * stride
                box = np.array([x - sides[0], y - sides[1], x + sides[2], y + sides[3]]) / scale
                found.append(Detection(box, float(scores[index])))
        return suppress(found, 0.5)


def _with_free_image_size(path: Path) -> bytes:
    """Return the model with one image of any size as its input: the file declares 10 of 32x32."""
    model = onnx.load(path)
    weights = {tensor.name for tensor in model.graph.initializer}
    (image,) = [value for value in model.graph.input if value.name not in weights]
    for value in (image, *model.graph.output):
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if axis != 1:
                size.dim_param = f"{value.name}_{axis}"
    for value in [value for value in model.graph.input if value.name in weights]:
        model.graph.input.remove(value)
    return bytes(model.SerializeToString())


class CenterFace:
    """Faces by a network that shares nothing with MediaPipe's family."""

    def __init__(self, path: Path) -> None:
        self._session = onnx_session(_with_free_image_size(path))
        self._input = self._session.get_inputs()[0].name

    def detect(self, image_HWC: Array, min_score: float) -> list[Detection]:
        """Return face boxes with eyes, nose and corners of the mouth, best first."""
        height, width = image_HWC.shape[:2]
        net_height, net_width = (int(np.ceil(side / 32) * 32) for side in (height, width))
        resized = cv2.resize(image_HWC, (net_width, net_height))
        blob = resized.astype(np.float32).transpose(2, 0, 1)[None]
        heat, size, offset, landmarks = self._session.run(None, {self._input: blob})
        to_image_2 = np.array([width / net_width, height / net_height])
        found = []
        for row, column in zip(*np.where(heat[0, 0] >= min_score), strict=True):
            box_height, box_width = np.exp(size[0, :, row, column]) * 4
            y = (row + offset[0, 0, row, column] + 0.5) * 4
            x = (column + offset[0, 1, row, column] + 0.5) * 4
            corner_2, size_2 = (
                np.array([x - box_width / 2, y - box_height / 2]),
                [box_width, box_height],
            )
            points_52 = landmarks[0, :, row, column].reshape(5, 2)[:, ::-1] * size_2 + corner_2
            box = np.concatenate([corner_2, corner_2 + size_2]) * np.tile(to_image_2, 2)
            score = float(heat[0, 0, row, column])
            points_53 = np.column_stack([points_52 * to_image_2, np.full(5, score)])
            found.append(Detection(box, score, points_53))
        return suppress(found, 0.3)


NUM_TILES = 6
_CUT_PX = 4


class BodyDetectors:
    """NanoDet and MoveNet on whole frames, NanoDet on enlarged tiles too."""

    def __init__(self, nanodet: Path, movenet: Path) -> None:
        self._nanodet, self._movenet = NanoDet(nanodet), MoveNetMultiPose(movenet)

    def detect_in_turn(
        self, image_HWC: Array, index: int, min_scores: Mapping[str, float]
    ) -> list[tuple[str, Detection]]:
        """Return (view, person) pairs of frame ``index``; "nanodet", "movenet" or "tile".

        NanoDet sees every whole frame; in turn MoveNet does too, or NanoDet one of the tiles. A
        small person who stays is met by every view within twelve frames.
        """
        if index % 2 == 0:
            return self.detect(image_HWC, (), min_scores)
        found = self._whole("nanodet", image_HWC, min_scores)
        return found + self._in_tile(image_HWC, index // 2, min_scores)

    def detect(
        self, image_HWC: Array, tiles: Iterable[int], min_scores: Mapping[str, float]
    ) -> list[tuple[str, Detection]]:
        """Return (view, person) pairs that both find in the whole frame and NanoDet in tiles."""
        found = [
            *self._whole("movenet", image_HWC, min_scores),
            *self._whole("nanodet", image_HWC, min_scores),
        ]
        for turn in tiles:
            found += self._in_tile(image_HWC, turn, min_scores)
        return found

    def _whole(
        self, view: str, image_HWC: Array, min_scores: Mapping[str, float]
    ) -> list[tuple[str, Detection]]:
        network = self._movenet if view == "movenet" else self._nanodet
        return [(view, item) for item in network.detect(image_HWC, min_scores[view])]

    def _in_tile(
        self, image_HWC: Array, turn: int, min_scores: Mapping[str, float]
    ) -> list[tuple[str, Detection]]:
        x0, y0, x1, y1 = tile(image_HWC.shape, turn)
        inside = self._nanodet.detect(image_HWC[y0:y1, x0:x1], min_scores["tile"])
        moved = [
            replace(item, box_xyxy=item.box_xyxy + np.array([x0, y0, x0, y0])) for item in inside
        ]
        return [
            ("tile", item)
            for item in moved
            if not _is_cut((x0, y0, x1, y1), item.box_xyxy, image_HWC.shape)
        ]


def _is_cut(tile_xyxy: tuple[int, ...], box_xyxy: Array, shape_HW: tuple[int, ...]) -> bool:
    """Whether a tile's edge cuts through a person, whom the whole frame shows better."""
    frame_xyxy = (0, 0, shape_HW[1], shape_HW[0])
    return any(
        abs(box_side - tile_side) < _CUT_PX and tile_side != frame_side
        for box_side, tile_side, frame_side in zip(box_xyxy, tile_xyxy, frame_xyxy, strict=True)
    )


def tile(shape_HW: tuple[int, ...], turn: int) -> tuple[int, int, int, int]:
    """Return the box (xyxy px) of one of ``NUM_TILES``: three by two, overlapping."""
    height, width = shape_HW[:2]
    tile_height, tile_width = height * 6 // 10, width // 2
    x0 = (turn % 3) * (width - tile_width) // 2
    y0 = (turn // 3 % 2) * (height - tile_height)
    return x0, y0, x0 + tile_width, y0 + tile_height
