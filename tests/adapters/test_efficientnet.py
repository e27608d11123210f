import pickle
from collections import OrderedDict

import numpy as np
import pytest

from toolkit.adapters.efficientnet import NUM_NUMBERS, EfficientNetLite0, prepare
from toolkit.adapters.torch_file import _MAGIC, read_tensors
from toolkit.errors import InputError, ModelError
from toolkit.knexus.embed import to_unit

EXPECTED_AT = [0, 2, 113, 400, 897, 1056, 1279]
EXPECTED = [0.0, 0.34341, 5.74548, 1.70199, 5.26554, 3.21296, 0.04272]


@pytest.fixture(scope="module")
def encoder(weights) -> EfficientNetLite0:
    """Skips without its weights."""
    try:
        weights("efficientnet_lite0")
    except InputError:
        pytest.skip("needs weights: run  m2m models fetch efficientnet-lite0")
    return EfficientNetLite0()


def test_pictures_of_one_thing_are_alike(encoder: EfficientNetLite0) -> None:
    """A flower moved and darkened is nearer to itself than to a temple; the same bytes each time.

    The pictures come with scikit-learn.
    """
    from sklearn.datasets import load_sample_image

    flower, temple = (load_sample_image(name) for name in ("flower.jpg", "china.jpg"))
    changed = (flower[20:, :-30] * 0.8).astype(np.uint8)
    one, same, other = (to_unit(encoder.embed(image)) for image in (flower, changed, temple))
    assert one.shape == (NUM_NUMBERS,)
    assert one @ same > 0.8
    assert one @ other < 0.5
    np.testing.assert_array_equal(encoder.embed(flower), encoder.embed(flower))


def test_features_are_those_of_timm(encoder: EfficientNetLite0) -> None:
    """Some numbers for a picture of stripes, as timm's tf_efficientnet_lite0 gives them.

    Measured with timm 1.0.31 and torch 2.14.1 on the package's own file of weights.
    """
    y, x = np.mgrid[0:224, 0:224]
    stripes = np.stack([(x * k + y) % 256 for k in (1, 2, 3)], 2).astype(np.uint8)
    features = encoder.embed(stripes)
    np.testing.assert_allclose(features[EXPECTED_AT], EXPECTED, atol=1e-4)


@pytest.mark.parametrize("shape", [(16, 400, 3), (400, 16, 3), (224, 224, 3), (1080, 1920, 3)])
def test_any_picture_becomes_the_networks_size(shape: tuple[int, int, int]) -> None:
    """However long or small it is; black is -127/128, white 1."""
    assert prepare(np.zeros(shape, np.uint8)).shape == (224, 224, 3)
    assert prepare(np.zeros(shape, np.uint8)).min() == pytest.approx(-127 / 128)
    assert prepare(np.full(shape, 255, np.uint8)).max() == 1


def _save(*objects: object, numbers: bytes = b"") -> bytes:
    return b"".join(pickle.dumps(item, 2) for item in objects) + numbers


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("echo must not run",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read"),
        (_save(7), "not in PyTorch's format"),
        (_save(_MAGIC, 1001, {}, OrderedDict(a=_Runs()), []), "refused weights that ask for"),
        (_save(_MAGIC, 1001, {}, {"a": 1}, []), "cannot be read"),
    ],
    ids=["empty", "another format", "runs a program", "no tensor"],
)
def test_hostile_weights_are_refused(content: bytes, words: str, capfd) -> None:
    """Nothing in them runs."""
    with pytest.raises(ModelError, match=words):
        read_tensors(content)
    assert "must not run" not in capfd.readouterr().out


@pytest.mark.parametrize(("shape", "stride"), [("I4\n", 1), ("I2\nI2\n", 1), ("I2\n", 3)])
def test_a_tensor_is_read_where_it_lies(shape: str, stride: int) -> None:
    """Up to the last number of its storage."""
    strides = f"I{stride}\n" * shape.count("I")
    (found,) = read_tensors(_save_tensor(shape, strides)).values()
    assert found.ravel().tolist() == {"I4\n": [0, 1, 2, 3], "I2\n": [0, 3]}.get(shape, [0, 1, 1, 2])


@pytest.mark.parametrize(
    ("shape", "strides"), [("I5\n", "I1\n"), ("I2\n", "I4\n"), ("I2\n", "I-1\n"), ("I-2\n", "I1\n")]
)
def test_a_tensor_may_not_reach_beyond_its_storage(shape: str, strides: str) -> None:
    """A file that claims more numbers than it holds, or some before the first."""
    with pytest.raises(ModelError, match="beyond its storage"):
        read_tensors(_save_tensor(shape, strides))


def _save_tensor(shape: str, strides: str) -> bytes:
    """Return a file of one tensor "a" of a storage "7" of four numbers, as PyTorch writes it."""
    storage = "(S'storage'\nctorch\nFloatStorage\nS'7'\nS'cpu'\nI4\ntQ"
    tensor = f"ctorch._utils\n_rebuild_tensor_v2\n({storage}I0\n({shape}t({strides}tI00\ntR"
    numbers = np.int64(4).tobytes() + np.arange(4, dtype="<f4").tobytes()
    saved = f"(dS'a'\n{tensor}s.".encode()
    return _save(_MAGIC, 1001, {}) + saved + _save(["7"], numbers=numbers)
