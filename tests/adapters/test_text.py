"""Text that a clip shows."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from toolkit.actors.generate import ActorClip
from toolkit.adapters.text import TextDetector


@pytest.fixture(scope="module")
def detector(weights: Callable[[str], Path]) -> TextDetector:
    """On one thread, as ever."""
    return TextDetector(weights("text_detection"))


def test_a_caption_is_found_where_it_is(detector: TextDetector, actor: ActorClip) -> None:
    """White letters 10 px high in a room; the same each time."""
    room_HWC = actor.background_THWC[0].copy()
    assert detector.detect(room_HWC, 0.6) == []
    style = {"fontFace": cv2.FONT_HERSHEY_SIMPLEX, "fontScale": 0.5, "color": (255, 255, 255)}
    cv2.putText(room_HWC, "Jane Doe, Springfield", (40, 220), thickness=1, **style)
    (line,), (again,) = (detector.detect(room_HWC, 0.6) for _ in range(2))
    x0, y0, x1, y1 = line.box_xyxy.tolist()
    assert 30 < x0 < 48
    assert 200 < y0 < 214
    assert 165 < x1 < 200
    assert 216 < y1 < 232
    assert line.score == again.score > 0.7
    assert np.array_equal(line.box_xyxy, again.box_xyxy)
