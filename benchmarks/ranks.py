"""The processes that train together: one, or those that torchrun started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together.

    Attributes:
        rank: its number, from 0; that one writes.
        num: how many there are.
        device: what this one computes on.
    """

    rank: int
    num: int
    device: torch.device

    def sum(self, value: float) -> float:
        """Return the sum of a number over all ranks."""
        if self.num == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return float(total)


@contextmanager
def join_ranks() -> Iterator[Ranks]:
    """Join the processes that torchrun started: by NCCL on GPUs, by Gloo on CPUs."""
    num = int(os.environ.get("WORLD_SIZE", "1"))
    has_gpu = torch.cuda.is_available()
    device = (
        torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        if has_gpu
        else (torch.device("cpu"))
    )
    if has_gpu:
        torch.cuda.set_device(device)
    if num == 1:
        yield Ranks(0, 1, device)
        return
    dist.init_process_group("nccl" if has_gpu else "gloo")
    try:
        yield Ranks(dist.get_rank(), num, device)
    finally:
        dist.destroy_process_group()
