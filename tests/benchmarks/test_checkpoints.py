"""Weights in files: ours, official, of transformers; and files that are something else."""

import argparse
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("timm", reason="needs the extra train")

import torch
from safetensors.torch import load_file, save_file

from benchmarks.checkpoints import (
    CheckpointError,
    from_transformers,
    load_all,
    load_trunk,
    read_checkpoint,
    save_weights,
    to_transformers,
    write_transformers,
)
from benchmarks.videomae import TINY, VITB, Classifier, VideoMAE
from tests.benchmarks.fill import fill_weights


def make_pretrained() -> VideoMAE:
    """Return a model none of whose weights is as it was initialised."""
    model = VideoMAE(TINY)
    fill_weights(model, "test")
    return model


def assert_equal(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    """Same names, same bits."""
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_names_are_the_official_ones(golden_dir):
    """And shapes, of ViT-B for pre-training and fine-tuned."""
    with torch.device("meta"):
        models = {"pretrain": VideoMAE(VITB), "finetune": Classifier(VITB, 10)}
    for name, model in models.items():
        lines = (golden_dir / f"keys/videomae_{name}_vitb.csv").read_text("utf-8").splitlines()
        official = {line.split(",")[0]: line.split(",")[1] for line in lines[1:]}
        ours = {key: "x".join(map(str, t.shape)) for key, t in model.state_dict().items()}
        assert ours == official


def test_our_file_comes_back_with_its_size(tmp_path):
    """The same bits, and the same bytes on every write."""
    model = make_pretrained()
    for name in ("a", "b"):
        save_weights(tmp_path / f"{name}.safetensors", model, epoch=3)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    checkpoint = read_checkpoint(tmp_path / "a.safetensors")
    assert (checkpoint.size, checkpoint.facts["epoch"]) == (TINY, 3)
    assert_equal(checkpoint.state, dict(model.state_dict()))


@pytest.mark.parametrize("wrapper", ["model", "module"])
def test_an_official_file_is_read(tmp_path, wrapper):
    """A pickle with weights under a name, beside options and other things."""
    model = make_pretrained()
    path = tmp_path / "checkpoint-799.pth"
    options = argparse.Namespace(batch_size=32, mask_ratio=0.9)
    torch.save({wrapper: model.state_dict(), "epoch": 799, "args": options}, path)
    other = VideoMAE(TINY)
    load_all(other, read_checkpoint(path))
    assert_equal(dict(other.state_dict()), dict(model.state_dict()))


@pytest.mark.parametrize("is_pretraining", [True, False])
def test_transformers_reads_ours_and_we_read_theirs(tmp_path, is_pretraining):
    """Through its own save_pretrained, nothing missing and nothing unknown, the same bits."""
    transformers = pytest.importorskip("transformers", reason="needs the extra dev")
    model = VideoMAE(TINY) if is_pretraining else Classifier(TINY, 5)
    fill_weights(model, "test")
    save_weights(tmp_path / "ours.safetensors", model)
    write_transformers(read_checkpoint(tmp_path / "ours.safetensors"), tmp_path / "given")
    name = "VideoMAEForPreTraining" if is_pretraining else "VideoMAEForVideoClassification"
    peer, told = getattr(transformers, name).from_pretrained(
        tmp_path / "given", output_loading_info=True
    )
    assert not any(told[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    peer.save_pretrained(tmp_path / "returned")
    assert_equal(read_checkpoint(tmp_path / "returned").state, dict(model.state_dict()))
    assert_equal(from_transformers(peer.state_dict()), dict(model.state_dict()))


def test_a_trunk_is_loaded_from_pretraining_and_from_a_classifier(tmp_path):
    """From pre-training without the norm of its encoder; the head always stays new."""
    pretrained = make_pretrained()
    save_weights(tmp_path / "pretrained.safetensors", pretrained)
    aligned, probed = Classifier(TINY, 5), Classifier(TINY, 3)
    head = aligned.head.weight.clone()
    load_trunk(aligned, read_checkpoint(tmp_path / "pretrained.safetensors"))
    assert torch.equal(aligned.head.weight, head)
    assert torch.equal(aligned.fc_norm.weight, torch.ones(96))
    expected = pretrained.encoder.blocks[3].attn.qkv.weight
    assert torch.equal(aligned.blocks[3].attn.qkv.weight, expected)
    torch.nn.init.normal_(aligned.fc_norm.weight)
    save_weights(tmp_path / "aligned.safetensors", aligned)
    load_trunk(probed, read_checkpoint(tmp_path / "aligned.safetensors"))
    assert torch.equal(probed.fc_norm.weight, aligned.fc_norm.weight)
    assert probed.head.weight.shape == (3, 96)


def test_what_does_not_fit_is_named(tmp_path):
    """A weight too few, one too many, and one of another shape, each by its name."""
    state = dict(make_pretrained().state_dict())
    del state["encoder.norm.weight"]
    state["decoder.extra.weight"] = torch.zeros(1)
    state["mask_token"] = torch.zeros(1, 1, 7)
    save_file(state, tmp_path / "bad.safetensors")
    with pytest.raises(CheckpointError) as caught:
        load_all(VideoMAE(TINY), read_checkpoint(tmp_path / "bad.safetensors"))
    for part in (
        "1 missing (encoder.norm.weight)",
        "1 unknown (decoder.extra.weight)",
        "mask_token is (1, 1, 7), not (1, 1, 48)",
    ):
        assert part in str(caught.value)


def test_mean_pooling_of_transformers_is_noticed(tmp_path):
    """With use_mean_pooling its encoder has no last norm: that is not what we pre-train."""
    state = to_transformers(make_pretrained().state_dict())
    names = [name for name in state if name.startswith("videomae.layernorm.")]
    assert len(names) == 2
    save_file({k: v for k, v in state.items() if k not in names}, tmp_path / "model.safetensors")
    assert "videomae.encoder.layer.0.attention.attention.q_bias" in load_file(
        tmp_path / "model.safetensors"
    )
    with pytest.raises(CheckpointError, match=r"2 missing \(encoder.norm.bias"):
        load_all(VideoMAE(TINY), read_checkpoint(tmp_path))


def test_a_pickle_that_runs_something_is_refused(tmp_path):
    """Nothing in it is run."""

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"model": {"weight": torch.zeros(1)}, "args": Payload()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="cannot be read as weights alone"):
        read_checkpoint(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pth"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, name):
    """In one line."""
    (tmp_path / name).write_bytes(b"not weights at all")
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(tmp_path / name)
    assert "\n" not in str(caught.value)
