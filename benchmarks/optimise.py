"""AdamW as VideoMAE has it: which weights decay, how fast each layer learns, and when."""

import math

import torch
from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from torch import nn

from benchmarks.recipes import Stage


def make_optimizer(model: nn.Module, stage: Stage) -> torch.optim.AdamW:
    """Return AdamW over the weights that are trained.

    Biases, norms and the mask token do not decay. A group's ``lr_scale`` is ``layer_decay`` to the
    power of the number of layers above it (BEiT, arXiv:2106.08254).
    """
    decay = stage.weight_decay
    if stage.layer_decay < 1:
        groups = param_groups_layer_decay(model, decay, layer_decay=stage.layer_decay)
    else:
        groups = param_groups_weight_decay(model, decay, no_weight_decay_list=("mask_token",))
    return torch.optim.AdamW(groups, lr=stage.lr, betas=stage.betas, fused=True)


def rate_at(step: int, steps_per_epoch: int, stage: Stage) -> float:
    """Return the learning rate of a step: a straight rise from 0 to ``lr``, then half a cosine."""
    num_warmup = round(stage.warmup_epochs * steps_per_epoch)
    if step < num_warmup:
        return stage.lr * (step + 1) / num_warmup
    share = (step - num_warmup) / (stage.epochs * steps_per_epoch - num_warmup)
    return stage.min_lr + (stage.lr - stage.min_lr) * (1 + math.cos(math.pi * share)) / 2


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group, by its scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("lr_scale", 1.0)
