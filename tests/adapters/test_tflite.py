from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from toolkit.adapters.tflite import TfliteModel


@pytest.fixture(scope="module")
def model(weights: Callable[[str], Path]) -> TfliteModel:
    """BlazePose's detector."""
    return TfliteModel(weights("pose_detection"))


def _images() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (6, 224, 224, 3)).astype(np.float32)


def test_outputs_come_by_name_without_the_batch(model: TfliteModel) -> None:
    """Boxes and logits of 2254 anchors, for an image of the size the file declares."""
    assert model.input_size_px == 224
    outputs = model(_images()[0])
    assert sorted(values.shape for values in outputs.values()) == [(2254, 1), (2254, 12)]


def test_threads_may_share_a_model(model: TfliteModel) -> None:
    """Each gets the outputs of its own image, the same as alone, and keeps them."""
    images = _images()
    alone = [model(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        shared = list(pool.map(lambda index: model(images[index % 6]), range(24)))
    for index, outputs in enumerate(shared):
        for name, values in outputs.items():
            np.testing.assert_array_equal(values, alone[index % 6][name])
