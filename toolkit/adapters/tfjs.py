"""Importer of TensorFlow.js graph models: GraphDef JSON and weights in, ONNX out.

It knows the operations that MoveNet MultiPose, NanoDet and FaceRes use; another graph may need more
entries in ``tfjs_operations``. Three decisions keep it small: every integer is int64, as ONNX wants
shapes and indices; images stay [N, H, W, C] and only convolution, pooling and resizing see [N, C,
H, W], with transposes that meet their inverse left out; what TensorFlow computes of shapes is
computed by ONNX too, so that dynamic sizes stay dynamic. The same input gives the same bytes.
"""

import base64
import json
from collections.abc import Sequence
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from toolkit.adapters.tfjs_operations import IMPORTERS, ONNX_TYPES, Array, Builder, Node
from toolkit.errors import ModelError

_OPSET = 18
_IR_VERSION = 9


def to_onnx(model_json: bytes, weights: bytes) -> bytes:
    """Return the ONNX model of a TFJS graph model.

    Args:
        model_json: ``model.json``: topology, weights manifest and signature.
        weights: the binary weights, all shards of the manifest joined.

    Raises:
        ModelError: the graph has an operation or a form of one that is not supported.
    """
    model = json.loads(model_json)
    tf_nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
    builder = Builder(_read_weights(model["weightsManifest"], weights))
    outputs_of = {name: [name] for name in builder.constants}
    graph_inputs = []
    for name in _in_order(tf_nodes):
        tf_node = tf_nodes[name]
        if tf_node["op"] == "Placeholder":
            graph_inputs.append(_graph_input(tf_node))
            outputs_of[name] = [builder.add("Cast", name, to=_type_of(tf_node))[0]]
        elif tf_node["op"] != "Const":
            inputs = [_value(outputs_of, tensor) for tensor in tf_node.get("input", [])]
            node = Node(name, tf_node["op"], inputs, _attributes(tf_node))
            if node.op not in IMPORTERS:
                raise ModelError(f"cannot import the TFJS graph: operation {node.op} is unknown")
            outputs_of[name] = IMPORTERS[node.op](builder, node)
    graph_outputs = _graph_outputs(builder, model["signature"]["outputs"], outputs_of)
    return _serialise(builder, graph_inputs, graph_outputs)


def _read_weights(manifest: Sequence[dict[str, Any]], data: bytes) -> dict[str, Array]:
    constants: dict[str, Array] = {}
    offset = 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        stored = np.dtype(entry.get("quantization", {}).get("dtype", entry["dtype"]))
        count = int(np.prod(entry["shape"]))
        array = np.frombuffer(data, stored.newbyteorder("<"), count, offset)
        offset += count * stored.itemsize
        kind = np.int64 if stored.kind == "i" else np.float32
        constants[entry["name"]] = array.reshape(entry["shape"]).astype(kind)
    if offset != len(data):
        raise ModelError(f"TFJS weights hold {len(data)} bytes, the graph describes {offset}")
    return constants


def _in_order(tf_nodes: dict[str, Any]) -> list[str]:
    """Return the node names so that every node comes after its inputs."""
    sources = {
        name: [tensor.lstrip("^").split(":")[0] for tensor in node.get("input", [])]
        for name, node in tf_nodes.items()
    }
    return list(TopologicalSorter(sources).static_order())


def _value(outputs_of: dict[str, list[str]], tensor: str) -> str:
    name, _, index = tensor.partition(":")
    return outputs_of[name][int(index or 0)]


def _attributes(tf_node: dict[str, Any]) -> dict[str, Any]:
    def plain(value: dict[str, Any]) -> Any:  # noqa: ANN401 - what JSON holds
        kind, content = next(iter(value.items()))
        if kind == "s":
            return base64.b64decode(content).decode()
        if kind == "i":
            return int(content)
        if kind == "list":
            return [plain({key: item}) for key, items in content.items() for item in items]
        return content

    return {name: plain(value) for name, value in tf_node.get("attr", {}).items()}


def _type_of(tf_node: dict[str, Any]) -> int:
    return ONNX_TYPES[tf_node["attr"]["dtype"]["type"]]


def _graph_input(tf_node: dict[str, Any]) -> onnx.ValueInfoProto:
    """Return the input as the signature has it: int32 stays int32, unknown sizes get names."""
    sizes = [int(dim["size"]) for dim in tf_node["attr"]["shape"]["shape"]["dim"]]
    shape = [size if size >= 0 else f"size_{axis}" for axis, size in enumerate(sizes)]
    integer = _type_of(tf_node) == TensorProto.INT64
    kind = TensorProto.INT32 if integer else TensorProto.FLOAT
    return helper.make_tensor_value_info(tf_node["name"], kind, shape)


def _graph_outputs(
    builder: Builder, signature: dict[str, Any], outputs_of: dict[str, list[str]]
) -> list[onnx.ValueInfoProto]:
    """Name the outputs after their nodes, in the order of the names."""
    infos = []
    for output in sorted(signature.values(), key=lambda output: str(output["name"])):
        name = output["name"].split(":")[0]
        value = _value(outputs_of, output["name"])
        builder.nodes.append(helper.make_node("Identity", [value], [name]))
        shape = [int(dim["size"]) for dim in output["tensorShape"]["dim"]]
        infos.append(helper.make_tensor_value_info(name, ONNX_TYPES[output["dtype"]], shape))
    return infos


def _serialise(
    builder: Builder,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
) -> bytes:
    nodes: list[onnx.NodeProto] = []
    used = dict.fromkeys(output.name for output in outputs)
    for node in reversed(builder.nodes):  # transposes that were undone lead nowhere
        if any(value in used for value in node.output):
            nodes.insert(0, node)
            used |= dict.fromkeys(node.input)
    constants = builder.constants
    weights = [
        numpy_helper.from_array(constants[value], value) for value in used if value in constants
    ]
    graph = helper.make_graph(nodes, "tfjs", inputs, outputs, weights)
    opset = helper.make_opsetid("", _OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
