"""The TensorFlow operations that ``toolkit.adapters.tfjs`` knows, each as ONNX nodes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from toolkit.errors import ModelError

_TO_NCHW = (0, 3, 1, 2)
_TO_NHWC = (0, 2, 3, 1)
_SLICE_MASKS = ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
_TO_THE_END = 2**31 - 1

ONNX_TYPES = {
    "DT_FLOAT": TensorProto.FLOAT,
    "DT_INT32": TensorProto.INT64,
    "DT_INT64": TensorProto.INT64,
    "DT_BOOL": TensorProto.BOOL,
}

Array = NDArray[Any]


@dataclass(frozen=True)
class Node:
    """A TensorFlow node: its inputs are names of ONNX values, its attributes plain Python."""

    name: str
    op: str
    inputs: list[str]
    attributes: dict[str, Any]


@dataclass
class Builder:
    """The ONNX graph so far."""

    constants: dict[str, Array]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    transposed_from: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)

    def add(
        self,
        op: str,
        *inputs: str,
        count: int = 1,
        **attributes: Any,  # noqa: ANN401 - ONNX's own
    ) -> list[str]:
        """Append an ONNX node and return the names of its outputs."""
        index = len(self.nodes)
        outputs = [f"{op}_{index}_{output}" for output in range(count)]
        self.nodes.append(helper.make_node(op, inputs, outputs, **attributes))
        return outputs

    def constant(self, values: Any) -> str:  # noqa: ANN401 - anything numpy takes
        """Return the name of a new constant; integers become int64, other numbers float32."""
        array = np.asarray(values)
        kind = np.int64 if np.issubdtype(array.dtype, np.integer) else np.float32
        name = f"constant_{len(self.constants)}"
        self.constants[name] = array.astype(kind)
        return name

    def transpose(self, value: str, order: tuple[int, ...]) -> str:
        """Return ``value`` with its axes in ``order``; undoing a transpose adds no node."""
        if (value, order) not in self.transposed_from:
            (output,) = self.add("Transpose", value, perm=order)
            self.transposed_from[value, order] = output
            self.transposed_from[output, tuple(int(i) for i in np.argsort(order))] = value
        return self.transposed_from[value, order]

    def numbers(self, value: str) -> list[int]:
        """Return the integers of a constant.

        Raises:
            ModelError: the graph computes them, which this importer does not support.
        """
        if value not in self.constants:
            raise ModelError(f"cannot import the TFJS graph: '{value}' must be a constant")
        return [int(number) for number in self.constants[value].ravel()]


Importer = Callable[[Builder, Node], list[str]]
"""Appends the ONNX nodes of one TensorFlow node and returns the names of its outputs."""


def _same(onnx_op: str) -> Importer:
    """Import an operation that ONNX has under ``onnx_op`` with the same inputs."""
    return lambda builder, node: builder.add(onnx_op, *node.inputs)


def _cast(builder: Builder, node: Node) -> list[str]:
    return builder.add("Cast", node.inputs[0], to=ONNX_TYPES[node.attributes["DstT"]])


def _add(builder: Builder, node: Node) -> list[str]:
    """Add; a bias per colour is added where the convolution left its image, in [N, C, H, W]."""
    image = builder.transposed_from.get((node.inputs[0], _TO_NCHW))
    bias = builder.constants.get(node.inputs[1])
    if image is None or bias is None or bias.ndim != 1:
        return builder.add("Add", *node.inputs)
    (output,) = builder.add("Add", image, builder.constant(bias[None, :, None, None]))
    return [builder.transpose(output, _TO_NHWC)]


def _convolve(builder: Builder, node: Node) -> list[str]:
    """Conv2D, depthwise and fused: kernel HWIO, or HWCM where each channel has its own."""
    image, kernel, *bias = node.inputs
    kernel_HWIO = builder.constants[kernel]
    height, width, num_in, num_out = kernel_HWIO.shape
    depthwise = "Depthwise" in node.op
    if depthwise:
        kernel_HWIO = kernel_HWIO.reshape(height, width, 1, num_in * num_out)
    (output,) = builder.add(
        "Conv",
        builder.transpose(image, _TO_NCHW),
        builder.constant(kernel_HWIO.transpose(3, 2, 0, 1)),
        *bias,
        group=num_in if depthwise else 1,
        kernel_shape=[height, width],
        dilations=node.attributes["dilations"][1:3],
        **_window(node),
    )
    return [builder.transpose(_add_fused(builder, output, node), _TO_NHWC)]


def _multiply_matrices(builder: Builder, node: Node) -> list[str]:
    """Fused MatMul: [N, D] by [D, E], neither transposed, plus a bias."""
    *factors, bias = node.inputs
    if node.attributes["transpose_a"] or node.attributes["transpose_b"]:
        raise ModelError("cannot import the TFJS graph: _FusedMatMul of transposed matrices")
    (product,) = builder.add("MatMul", *factors)
    (output,) = builder.add("Add", product, bias)
    return [_add_fused(builder, output, node)]


def _add_fused(builder: Builder, output: str, node: Node) -> str:
    """Append what is fused into ``node`` after its bias."""
    for fused in node.attributes.get("fused_ops", []):
        if fused == "Relu":
            (output,) = builder.add("Relu", output)
        elif fused == "Relu6":
            (output,) = builder.add("Clip", output, builder.constant(0.0), builder.constant(6.0))
        elif fused != "BiasAdd":
            raise ModelError(f"cannot import the TFJS graph: fused operation {fused} is unknown")
    return output


def _max_pool(builder: Builder, node: Node) -> list[str]:
    image = builder.transpose(node.inputs[0], _TO_NCHW)
    window = _window(node)
    (output,) = builder.add("MaxPool", image, kernel_shape=node.attributes["ksize"][1:3], **window)
    return [builder.transpose(output, _TO_NHWC)]


def _window(node: Node) -> dict[str, Any]:
    window = {"strides": node.attributes["strides"][1:3]}
    return window | ({"auto_pad": "SAME_UPPER"} if node.attributes["padding"] == "SAME" else {})


def _resize(builder: Builder, node: Node) -> list[str]:
    if not node.attributes["half_pixel_centers"] or node.attributes["align_corners"]:
        raise ModelError("cannot import the TFJS graph: ResizeBilinear without half-pixel centres")
    image = builder.transpose(node.inputs[0], _TO_NCHW)
    (batch_and_colours,) = builder.add("Shape", image, start=0, end=2)
    (sizes,) = builder.add("Concat", batch_and_colours, node.inputs[1], axis=0)
    centres = "half_pixel"
    (output,) = builder.add(
        *("Resize", image, "", "", sizes), mode="linear", coordinate_transformation_mode=centres
    )
    return [builder.transpose(output, _TO_NHWC)]


def _strided_slice(builder: Builder, node: Node) -> list[str]:
    """Slice; then drop the axes that were indexed; then insert the new axes.

    Bit i of a mask speaks of entry i of begins, ends and steps; new axes consume no input axis.
    """
    value, *bounds = node.inputs
    begins, ends, steps = (builder.numbers(bound) for bound in bounds)
    mask = {name: node.attributes[f"{name}_mask"] for name in _SLICE_MASKS}
    slices: list[tuple[int, int, int, int]] = []
    dropped: list[int] = []
    inserted: list[int] = []
    axis = 0
    for index, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        bit = 1 << index
        if mask["ellipsis"] & bit or step < 0:
            raise ModelError(
                "cannot import the TFJS graph: StridedSlice with ellipsis or backwards"
            )
        if mask["new_axis"] & bit:
            inserted.append(axis - len(dropped) + len(inserted))
            continue
        if mask["shrink_axis"] & bit:
            slices.append((begin, begin + 1 or _TO_THE_END, axis, 1))
            dropped.append(axis)
        else:
            first = 0 if mask["begin"] & bit else begin
            last = _TO_THE_END if mask["end"] & bit else end
            slices.append((first, last, axis, step))
        axis += 1
    slices = [cut for cut in slices if cut[:2] != (0, _TO_THE_END) or cut[3] != 1]
    if slices:
        columns = zip(*slices, strict=True)
        (value,) = builder.add("Slice", value, *(builder.constant(column) for column in columns))
    if dropped:
        (value,) = builder.add("Squeeze", value, builder.constant(dropped))
    if inserted:
        (value,) = builder.add("Unsqueeze", value, builder.constant(inserted))
    return [value]


def _expand_dims(builder: Builder, node: Node) -> list[str]:
    axis = builder.constant(builder.numbers(node.inputs[1]))
    return builder.add("Unsqueeze", node.inputs[0], axis)


def _squeeze(builder: Builder, node: Node) -> list[str]:
    axes = builder.constant(node.attributes["squeeze_dims"])
    return builder.add("Squeeze", node.inputs[0], axes)


def _pack(builder: Builder, node: Node) -> list[str]:
    axis = node.attributes["axis"]
    axes = builder.constant([axis])
    parts = [builder.add("Unsqueeze", value, axes)[0] for value in node.inputs]
    return builder.add("Concat", *parts, axis=axis)


def _unpack(builder: Builder, node: Node) -> list[str]:
    value, axis = node.inputs[0], node.attributes["axis"]
    indices = range(node.attributes["num"])
    return [builder.add("Gather", value, builder.constant(i), axis=axis)[0] for i in indices]


def _concat(builder: Builder, node: Node) -> list[str]:
    *values, axis = node.inputs
    return builder.add("Concat", *values, axis=builder.numbers(axis)[0])


def _split(builder: Builder, node: Node) -> list[str]:
    axis, value = node.inputs
    count = node.attributes["num_split"]
    (number,) = builder.numbers(axis)
    return builder.add("Split", value, count=count, num_outputs=count, axis=number)


def _split_sizes(builder: Builder, node: Node) -> list[str]:
    value, sizes, axis = node.inputs
    (number,) = builder.numbers(axis)
    return builder.add("Split", value, sizes, count=node.attributes["num_split"], axis=number)


def _reduce(onnx_op: str) -> Importer:
    def reduce(builder: Builder, node: Node) -> list[str]:
        axes = builder.constant(builder.numbers(node.inputs[1]))
        keep = int(node.attributes["keep_dims"])
        return builder.add(onnx_op, node.inputs[0], axes, keepdims=keep)

    return reduce


def _arg_max(builder: Builder, node: Node) -> list[str]:
    (axis,) = builder.numbers(node.inputs[1])
    return builder.add("ArgMax", node.inputs[0], axis=axis, keepdims=0)


def _top_k(builder: Builder, node: Node) -> list[str]:
    (num_largest,) = builder.add("Reshape", node.inputs[1], builder.constant([1]))
    return builder.add("TopK", node.inputs[0], num_largest, count=2)


def _pad(builder: Builder, node: Node) -> list[str]:
    value, pads, *fill = node.inputs
    before_and_after = builder.constants[pads].T.ravel()
    return builder.add("Pad", value, builder.constant(before_and_after), *fill)


def _transpose(builder: Builder, node: Node) -> list[str]:
    value, order = node.inputs
    return [builder.transpose(value, tuple(builder.numbers(order)))]


def _fill(builder: Builder, node: Node) -> list[str]:
    shape, value = node.inputs
    return builder.add("Expand", value, shape)


def _sparse_to_dense(builder: Builder, node: Node) -> list[str]:
    indices, shape, values, default = node.inputs
    (dense,) = builder.add("Expand", default, shape)
    return builder.add("ScatterND", dense, indices, values)


def _squared_difference(builder: Builder, node: Node) -> list[str]:
    (difference,) = builder.add("Sub", *node.inputs)
    return builder.add("Mul", difference, difference)


def _leaky_relu(builder: Builder, node: Node) -> list[str]:
    return builder.add("LeakyRelu", node.inputs[0], alpha=float(node.attributes["alpha"]))


_SAME_NAME = (
    *("Abs", "Equal", "Exp", "Greater", "Identity", "Less", "Mul", "Range", "Reciprocal"),
    *("Relu", "Reshape", "Shape", "Sigmoid", "Size", "Softmax", "Sub", "Tile"),
)

IMPORTERS: dict[str, Importer] = {name: _same(name) for name in _SAME_NAME} | {
    "Add": _add,
    "AddN": _same("Sum"),
    "AddV2": _add,
    "ArgMax": _arg_max,
    "Cast": _cast,
    "ConcatV2": _concat,
    "Conv2D": _convolve,
    "DepthwiseConv2dNative": _convolve,
    "ExpandDims": _expand_dims,
    "Fill": _fill,
    "FloorDiv": _same("Div"),  # of sizes and indices, which are never negative
    "FusedDepthwiseConv2dNative": _convolve,
    "GatherNd": _same("GatherND"),
    "GreaterEqual": _same("GreaterOrEqual"),
    "LeakyRelu": _leaky_relu,
    "LogicalAnd": _same("And"),
    "Max": _reduce("ReduceMax"),
    "MaxPool": _max_pool,
    "Maximum": _same("Max"),
    "Mean": _reduce("ReduceMean"),
    "Minimum": _same("Min"),
    "Pack": _pack,
    "Pad": _pad,
    "PadV2": _pad,
    "RealDiv": _same("Div"),
    "ResizeBilinear": _resize,
    "Select": _same("Where"),
    "SparseToDense": _sparse_to_dense,
    "Split": _split,
    "SplitV": _split_sizes,
    "SquaredDifference": _squared_difference,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Sum": _reduce("ReduceSum"),
    "TopKV2": _top_k,
    "Transpose": _transpose,
    "Unpack": _unpack,
    "_FusedConv2D": _convolve,
    "_FusedMatMul": _multiply_matrices,
}
