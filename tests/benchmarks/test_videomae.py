"""The model beside the official code's outputs and beside transformers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("timm", reason="needs the extra train")

import torch
from torch import Tensor

from benchmarks.checkpoints import Checkpoint, write_transformers
from benchmarks.masking import draw_tube_mask, split_mask
from benchmarks.videomae import TINY, VITB, Classifier, Size, VideoMAE, cut_patches
from tests.benchmarks.fill import draw_noise, draw_places, fill_weights
from toolkit.errors import ConfigError


def read_golden(folder: Path, name: str, salt: str) -> dict[str, np.ndarray]:
    """Return the stored arrays of an official model; skips where they are of another salt."""
    told = folder / f"{name}.json"
    if told.is_file() and json.loads(told.read_text("utf-8"))["salt"] != salt:
        pytest.skip(f"no outputs of {name} are stored for the salt {salt!r}: name them by --golden")
    return dict(np.load(folder / f"{name}.npz"))


def draw_inputs(size: Size, salt: str) -> tuple[Tensor, Tensor]:
    """Return videos [2, C, T, H, W] and their masks [2, N], as the golden outputs have them."""
    shape = (2, 3, size.num_frames, size.side_px, size.side_px)
    num_places = size.grid[1] * size.grid[2]
    masked = torch.zeros(2, num_places, dtype=torch.bool)
    for sample in range(2):
        masked[sample, draw_places(num_places, int(0.9 * num_places), sample, salt)] = True
    return draw_noise("videomae_video", shape, salt), masked.repeat(1, size.grid[0])


def make_filled(size: Size, salt: str) -> VideoMAE:
    """Return the pre-training model with the weights of the golden outputs."""
    model = VideoMAE(size).eval()
    fill_weights(model, salt)
    return model


def distance(ours: Tensor, theirs: np.ndarray | Tensor) -> float:
    """Return the greatest difference."""
    return float((ours.double() - torch.as_tensor(theirs).double()).abs().max())


@torch.no_grad()
def test_golden_pretraining_equals_the_official_code(golden_dir, golden_salt):
    """Prediction, targets, features and loss of ViT-B, with the official weights' names."""
    golden = read_golden(golden_dir, "videomae_pretrain_vitb", golden_salt)
    model = make_filled(VITB, golden_salt)
    video, masked = draw_inputs(VITB, golden_salt)
    places = [row[:196].nonzero()[:, 0].tolist() for row in masked]
    assert places == golden["mask_indices"].tolist()
    visible_BV, masked_BM = split_mask(masked)
    kept: dict[str, Tensor] = {}
    for name in ("encoder", "encoder.blocks.0", "encoder.blocks.11", "decoder.blocks.3", "decoder"):
        module = model.get_submodule(name)
        module.register_forward_hook(lambda _, __, out, name=name: kept.update({name: out}))
    loss_B = model(video, visible_BV, masked_BM)
    target = model.make_targets(cut_patches(video, VITB), masked_BM)
    assert abs(float(loss_B.mean()) - float(golden["loss"][0])) < 1e-5
    assert distance(kept["decoder"][:, ::16, ::8], golden["pred_strided"]) < 5e-5
    assert distance(kept["decoder"][:, :8], golden["pred_first8"]) < 5e-5
    assert distance(target[:, ::16, ::8], golden["labels_strided"]) < 5e-5
    assert distance(target[:, :8], golden["labels_first8"]) < 5e-5
    assert distance(kept["encoder"][:, ::4, ::8], golden["encoder_strided"]) < 5e-5
    for name in ("encoder.blocks.0", "encoder.blocks.11", "encoder"):
        assert distance(kept[name].flatten()[::60], golden[f"stage_{name}"]) < 5e-5
    assert (
        distance(kept["decoder.blocks.3"].flatten()[::294], golden["stage_decoder.blocks.3"]) < 5e-5
    )


@pytest.mark.slow
def test_golden_gradients_equal_the_official_code(golden_dir, golden_salt):
    """The norm of the gradient of each parameter of ViT-B, to a thousandth."""
    golden = read_golden(golden_dir, "videomae_pretrain_vitb", golden_salt)
    facts = json.loads((golden_dir / "videomae_pretrain_vitb.json").read_text("utf-8"))
    model = make_filled(VITB, golden_salt)
    video, masked = draw_inputs(VITB, golden_salt)
    model(video, *split_mask(masked)).mean().backward()
    norms = {name: float(weight.grad.norm()) for name, weight in model.named_parameters()}
    assert norms == pytest.approx(facts["measured"]["grad_norms"], rel=1e-3)
    total = sum(norm**2 for norm in norms.values()) ** 0.5
    assert total == pytest.approx(float(golden["grad_norm_total"][0]), rel=1e-4)


@pytest.mark.slow
@torch.no_grad()
def test_golden_logits_equal_the_official_code(golden_dir, golden_salt):
    """Features and logits of the fine-tuned ViT-B."""
    golden = read_golden(golden_dir, "videomae_finetune_vitb", golden_salt)
    model = Classifier(VITB, num_classes=10).eval()
    fill_weights(model, golden_salt)
    video, _ = draw_inputs(VITB, golden_salt)
    features_BD = model.embed(video)
    assert distance(features_BD.flatten(), golden["stage_fc_norm"]) < 2e-5
    assert distance(model.head(features_BD), golden["logits"]) < 2e-5


@pytest.mark.parametrize("size", [TINY, pytest.param(VITB, marks=pytest.mark.slow)])
@torch.no_grad()
def test_golden_pretraining_equals_transformers(size, golden_salt, tmp_path):
    """The same weights in VideoMAEForPreTraining predict the same, with the same loss."""
    transformers = pytest.importorskip("transformers", reason="needs the extra dev")
    model = make_filled(size, golden_salt)
    write_transformers(checkpoint_of(model), tmp_path)
    peer = transformers.VideoMAEForPreTraining.from_pretrained(tmp_path).eval()
    video, masked = draw_inputs(size, golden_salt)
    theirs = peer(video.transpose(1, 2), bool_masked_pos=masked)
    visible_BV, masked_BM = split_mask(masked)
    assert distance(model.predict(video, visible_BV, masked_BM), theirs.logits) < 5e-5
    assert abs(float(model(video, visible_BV, masked_BM).mean() - theirs.loss)) < 1e-5


@torch.no_grad()
def test_golden_logits_equal_transformers(golden_salt, tmp_path):
    """The same weights in VideoMAEForVideoClassification give the same logits."""
    transformers = pytest.importorskip("transformers", reason="needs the extra dev")
    model = Classifier(TINY, num_classes=7).eval()
    fill_weights(model, golden_salt)
    write_transformers(checkpoint_of(model), tmp_path)
    peer = transformers.VideoMAEForVideoClassification.from_pretrained(tmp_path).eval()
    video, _ = draw_inputs(TINY, golden_salt)
    assert distance(model(video), peer(video.transpose(1, 2)).logits) < 2e-5


def checkpoint_of(model: VideoMAE | Classifier) -> Checkpoint:
    """Return the weights of a model as if they had been read from a file of ours."""
    return Checkpoint(Path("ours"), dict(model.state_dict()), {"size": vars(model.size)})


def test_vitb_has_the_numbers_of_the_paper():
    """1,568 tokens; and as many weights as the official ViT-B."""
    with torch.device("meta"):
        counts = [
            sum(weight.numel() for weight in model.parameters())
            for model in (VideoMAE(VITB), Classifier(VITB, 10))
        ]
    assert (VITB.num_tokens, counts) == (1568, [94_210_944, 86_234_890])


def test_the_loss_ignores_visible_tokens():
    """Targets are of masked tokens alone; and what is masked has no part in the features."""
    torch.manual_seed(0)
    model = VideoMAE(TINY).eval()
    patches = torch.randn(1, TINY.num_tokens, TINY.num_patch_pixels, 3)
    visible_BV, masked_BM = split_mask(draw_tube_mask(TINY.grid, 0.9)[None])
    target = model.make_targets(patches, masked_BM)
    features = model.encoder(patches, visible_BV)
    changed = patches.clone()
    changed[:, visible_BV[0]] += torch.randn_like(changed[:, visible_BV[0]])
    assert torch.equal(model.make_targets(changed, masked_BM), target)
    changed = patches.clone()
    changed[:, masked_BM[0]] = torch.nan
    assert torch.equal(model.encoder(changed, visible_BV), features)


def test_only_visible_tokens_are_encoded():
    """The encoder sees a tenth of the tokens; the decoder all, and it returns the masked."""
    model = VideoMAE(TINY).eval()
    seen: dict[str, int] = {}
    for name in ("encoder.blocks.0", "decoder.blocks.0", "decoder.head"):
        module = model.get_submodule(name)
        module.register_forward_hook(lambda _, x, __, name=name: seen.update({name: x[0].shape[1]}))
    visible_BV, masked_BM = split_mask(draw_tube_mask(TINY.grid, 0.9)[None])
    model(torch.randn(1, 3, 16, 64, 64), visible_BV, masked_BM)
    assert seen == {"encoder.blocks.0": 16, "decoder.blocks.0": 128, "decoder.head": 112}


def test_a_clip_of_another_size_is_refused():
    """With the size that it should have."""
    with pytest.raises(ConfigError, match=r"\(3, 16, 64, 64\), not \(3, 8, 64, 64\)"):
        cut_patches(torch.zeros(1, 3, 8, 64, 64), TINY)
    with pytest.raises(ConfigError, match="side_px 60 must be a multiple of patch_px 16"):
        replace(TINY, side_px=60)
