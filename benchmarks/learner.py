"""What a run trains: its job, the model of its task, and one step of learning."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody knows it by
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torchvision.transforms import v2

from benchmarks.checkpoints import load_trunk, read_checkpoint, read_facts
from benchmarks.clips import ClipSet
from benchmarks.loader import Batch, derive_seed
from benchmarks.masking import split_mask
from benchmarks.optimise import make_optimizer, rate_at, set_rate
from benchmarks.ranks import Ranks
from benchmarks.recipes import Recipe, Stage, Task
from benchmarks.transforms import normalise
from benchmarks.videomae import Classifier, VideoMAE
from toolkit import __version__
from toolkit.errors import ConfigError, InputError
from toolkit.release.sums import hash_file

Model = VideoMAE | Classifier


@dataclass(frozen=True)
class Job:
    """What a run is told.

    Attributes:
        init: weights to begin with; ``align`` and ``probe`` need some.
        seed: decides all that is drawn.
        num_parts: in which a rank's share of a batch is worked on; its gradients are added up.
        is_bf16: whether products are computed in bfloat16.
        keep_every: epochs from one kept checkpoint to the next; 0 keeps the last only.
    """

    task: Task
    recipe: Recipe
    clips: ClipSet
    out: Path
    init: Path | None = None
    seed: int = 0
    num_workers: int = 0
    num_parts: int = 1
    is_bf16: bool = False
    is_compiled: bool = False
    keep_every: int = 0

    @property
    def stage(self) -> Stage:
        """How the task is trained."""
        return self.recipe.stage(self.task)

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch; the last one may be smaller."""
        return math.ceil(len(self.clips) / self.stage.batch)

    @property
    def num_steps(self) -> int:
        """Steps of the whole run."""
        return self.stage.epochs * self.steps_per_epoch

    @cached_property
    def facts(self) -> dict[str, object]:
        """What weights say of the run that made them, and of the runs before it."""
        init = read_facts(self.init) if self.init else {}
        return {
            "task": self.task,
            "recipe": self.recipe.name,
            "config_hash": self.recipe.digest(self.task),
            "data_digest": self.clips.digest,
            "init": {**init, "sha256": hash_file(self.init)} if self.init else None,
            "seed": self.seed,
            "precision": "bf16" if self.is_bf16 else "float32",
            "version": __version__,
        }

    def describe(self) -> dict[str, object]:
        """Return the facts, and the stage in full."""
        return {**self.facts, "stage": asdict(self.stage), "size": asdict(self.recipe.size)}


def make_model(job: Job) -> Model:
    """Return the model of a task, begun from ``job.init``; for a probe all but its head is frozen.

    Raises:
        ConfigError: there is nothing to align or to probe.
        CheckpointError: the weights do not fit.
    """
    torch.manual_seed(derive_seed(job.seed, "weights"))
    if job.task == "pretrain":
        if job.init:
            raise ConfigError("pretrain begins from nothing, as in the paper: leave --init out")
        return VideoMAE(job.recipe.size)
    is_probe = job.task == "probe"
    if job.init is None and job.task != "finetune":
        raise ConfigError(f"{job.task} needs weights to begin with: name them by --init")
    drop_path = 0.0 if is_probe else job.stage.drop_path
    model = Classifier(job.recipe.size, job.clips.num_classes, drop_path)
    if job.init:
        load_trunk(model, read_checkpoint(job.init))
    if is_probe:
        model.requires_grad_(requires_grad=False)
        model.head.requires_grad_(requires_grad=True)
    return model


def check_frozen(model: Model) -> None:
    """Hold a probe to its word: nothing but the head has a gradient."""
    moved = [
        name
        for name, weight in model.named_parameters()
        if not name.startswith("head.") and (weight.requires_grad or weight.grad is not None)
    ]
    if moved:
        raise AssertionError(f"a probe trains its head alone, and {moved[0]} has a gradient")


class Learner:
    """A model, and how it learns from a batch."""

    def __init__(self, job: Job, ranks: Ranks) -> None:
        self.job, self.ranks = job, ranks
        self.model = make_model(job).to(ranks.device)
        self.optimizer = make_optimizer(self.model, job.stage)
        called: nn.Module = self.model
        if job.is_compiled:
            called = cast("nn.Module", torch.compile(called))
        if ranks.num > 1:
            called = DistributedDataParallel(called, broadcast_buffers=False)
        self._called = called
        self._mix = self._make_mix()
        self._trained = [weight for weight in self.model.parameters() if weight.requires_grad]

    def _make_mix(self) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None:
        stage, num_classes = self.job.stage, self.job.clips.num_classes
        if self.job.task == "pretrain" or not stage.mixup:
            return None
        return v2.RandomChoice(
            [
                v2.MixUp(alpha=stage.mixup, num_classes=num_classes),
                v2.CutMix(alpha=stage.cutmix, num_classes=num_classes),
            ]
        )

    def take_step(self, step: int, parts: Sequence[Batch]) -> dict[str, float]:
        """Learn from this rank's share of a batch, and return what is logged.

        Raises:
            InputError: the loss is no number; nothing has been learned from it.
        """
        job, ranks = self.job, self.ranks
        torch.manual_seed(derive_seed(job.seed, "step", step, ranks.rank))
        self.model.train(job.task != "probe")
        rate = rate_at(step, job.steps_per_epoch, job.stage)
        set_rate(self.optimizer, rate)
        self.optimizer.zero_grad()
        num_samples = ranks.sum(sum(float(part.weight_B.sum()) for part in parts))
        loss = ranks.sum(
            sum(self._add_gradient(part, num_samples, is_last=part is parts[-1]) for part in parts)
        )
        if not math.isfinite(loss):
            raise InputError(f"step {step + 1}: the loss is {loss}: take a recipe with a lower lr")
        if job.task == "probe":
            check_frozen(self.model)
        limit = job.stage.clip_norm or math.inf
        norm = float(nn.utils.clip_grad_norm_(self._trained, limit))
        self.optimizer.step()
        epoch = (step + 1) / job.steps_per_epoch
        return {"epoch": epoch, "loss": loss, "rate": rate, "gradient_norm": norm}

    def _add_gradient(self, part: Batch, num_samples: float, *, is_last: bool) -> float:
        """Add the gradient of a part, and return its part of the loss; ranks meet at the last."""
        called = self._called
        waits = isinstance(called, DistributedDataParallel) and not is_last
        with cast("DistributedDataParallel", called).no_sync() if waits else nullcontext():
            loss_B = self._compute_loss(part) * part.weight_B.to(self.ranks.device)
            loss = loss_B.sum() / num_samples
            (loss * self.ranks.num).backward()  # for DDP takes the mean over ranks
        return float(loss.detach())

    def _compute_loss(self, batch: Batch) -> Tensor:
        """Return the loss [B] of each sample."""
        device = self.ranks.device
        video = normalise(batch.video_BTCHW.to(device, non_blocking=True)).transpose(1, 2)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.job.is_bf16):
            if batch.masked_BN is not None:
                visible_BV, masked_BM = split_mask(batch.masked_BN)
                return cast(
                    "Tensor", self._called(video, visible_BV.to(device), masked_BM.to(device))
                )
            target = batch.cls_B.to(device)
            if self._mix:
                frames, target = self._mix(video.flatten(1, 2), target)  # takes pictures only
                video = frames.view_as(video)
            logits_BK = self._called(video).float()
        smoothing = self.job.stage.smoothing
        return F.cross_entropy(logits_BK, target, reduction="none", label_smoothing=smoothing)
