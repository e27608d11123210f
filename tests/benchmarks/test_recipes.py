"""Recipes: the paper's numbers, and what makes two runs the same."""

from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("timm", reason="needs the extra train")

from benchmarks.recipes import RECIPES, load_recipe, paper_vitb
from toolkit.errors import ConfigError


def test_the_paper_s_numbers():
    """Those of its appendix."""
    recipe = paper_vitb()
    assert (recipe.mask_ratio, recipe.size.num_frames, recipe.size.side_px) == (0.9, 16, 224)
    rows = [
        (stage.epochs, stage.warmup_epochs, stage.batch, stage.lr)
        for stage in (recipe.pretrain, recipe.align)
    ]
    assert rows == [(200, 10, 128, 8e-4), (50, 6, 128, 2e-3)]
    assert recipe.finetune.epochs == recipe.probe.epochs == 30


def test_a_digest_is_of_the_task_s_own_numbers():
    """It changes with them, and not with those of another task."""
    recipe = paper_vitb()
    other = replace(recipe, probe=replace(recipe.probe, lr=1.0))
    assert recipe.digest("align") == other.digest("align")
    assert recipe.digest("probe") != other.digest("probe")
    assert recipe.digest("align") != recipe.digest("finetune")


def test_every_recipe_can_be_made():
    """And one that is not there is refused with those that are."""
    assert all(load_recipe(name).name == name for name in RECIPES)
    with pytest.raises(ConfigError, match="choose one of mini_cpu, paper_vitb, smoke, tiny_cpu"):
        load_recipe("huge")


def test_a_stage_that_cannot_be_trained_is_refused():
    """Warm-up that never ends, and one of the two ways to mix without the other."""
    with pytest.raises(ConfigError, match="fewer epochs of warm-up"):
        replace(paper_vitb().probe, epochs=2)
    with pytest.raises(ConfigError, match="both be 0 or neither"):
        replace(paper_vitb().probe, mixup=0.0)
