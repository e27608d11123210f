"""Outputs of the official models for weights and inputs that a salt and a name decide.

The recipe is that of the README beside them. The same recipe with a salt of our own makes the few
numbers of ``tests/adapters/numbers.json``, for machines without the stored outputs.
"""

import fnmatch
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from toolkit.m2m.types import Array

_NUMBERS = Path(__file__).parent / "adapters" / "numbers.json"


def read_golden(folder: Path, name: str, salt: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what is said of a model, and its arrays; skips where they are of another salt."""
    about = json.loads((folder / f"{name}.json").read_text("utf-8"))
    if about["salt"] != salt:
        pytest.skip(f"no outputs of {name} are stored for the salt {salt!r}: name them by --golden")
    return about, dict(np.load(folder / f"{name}.npz"))


def seeded(tag: str) -> torch.Generator:
    """Return a source of chance that ``tag`` decides."""
    seed = int(hashlib.sha256(tag.encode()).hexdigest()[:16], 16) % 2**63
    return torch.Generator().manual_seed(seed)


def draw_weights(key: str, shape: tuple[int, ...], salt: str) -> Tensor:
    """Return the entry ``key`` of a network's weights."""
    if key.endswith("running_var"):
        return 1 + 0.1 * torch.rand(shape, generator=seeded(f"{salt}:{key}"))
    drawn = torch.randn(shape, generator=seeded(f"{salt}:{key}"))
    if key.endswith("running_mean"):
        return 0.02 * drawn
    if len(shape) >= 2:
        return drawn * torch.Size(shape[1:]).numel() ** -0.5
    return 1 + 0.02 * drawn if len(shape) == 1 and key.endswith("weight") else 0.02 * drawn


def fill_weights(
    module: nn.Module,
    salt: str,
    constant: tuple[str, ...] = (),
    override: list[tuple[str, str, float]] | None = None,
) -> None:
    """Draw every float entry that no pattern in ``constant`` names, then change some by rules."""
    with torch.no_grad():
        for key, entry in module.state_dict().items():
            if entry.is_floating_point() and not any(fnmatch.fnmatchcase(key, p) for p in constant):
                entry.copy_(draw_weights(key, tuple(entry.shape), salt))
            for pattern, operation, number in override or []:
                if fnmatch.fnmatchcase(key, pattern):
                    getattr(entry, f"{operation}_")(number)


def draw_noise(name: str, shape: tuple[int, ...], salt: str, kind: str = "randn") -> Tensor:
    """Return an input of noise."""
    drawn: Tensor = getattr(torch, kind)(shape, generator=seeded(f"{salt}:input:{name}"))
    return drawn


def draw_clip(
    name: str, size_THW: tuple[int, int, int], salt: str, dx: int = 5, dy: int = 2, cell: int = 6
) -> Array:
    """Return frames [T, H, W, 3] uint8: coloured blocks that move by (dx, dy) px a frame."""
    num_frames, height, width = size_THW
    shape = (-(-height // cell), -(-width // cell), 3)
    blocks = torch.randint(0, 256, shape, generator=seeded(f"{salt}:input:{name}"))
    blocks = blocks.repeat_interleave(cell, 0).repeat_interleave(cell, 1)[:height, :width]
    moved = [blocks.roll((i * dy, i * dx), (0, 1)) for i in range(num_frames)]
    return torch.stack(moved).to(torch.uint8).numpy()


def box_masks(num_frames: int, height: int, width: int) -> Array:
    """Return masks [T, H, W] uint8 0/1: a box that moves 4 px to the right a frame."""
    masks = np.zeros((num_frames, height, width), np.uint8)
    for i, mask_HW in enumerate(masks):
        left = width // 4 + 4 * i
        mask_HW[height // 3 : height // 3 + height // 4, left : left + width // 6] = 1
    return masks


def strided(about: dict[str, Any], name: str, output: Tensor) -> Tensor:
    """Return the values of an output that are stored as the array ``name``: every so many."""
    facts = about["arrays"][name]
    [step] = re.findall(r"flatten\(\)\[::(\d+)\]", facts.get("stored") or facts["what"])
    return output.flatten()[:: int(step)]


def distance(ours: Tensor | Array, theirs: Tensor | Array) -> float:
    """Return the greatest difference."""
    ours, theirs = torch.as_tensor(ours).double(), torch.as_tensor(theirs).double()
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max())


def compare_numbers(name: str, ours: Tensor, tolerance: float) -> None:
    """Compare 64 numbers of an output with the stored ones; M2M_WRITE_NUMBERS=1 stores them."""
    flat = ours.flatten()
    few = flat[:: max(1, len(flat) // 64)][:64].tolist()
    stored = json.loads(_NUMBERS.read_text("utf-8")) if _NUMBERS.is_file() else {}
    if os.environ.get("M2M_WRITE_NUMBERS"):
        stored[name] = [float(f"{number:.6g}") for number in few]
        lines = (f' "{key}": {json.dumps(numbers)}' for key, numbers in sorted(stored.items()))
        _NUMBERS.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    assert distance(torch.tensor(few), torch.tensor(stored[name])) < tolerance
