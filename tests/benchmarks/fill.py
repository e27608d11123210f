"""Weights and inputs of the golden outputs, by the recipe of their README: name and salt decide."""

import hashlib

import torch
from torch import Tensor, nn


def _seeded(tag: str) -> torch.Generator:
    seed = int(hashlib.sha256(tag.encode()).hexdigest()[:16], 16) % 2**63
    return torch.Generator().manual_seed(seed)


def fill_weights(model: nn.Module, salt: str) -> None:
    """Draw every parameter from its official name."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            drawn = torch.randn(tensor.shape, generator=_seeded(f"{salt}:{name}"))
            if tensor.ndim > 1:
                tensor.copy_(drawn * tensor.shape[1:].numel() ** -0.5)
            else:
                tensor.copy_(name.endswith("weight") + 0.02 * drawn)


def draw_noise(name: str, shape: tuple[int, ...], salt: str) -> Tensor:
    """Return an input, drawn from its name."""
    return torch.randn(shape, generator=_seeded(f"{salt}:input:{name}"))


def draw_places(num_places: int, num_masked: int, sample: int, salt: str) -> Tensor:
    """Return which places a sample masks in every frame."""
    generator = _seeded(f"{salt}:input:videomae_mask:{sample}")
    return torch.randperm(num_places, generator=generator)[:num_masked]
