"""Text in a picture: PP-OCRv4's detector, a DBNet.

Shape suffixes: H height, W width, C colours, N points.
"""

from pathlib import Path

import cv2
import numpy as np

from toolkit.adapters.detectors import Detection, onnx_session
from toolkit.m2m.types import Array

_STRIDE_PX, _SHORT_SIDE_PX = 32, 480
"""The network takes multiples of the first. Letters of 240 lines are too small for it: it sees the
picture enlarged, so that the shorter side is of the second."""
_MIN_PIXEL, _MIN_SIDE_PX = 0.3, 3
_MAX_SIDE_SHARE, _MIN_ASPECT = 0.2, 2
"""No line of text is thicker than that share of the picture's height, and each is so much longer
than high: the network takes people for letters now and then."""
_UNSHRINK = 1.6
"""The network marks the middle of a line of text: a box grows by this much of its area, over its
girth."""


class TextDetector:
    """Lines and words, in any script."""

    def __init__(self, path: Path) -> None:
        self._session = onnx_session(path)
        self._input = self._session.get_inputs()[0].name

    def detect(self, image_HWC: Array, min_score: float) -> list[Detection]:
        """Return boxes of text in uint8 RGB."""
        height, width = image_HWC.shape[:2]
        zoom = _SHORT_SIDE_PX / min(height, width)
        size = [max(1, round(side * zoom / _STRIDE_PX)) * _STRIDE_PX for side in (width, height)]
        enlarged_HWC = cv2.resize(image_HWC, size, interpolation=cv2.INTER_LINEAR)[..., ::-1]
        blob = enlarged_HWC.astype(np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
        text_HW = self._session.run(None, {self._input: blob})[0][0, 0]
        contours, _ = cv2.findContours(
            (text_HW > _MIN_PIXEL).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE
        )
        scale_xyxy = np.tile([width / size[0], height / size[1]], 2)
        found = []
        for contour_N12 in contours:
            middle, sides, angle_deg = cv2.minAreaRect(contour_N12)
            if not _MIN_SIDE_PX <= min(sides) <= _MAX_SIDE_SHARE * size[1]:
                continue
            if max(sides) < _MIN_ASPECT * min(sides):
                continue
            inside_HW = np.zeros(text_HW.shape, np.uint8)
            cv2.fillPoly(inside_HW, [cv2.boxPoints((middle, sides, angle_deg)).astype(int)], 1)
            score = float(cv2.mean(text_HW, inside_HW)[0])
            if score < min_score:
                continue
            margin = _UNSHRINK * sides[0] * sides[1] / sum(sides)
            grown = (sides[0] + margin, sides[1] + margin)
            corners_N2 = cv2.boxPoints((middle, grown, angle_deg))
            box_xyxy = np.concatenate([corners_N2.min(0), corners_N2.max(0)]) * scale_xyxy
            found.append(Detection(box_xyxy, score))
        return found
