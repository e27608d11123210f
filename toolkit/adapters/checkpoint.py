"""What all PyTorch networks share: where they run, and how their weights come in.

Weights are read without running code, and put in place by key or refused.
"""

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from toolkit.errors import BackendError, ModelError

_NUM_NAMED = 3


def pick_device() -> torch.device:
    """Return the graphics card where there is one, else the processor, with one thread.

    One thread gives the same numbers on any machine; clips run side by side.
    """
    torch.set_num_threads(1)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def report_lack_of_memory(network: str, remedy: str = "") -> Iterator[None]:
    """Run a network; where the graphics card's memory does not do, say so in one line.

    Args:
        network: its name and what it is busy with, for the message.
        remedy: what else helps, before the last resort.

    Raises:
        BackendError: PyTorch ran out of memory.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise BackendError(
            f"the graphics card has too little memory for {network}: {remedy}set "
            "CUDA_VISIBLE_DEVICES= to use the processor"
        ) from error


def read_checkpoint(path: Path) -> Any:  # noqa: ANN401 - as saved
    """Return what ``torch.save`` wrote; only tensors and plain containers are accepted.

    Raises:
        ModelError: the file is not there, or is anything else.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: give the file of weights") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ModelError(
            f"{path} is no file of PyTorch weights that can be read safely ({reason}): "
            "download it again"
        ) from error


def load_weights(module: nn.Module, weights: Mapping[str, Any], what: str) -> None:
    """Put ``weights`` into ``module``; every entry must be there in its shape, and no other.

    Args:
        module: takes the weights.
        weights: key of an entry to a tensor.
        what: the file and the network, for the message.

    Raises:
        ModelError: names the first entries that are missing, too many, or of another shape.
    """
    expected = module.state_dict()
    missing = [key for key in expected if key not in weights]
    unknown = [key for key in weights if key not in expected]
    misshapen = [
        key for key in expected if key in weights and _shape(weights[key]) != _shape(expected[key])
    ]
    for fault, keys in (
        (f"lacks {len(missing)} of {len(expected)} entries", missing),
        (f"holds {len(unknown)} more than the {len(expected)} entries", unknown),
        (f"has in another shape {len(misshapen)} of {len(expected)} entries", misshapen),
    ):
        if keys:
            named = ", ".join([*keys[:_NUM_NAMED], *["..."] * (len(keys) > _NUM_NAMED)])
            raise ModelError(f"{what}: the file {fault} ({named}): give the official one, complete")
    module.load_state_dict({key: weights[key] for key in expected})


def _shape(entry: object) -> tuple[int, ...] | None:
    return tuple(entry.shape) if isinstance(entry, Tensor) else None
