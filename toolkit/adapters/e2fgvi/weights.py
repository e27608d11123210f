"""The official weights of E2FGVI and E2FGVI-HQ."""

from pathlib import Path

import torch
from torch import nn

from toolkit.adapters.checkpoint import load_weights, read_checkpoint
from toolkit.adapters.e2fgvi.network import E2FGVI
from toolkit.errors import ModelError


def load_network(path: Path) -> E2FGVI:
    """Return the network of a file of weights, which tells by its keys which variant it is.

    Raises:
        ModelError: the file is of neither variant, or not complete: names the first keys.
    """
    weights = read_checkpoint(path)
    if not isinstance(weights, dict) or not {"sc.bias", "sc.bias_conv.bias"} & weights.keys():
        raise ModelError(
            f"{path} holds no weights of E2FGVI: it has neither sc.bias (E2FGVI) nor "
            "sc.bias_conv.bias (E2FGVI-HQ): give the official file"
        )
    is_hq = "sc.bias_conv.bias" in weights
    with torch.device("meta"):
        empty = E2FGVI(is_hq=is_hq)
    model = empty.to_empty(device="cpu")
    load_weights(model, weights, f"{path} as {'E2FGVI-HQ' if is_hq else 'E2FGVI'}")
    return prepare(model)


def prepare(model: E2FGVI) -> E2FGVI:
    """Return the network ready to run: no training, and laid out as convolutions like it."""
    model.eval().requires_grad_(requires_grad=False)
    for part in model.modules():
        if isinstance(part, nn.Conv2d):
            part.to(memory_format=torch.channels_last)
    return model
