"""The official weights of OSX."""

import re
from pathlib import Path
from typing import Any

import torch

from toolkit.adapters.checkpoint import load_weights, read_checkpoint
from toolkit.adapters.osx.network import FULL, NO_DECODER, NO_FACE_DECODER, OSX
from toolkit.errors import ModelError

_RENAMED = {
    "backbone.": "encoder.",
    "body_rotation_net.": "body_regressor.",
    "hand_rotation_net.": "hand_regressor.",
}
_UNUSED = re.compile(
    r"smplx_layer\.|(hand|face)_decoder\.(backbone\.|keypoint_head\."
    r"(enc_flow|dec_flow|fc_|transformer\.(pos_trans|fc_)))"
)
"""Entries that no pose depends on: the body model, and what only training asks for."""


def load_network(path: Path) -> OSX:
    """Return the network of a file of weights, whose keys tell variant and width.

    Raises:
        ModelError: the file is of no variant, or not complete: names the first keys.
    """
    content = read_checkpoint(path)
    weights = content.get("network") if isinstance(content, dict) else None
    if not isinstance(weights, dict):
        raise ModelError(f"{path} holds no weights of OSX: it has no entry 'network'")
    weights = {_name(key): entry for key, entry in weights.items()}
    weights = {key: entry for key, entry in weights.items() if not _UNUSED.match(key)}
    variant, width = _tell_variant(weights), _tell_width(weights)
    if width is None:
        raise ModelError(
            f"{path} holds no weights of OSX: encoder.pos_embed is not that of ViT-L or ViT-B"
        )
    with torch.device("meta"):
        empty = OSX(variant, width)
    model = empty.to_empty(device="cpu")
    load_weights(model, weights, f"{path} as OSX {variant}, {width} wide")
    return model.eval().requires_grad_(requires_grad=False)


def _name(key: str) -> str:
    key = key.removeprefix("module.")
    for old, new in _RENAMED.items():
        if key.startswith(old):
            return new + key.removeprefix(old)
    return key


def _tell_variant(weights: dict[str, Any]) -> str:
    parts = {key.split(".")[0] for key in weights}
    if "face_decoder" in parts:
        return FULL
    return NO_FACE_DECODER if "hand_decoder" in parts else NO_DECODER


def _tell_width(weights: dict[str, Any]) -> int | None:
    shape = tuple(getattr(weights.get("encoder.pos_embed"), "shape", ()))
    return shape[2] if shape in {(1, 193, 1024), (1, 193, 768)} else None
