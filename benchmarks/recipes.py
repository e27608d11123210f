"""Recipes: all numbers of a run but its seed and its data. A run names one.

``paper_vitb`` is the paper's appendix. What that leaves out is taken from PPMA, whose effective
values the appendix repeats (docs/benchmarks.md); learning rates are those at the batch given.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

from benchmarks.videomae import TINY, VITB, Size
from toolkit.errors import ConfigError

Task = Literal["pretrain", "align", "finetune", "probe"]
TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True)
class Stage:
    """How one of the tasks is trained.

    Attributes:
        epochs, warmup_epochs: all, and those in which the rate rises from 0 to ``lr``.
        batch: clips a step, over all ranks and accumulated parts.
        lr, min_lr: greatest rate, and where the cosine ends.
        betas, weight_decay: of AdamW; biases, norms and the mask token do not decay.
        layer_decay: each block learns by this factor slower than the one above it.
        clip_norm: greatest norm of the gradient; 0 for no limit.
        drop_path: share of dropped residuals in the last block, rising from 0 in the first.
        smoothing: of labels.
        mixup, cutmix: alpha of each; one of the two is done to a batch. 0 for neither.
        min_area: least share of the picture that is cropped; pre-training has crops of its own.
        num_augment_ops, augment_magnitude: RandAugment.
        erase: probability that a box is erased.
        num_repeats: how many spans of a clip that was read are trained on.
    """

    epochs: int
    warmup_epochs: float
    batch: int
    lr: float
    min_lr: float = 1e-6
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.05
    layer_decay: float = 1.0
    clip_norm: float = 0.0
    drop_path: float = 0.0
    smoothing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    min_area: float = 0.08
    num_augment_ops: int = 0
    augment_magnitude: int = 7
    erase: float = 0.0
    num_repeats: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.warmup_epochs < self.epochs or min(self.batch, self.num_repeats) < 1:
            raise ConfigError(
                f"epochs {self.epochs}, warmup_epochs {self.warmup_epochs}, batch {self.batch}: "
                "there must be fewer epochs of warm-up than epochs, and a clip or more in a batch"
            )
        if bool(self.mixup) != bool(self.cutmix):
            raise ConfigError("mixup and cutmix must both be 0 or neither: one of them is drawn")


@dataclass(frozen=True)
class Recipe:
    """A model, what it sees of a clip, and how each task is trained.

    Attributes:
        span_s: seconds from the first to the last frame that is seen.
        mask_ratio: share of the tokens that pre-training masks.
        num_spans, num_crops: seen of each clip in evaluation, and averaged.
    """

    name: str
    size: Size
    pretrain: Stage
    align: Stage
    finetune: Stage
    probe: Stage
    span_s: float = 2.7
    mask_ratio: float = 0.9
    num_spans: int = 2
    num_crops: int = 3

    def stage(self, task: Task) -> Stage:
        """Return how a task is trained."""
        found: Stage = getattr(self, task)
        return found

    def digest(self, task: Task) -> str:
        """Return the sha256 of all that decides what ``task`` makes of its data."""
        values = {**asdict(self), **{other: None for other in TASKS if other != task}, "task": task}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def paper_vitb() -> Recipe:
    """ViT-B as in the paper: 200 epochs, 50 of alignment, 30 downstream."""
    supervised = Stage(
        epochs=50,
        warmup_epochs=6,
        batch=128,
        lr=2e-3,
        layer_decay=0.75,
        drop_path=0.1,
        smoothing=0.1,
        mixup=0.8,
        cutmix=1.0,
        num_augment_ops=4,
        erase=0.25,
    )
    return Recipe(
        "paper_vitb",
        VITB,
        pretrain=Stage(
            epochs=200, warmup_epochs=10, batch=128, lr=8e-4, betas=(0.9, 0.95), num_repeats=4
        ),
        align=supervised,
        finetune=replace(supervised, epochs=30, warmup_epochs=3.75, batch=32),
        probe=replace(
            supervised, epochs=30, warmup_epochs=3.75, batch=32, lr=16e-3, weight_decay=1e-4
        ),
    )


def tiny_cpu() -> Recipe:
    """A model of half a million weights, for minutes on two cores."""
    supervised = Stage(
        epochs=20, warmup_epochs=2, batch=16, lr=2e-3, layer_decay=0.9, smoothing=0.1, min_area=0.5
    )
    return Recipe(
        "tiny_cpu",
        TINY,
        pretrain=Stage(epochs=40, warmup_epochs=4, batch=16, lr=3e-3, betas=(0.9, 0.95)),
        align=supervised,
        finetune=supervised,
        probe=replace(supervised, lr=1e-2, weight_decay=1e-4),
    )


def mini_cpu() -> Recipe:
    """``tiny_cpu`` that sees 8 frames, and half of its supervised epochs: for hundreds of runs."""
    tiny = tiny_cpu()
    align, finetune, probe = (
        replace(stage, epochs=10, warmup_epochs=1)
        for stage in (tiny.align, tiny.finetune, tiny.probe)
    )
    size = replace(TINY, num_frames=8)
    return replace(tiny, name="mini_cpu", size=size, align=align, finetune=finetune, probe=probe)


def smoke() -> Recipe:
    """A few steps of a few thousand weights: whether everything runs, and nothing else."""
    size = Size(
        dim=32,
        depth=2,
        num_heads=2,
        decoder_dim=16,
        decoder_depth=1,
        decoder_num_heads=1,
        side_px=32,
        num_frames=4,
        patch_px=8,
    )
    supervised = Stage(epochs=3, warmup_epochs=1, batch=4, lr=1e-2, min_area=0.5)
    return Recipe(
        "smoke",
        size,
        pretrain=Stage(epochs=3, warmup_epochs=1, batch=4, lr=1e-2, betas=(0.9, 0.95)),
        align=supervised,
        finetune=replace(
            supervised, layer_decay=0.75, drop_path=0.1, mixup=0.8, cutmix=1.0, num_augment_ops=2
        ),
        probe=supervised,
    )


RECIPES = {recipe.__name__: recipe for recipe in (paper_vitb, tiny_cpu, mini_cpu, smoke)}


def load_recipe(name: str) -> Recipe:
    """Return a recipe by its name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe '{name}': choose one of {', '.join(sorted(RECIPES))}")
    return RECIPES[name]()
