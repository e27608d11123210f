"""The TFJS importer gives the numbers of tf2onnx, for any size, and always the same bytes."""

import base64
import json

import numpy as np
import onnxruntime
import pytest

from toolkit import models
from toolkit.adapters.tfjs import to_onnx
from toolkit.errors import ModelError

NANODET_MEAN = np.float32([103.53, 116.28, 123.675])
NANODET_STD = np.float32([57.375, 57.12, 58.395])


def _session(source):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _cached(name):
    if not models.is_cached(name):
        pytest.skip(f"needs the weights of {name}: run  m2m models fetch")
    return _session(models.locate(name))


@pytest.fixture(scope="module")
def golden(shared_dir):
    """Images and both detectors' outputs, made with tf2onnx."""
    return np.load(shared_dir / "golden" / "tfjs_detectors.npz")


def test_movenet_equals_the_golden_outputs_at_two_sizes(golden):
    """Height and width are free; outputs agree within 1e-3."""
    session = _cached("movenet_multipose")
    for index in range(3):
        for image, size in (("512x288", "288x512"), ("256x256", "256x256")):
            rgb = golden[f"image{index}_{image}_bgr"][None, ..., ::-1].astype(np.int32)
            (people,) = session.run(None, {"input": rgb})
            np.testing.assert_allclose(people, golden[f"movenet{index}_{size}"], atol=1e-3)


def test_nanodet_equals_the_golden_outputs(golden):
    """Scores and distances of the three strides come in order and agree within 1e-3."""
    session = _cached("nanodet")
    for index in range(3):
        image = (golden[f"image{index}_416x416_bgr"] - NANODET_MEAN) / NANODET_STD
        outputs = session.run(None, {"input_1": image.transpose(2, 0, 1)[None]})
        for scores, distances, cells in zip(
            outputs[:3], outputs[3:], (2704, 676, 169), strict=True
        ):
            expected = golden[f"nanodet{index}_dist_{cells}"]
            rounding = 2e-3 if expected.dtype == np.float16 else 0.0
            np.testing.assert_allclose(distances[0], expected, atol=1e-3 + rounding)
            person = golden[f"nanodet{index}_cls_person_{cells}"]
            np.testing.assert_allclose(scores[0, :, 0], person, atol=1e-3)


def _graph(nodes, weights, input_shape, output):
    """Return the JSON and the binary of a TFJS graph model; weights are float16 or int32."""
    consts = [{"name": name, "op": "Const"} for name in weights]
    sizes = [{"size": str(size)} for size in input_shape]
    placeholder = {
        "name": "x",
        "op": "Placeholder",
        "attr": {"dtype": {"type": "DT_FLOAT"}, "shape": {"shape": {"dim": sizes}}},
    }
    entries = []
    for name, array in weights.items():
        entry = {"name": name, "shape": list(array.shape), "dtype": "int32"}
        if array.dtype == np.float16:
            entry |= {"dtype": "float32", "quantization": {"dtype": "float16"}}
        entries.append(entry)
    tensor = {
        "name": f"{output}:0",
        "dtype": "DT_FLOAT",
        "tensorShape": {"dim": [{"size": "-1"}] * 4},
    }
    model = {
        "modelTopology": {"node": [*nodes, *consts, placeholder]},  # out of order on purpose
        "weightsManifest": [{"weights": entries}],
        "signature": {"outputs": {"y": tensor}},
    }
    return json.dumps(model).encode(), b"".join(array.tobytes() for array in weights.values())


def _node(name, op, inputs, **attributes):
    return {"name": name, "op": op, "input": inputs, "attr": attributes}


def _text(value):
    return {"s": base64.b64encode(value.encode()).decode()}


def _integers(*values):
    return {"list": {"i": [str(value) for value in values]}}


def _convolution(name, inputs):
    return _node(
        name,
        "_FusedConv2D",
        inputs,
        strides=_integers(1, 2, 2, 1),
        dilations=_integers(1, 1, 1, 1),
        padding=_text("SAME"),
        fused_ops={"list": {"s": [_text("BiasAdd")["s"], _text("Relu6")["s"]]}},
    )


def test_a_fused_convolution_pads_as_tensorflow_does():
    """SAME with stride 2 on an even size pads only below and to the right; bias, then Relu6."""
    weights = {"kernel": np.ones((3, 3, 1, 1), np.float16), "bias": np.float16([-1.0])}
    model = _graph([_convolution("y", ["x", "kernel", "bias"])], weights, (1, 4, 4, 1), "y")
    image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1) / 20
    (result,) = _session(to_onnx(*model)).run(None, {"x": image})
    padded = np.pad(image[0, :, :, 0], ((0, 1), (0, 1)))
    sums = [[padded[i : i + 3, j : j + 3].sum() - 1 for j in (0, 2)] for i in (0, 2)]
    np.testing.assert_allclose(result[0, :, :, 0], np.clip(sums, 0, 6), atol=1e-6)


def test_a_strided_slice_indexes_cuts_and_adds_axes():
    """x[:, 1, tf.newaxis, ::2] of [1, 4, 6, 1] is [1, 1, 3, 1]."""
    masks = {"begin_mask": 9, "end_mask": 9, "shrink_axis_mask": 2, "new_axis_mask": 4}
    attributes = {name: {"i": str(value)} for name, value in masks.items()}
    node = _node(
        "y", "StridedSlice", ["x", "from", "to", "step"], ellipsis_mask={"i": "0"}, **attributes
    )
    weights = {
        "from": np.int32([0, 1, 0, 0]),
        "to": np.int32([0, 2, 0, 0]),
        "step": np.int32([1, 1, 1, 2]),
    }
    model = _graph([node], weights, (1, 4, 6, 1), "y")
    image = np.arange(24, dtype=np.float32).reshape(1, 4, 6, 1)
    (result,) = _session(to_onnx(*model)).run(None, {"x": image})
    np.testing.assert_array_equal(result, image[:, 1, np.newaxis, ::2])


def test_a_fused_matrix_product_means_and_shares():
    """Relu(Mean(x) @ w + b), then Softmax, as numpy has it; transposed factors are refused."""
    flags = {"transpose_a": {"b": False}, "transpose_b": {"b": False}}
    fused = {"fused_ops": {"list": {"s": [_text("BiasAdd")["s"], _text("Relu")["s"]]}}}
    nodes = [
        _node("mean", "Mean", ["x", "axes"], keep_dims={"b": False}),
        _node("product", "_FusedMatMul", ["mean", "w", "bias"], **flags, **fused),
        _node("y", "Softmax", ["product"]),
    ]
    weights = {
        "axes": np.int32([1, 2]),
        "w": np.float16([[1, -2, 0.5], [0.25, 1, 3]]),
        "bias": np.float16([0.5, 0, -1]),
    }
    image = np.random.default_rng(0).normal(size=(1, 3, 5, 2)).astype(np.float32)
    (result,) = _session(to_onnx(*_graph(nodes, weights, image.shape, "y"))).run(None, {"x": image})
    product = np.maximum(image.mean((1, 2)) @ weights["w"].astype(np.float32) + weights["bias"], 0)
    expected = np.exp(product) / np.exp(product).sum()
    np.testing.assert_allclose(result, expected, atol=1e-5)
    nodes[1]["attr"]["transpose_b"] = {"b": True}
    with pytest.raises(ModelError, match="_FusedMatMul of transposed matrices"):
        to_onnx(*_graph(nodes, weights, image.shape, "y"))


def test_the_same_graph_gives_the_same_bytes():
    """So the registry can hold the sha256 of a converted model."""
    weights = {"kernel": np.ones((3, 3, 1, 1), np.float16), "bias": np.float16([-1.0])}
    model = _graph([_convolution("y", ["x", "kernel", "bias"])], weights, (1, 4, 4, 1), "y")
    assert to_onnx(*model) == to_onnx(*model)


def test_what_is_not_supported_is_named():
    """An unknown operation, and weights that do not fit the manifest, are errors of one line."""
    with pytest.raises(ModelError, match="operation Cumsum is unknown"):
        to_onnx(*_graph([_node("y", "Cumsum", ["x"])], {}, (1, 4, 4, 1), "y"))
    graph, weights = _graph([], {"w": np.float16([1.0])}, (1, 4, 4, 1), "x")
    with pytest.raises(ModelError, match="weights hold 3 bytes, the graph describes 2"):
        to_onnx(graph, weights + b"!")
