"""Which weights decay, how fast each layer learns, and when."""

from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("timm", reason="needs the extra train")

from benchmarks.optimise import make_optimizer, rate_at, set_rate
from benchmarks.recipes import paper_vitb
from benchmarks.videomae import TINY, Classifier, VideoMAE


def group_by_name(model, stage) -> dict[str, dict]:
    """Return the optimiser's group of each weight."""
    optimizer = make_optimizer(model, stage)
    set_rate(optimizer, 1.0)
    groups = {id(weight): group for group in optimizer.param_groups for weight in group["params"]}
    return {name: groups[id(weight)] for name, weight in model.named_parameters()}


def test_biases_norms_and_the_mask_token_do_not_decay():
    """All other weights do."""
    groups = group_by_name(VideoMAE(TINY), paper_vitb().pretrain)
    free = {name for name, group in groups.items() if group["weight_decay"] == 0}
    assert "mask_token" in free
    for name, group in groups.items():
        is_vector = name.endswith("bias") or "norm" in name or name == "mask_token"
        assert (name in free) == is_vector
        assert group["lr"] == 1
        assert is_vector or group["weight_decay"] == 0.05


def test_lower_layers_learn_slower():
    """By 0.75 a layer, from the head down to the patches."""
    groups = group_by_name(Classifier(TINY, 3), paper_vitb().align)
    for name, num_above in (
        ("head.weight", 0),
        ("fc_norm.bias", 0),
        ("blocks.3.attn.qkv.weight", 1),
        ("blocks.0.norm1.weight", 4),
        ("patch_embed.proj.weight", 5),
    ):
        assert groups[name]["lr"] == pytest.approx(0.75**num_above)
    assert groups["blocks.0.norm1.weight"]["weight_decay"] == 0
    assert groups["blocks.0.attn.qkv.weight"]["weight_decay"] == 0.05


def test_the_rate_rises_straight_and_falls_by_a_cosine():
    """Ten epochs up, 190 down: the paper's, at 8e-4."""
    stage = paper_vitb().pretrain
    rates = [rate_at(step, 10, stage) for step in range(2000)]
    assert rates[0] == pytest.approx(8e-6)
    assert rates[49] == pytest.approx(4e-4)
    assert rates[99] == pytest.approx(8e-4)
    assert max(rates) == pytest.approx(8e-4)
    assert rates[100 + 950] == pytest.approx(4e-4, rel=0.01)
    assert rates[-1] == pytest.approx(1e-6, rel=0.01)
    assert rates[99:] == sorted(rates[99:], reverse=True)
    assert rate_at(0, 10, replace(stage, warmup_epochs=0)) == pytest.approx(8e-4)
