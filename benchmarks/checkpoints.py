"""Weights of VideoMAE in files: ours, the official ones, and those of transformers, both ways.

In memory weights have the official names, which are those of ``benchmarks.videomae``. Loading is
strict: a name too many, one too few or another shape is an error. Files are not trusted: pickles
are read as tensors only.

``python -m benchmarks.checkpoints SOURCE FOLDER`` writes what transformers' ``from_pretrained``
reads.
"""

import argparse
import json
import pickle
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmarks.videomae import Classifier, Size, VideoMAE
from toolkit.errors import InputError, ToolkitError
from toolkit.files import check_source, make_folder, write_output

State = dict[str, Tensor]

_OURS = "m2m-videomae"  # the key of our metadata
_PATCHES = "embeddings.patch_embeddings.projection."
# What a name begins with: official, transformers.
_PRETRAINING = (
    ("encoder.patch_embed.proj.", f"videomae.{_PATCHES}"),
    ("encoder.blocks.", "videomae.encoder.layer."),
    ("encoder.norm.", "videomae.layernorm."),
    ("decoder.blocks.", "decoder.decoder_layers."),
)
_CLASSIFIER = (
    ("patch_embed.proj.", f"videomae.{_PATCHES}"),
    ("blocks.", "videomae.encoder.layer."),
    ("head.", "classifier."),
)
# What a name in a block begins with. Files of transformers name biases of queries and values so in
# all versions; in memory version 5 calls them query.bias and value.bias.
_BLOCK = (
    ("norm1.", "layernorm_before."),
    ("norm2.", "layernorm_after."),
    ("attn.proj.", "attention.output.dense."),
    ("attn.q_bias", "attention.attention.q_bias"),
    ("attn.v_bias", "attention.attention.v_bias"),
    ("attn.q_bias", "attention.attention.query.bias"),
    ("attn.v_bias", "attention.attention.value.bias"),
    ("mlp.fc1.", "intermediate.dense."),
    ("mlp.fc2.", "output.dense."),
)
_QKV = "attn.qkv.weight"
_PARTS = tuple(f"attention.attention.{part}.weight" for part in ("query", "key", "value"))
_NUMBERED = re.compile(r"(.*?(?:blocks|layer|decoder_layers)\.\d+\.)(.*)")


class CheckpointError(InputError):
    """A file does not hold the weights that are asked of it."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights by their official names.

    Attributes:
        facts: what our own files say of them, such as ``size``; empty in others.
    """

    path: Path
    state: State
    facts: Mapping[str, Any]

    @property
    def size(self) -> Size:
        """The size of the model.

        Raises:
            CheckpointError: the file is none of ours and does not say.
        """
        try:
            return Size(**self.facts["size"])
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"{self.path} does not say how large its model is: name a file that "
                "benchmarks.train wrote"
            ) from error


def read_checkpoint(path: Path) -> Checkpoint:
    """Read weights from a file, or from a folder of transformers.

    Args:
        path: ``.safetensors``, or a pickle of PyTorch (``.pth``, ``.pt``, ``.bin``).

    Raises:
        CheckpointError: it holds something else.
    """
    if path.is_dir():
        names = ("model.safetensors", "pytorch_model.bin")
        path = next((path / name for name in names if (path / name).is_file()), path)
    check_source(path)
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    return Checkpoint(path, from_transformers(state), read_facts(path))


def read_facts(path: Path) -> dict[str, Any]:
    """Return what a file of ours says of its weights, without reading them; others say nothing.

    Raises:
        CheckpointError: it is no safetensors file, though it is called so.
    """
    check_source(path)
    if path.suffix != ".safetensors":
        return {}
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {}).get(_OURS, "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is no safetensors file ({error}): fetch it again") from error
    return facts if isinstance(facts, dict) else {}


def _read_safetensors(path: Path) -> State:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is no safetensors file ({error}): fetch it again") from error


def _read_pickle(path: Path) -> State:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # official files hold options
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path} cannot be read as weights alone ({reason}): name a checkpoint of PyTorch, or "
            "convert it to safetensors where you trust it"
        ) from error
    for wrapper in ("model", "module"):
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    is_state = isinstance(content, dict) and all(isinstance(v, Tensor) for v in content.values())
    if not is_state or not content:
        raise CheckpointError(
            f"{path} holds no weights under 'model', 'module' or at its top: name a checkpoint"
        )
    return {str(name): tensor for name, tensor in content.items()}


def from_transformers(state: Mapping[str, Tensor]) -> State:
    """Return weights by their official names; those that have them already stay as they are."""
    if not any(name.startswith("videomae.") for name in state):
        return dict(state)
    names = _PRETRAINING if "mask_token" in state else _CLASSIFIER
    official: State = {}
    parts: dict[str, State] = {}  # queries, keys and values of each block
    for name, tensor in state.items():
        prefix, inner = _split(_replace(name, names, old=1))
        if inner in _PARTS:
            parts.setdefault(prefix, {})[inner] = tensor
        else:
            official[prefix + (_replace(inner, _BLOCK, old=1) if prefix else inner)] = tensor
    for prefix, found in parts.items():
        if set(found) == set(_PARTS) and len({part.shape for part in found.values()}) == 1:
            official[prefix + _QKV] = torch.cat([found[part] for part in _PARTS])
        else:  # loading will name them
            official |= {prefix + inner: tensor for inner, tensor in found.items()}
    return official


def to_transformers(state: Mapping[str, Tensor]) -> State:
    """Return weights by the names that files of transformers have."""
    names = _PRETRAINING if "mask_token" in state else _CLASSIFIER
    renamed: State = {}
    for name, tensor in state.items():
        prefix, inner = _split(_replace(name, names, old=0))
        if inner == _QKV:
            for part, rows_DD in zip(_PARTS, tensor.chunk(3), strict=True):
                renamed[prefix + part] = rows_DD.clone()
        else:
            renamed[prefix + (_replace(inner, _BLOCK, old=0) if prefix else inner)] = tensor
    return renamed


def _split(name: str) -> tuple[str, str]:
    """Return what a name begins with up to the number of its block, and the rest."""
    match = _NUMBERED.fullmatch(name)
    return (match[1], match[2]) if match else ("", name)


def _replace(name: str, pairs: tuple[tuple[str, str], ...], *, old: int) -> str:
    """Change the beginning of a name from one column of ``pairs`` to the other."""
    for pair in pairs:
        if name.startswith(pair[old]):
            return pair[1 - old] + name.removeprefix(pair[old])
    return name


def load_all(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Load every weight of a model.

    Raises:
        CheckpointError: names or shapes are not those of the model.
    """
    _load(model, checkpoint.state, set(model.state_dict()), checkpoint.path)


def load_trunk(model: Classifier, checkpoint: Checkpoint) -> None:
    """Load what is below the head, from pre-training or from a classifier.

    Pre-training has no norm on the mean of tokens; that of the model stays as it is then. The norm
    at the end of its encoder is left out, as officially.

    Raises:
        CheckpointError: names or shapes are not those of the trunk.
    """
    state, expected = checkpoint.state, set(model.state_dict())
    expected -= {name for name in expected if name.startswith("head.")}
    if "mask_token" in state:
        left_out = ("encoder.norm.",)
        state = {
            name.removeprefix("encoder."): tensor
            for name, tensor in state.items()
            if name.startswith("encoder.") and not name.startswith(left_out)
        }
        expected -= {name for name in expected if name.startswith("fc_norm.")}
    else:
        state = {name: tensor for name, tensor in state.items() if not name.startswith("head.")}
    _load(model, state, expected, checkpoint.path)


def _load(model: nn.Module, state: State, expected: set[str], path: Path) -> None:
    own = model.state_dict()
    missing, unexpected = sorted(expected - set(state)), sorted(set(state) - expected)
    shapes = [
        f"{name} is {tuple(state[name].shape)}, not {tuple(own[name].shape)}"
        for name in sorted(expected & set(state))
        if state[name].shape != own[name].shape
    ]
    faults = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for what, names in (("missing", missing), ("unknown", unexpected), ("misshapen", shapes))
        if names
    ]
    if faults:
        raise CheckpointError(
            f"{path} does not fit this {type(model).__name__}: {'; '.join(faults)}: name the "
            "weights of such a model, or a recipe of their size"
        )
    model.load_state_dict(state, strict=False)


def save_weights(path: Path, model: VideoMAE | Classifier, **facts: object) -> None:
    """Write the weights of a model as safetensors, with its size and whatever else is told."""
    known = {"size": asdict(model.size), "kind": type(model).__name__, **facts}
    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()
    }
    with write_output(path) as partial:
        save_file(state, partial, {_OURS: json.dumps(known, sort_keys=True)})


def write_transformers(checkpoint: Checkpoint, folder: Path) -> None:
    """Write a folder that transformers' ``from_pretrained`` reads.

    Raises:
        CheckpointError: the file is none of ours, so that nothing says how large the model is.
    """
    size, is_pretraining = checkpoint.size, "mask_token" in checkpoint.state
    config: dict[str, object] = {
        "architectures": [
            "VideoMAEForPreTraining" if is_pretraining else "VideoMAEForVideoClassification"
        ],
        "model_type": "videomae",
        "decoder_hidden_size": size.decoder_dim,
        "decoder_intermediate_size": 4 * size.decoder_dim,
        "decoder_num_attention_heads": size.decoder_num_heads,
        "decoder_num_hidden_layers": size.decoder_depth,
        "hidden_size": size.dim,
        "intermediate_size": 4 * size.dim,
        "image_size": size.side_px,
        "layer_norm_eps": 1e-6,
        "norm_pix_loss": True,
        "num_attention_heads": size.num_heads,
        "num_frames": size.num_frames,
        "num_hidden_layers": size.depth,
        "patch_size": size.patch_px,
        "qv_bias": True,
        "tubelet_size": size.tubelet,
        "use_mean_pooling": not is_pretraining,  # it would drop the norm of the encoder
    }
    if not is_pretraining:
        num_classes = len(checkpoint.state["head.bias"])
        config["id2label"] = {str(cls): f"LABEL_{cls}" for cls in range(num_classes)}
        config["label2id"] = {f"LABEL_{cls}": cls for cls in range(num_classes)}
    make_folder(folder)
    with write_output(folder / "model.safetensors") as partial:
        save_file(to_transformers(checkpoint.state), partial, {"format": "pt"})
    with write_output(folder / "config.json") as partial:
        partial.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def main() -> None:
    """Convert what the command line names."""
    parser = argparse.ArgumentParser(description="Write weights as transformers reads them.")
    parser.add_argument("source", type=Path, help="a file that benchmarks.train wrote")
    parser.add_argument("folder", type=Path, help="what from_pretrained is to read")
    options = parser.parse_args()
    write_transformers(read_checkpoint(options.source), options.folder)


if __name__ == "__main__":
    try:
        main()
    except ToolkitError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
