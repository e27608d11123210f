"""Batches of clips: every clip once an epoch, over workers and ranks, from any step on.

What a batch holds follows from (seed, step) alone, and what is drawn for a clip from (seed, epoch,
clip). So a run that goes on sees what it would have seen, and the number of workers or ranks makes
no difference to any sample.
"""

import hashlib
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.clips import Clip, ClipSet
from benchmarks.masking import draw_tube_mask
from benchmarks.recipes import Recipe, Task
from benchmarks.sampling import choose_span, decode_chosen
from benchmarks.transforms import (
    Transform,
    crop_multi_scale,
    crop_views,
    make_augmentation,
)
from toolkit.errors import InputError, ToolkitError


@dataclass
class Batch:
    """Clips as a model takes them.

    Attributes:
        video_BTCHW: uint8.
        cls_B: classes.
        weight_B: 1; 0 for a clip that only fills the share of a rank that has none.
        masked_BN: which tokens are masked, in pre-training.
        clip_ids: of each; several may be of one clip.
    """

    video_BTCHW: Tensor
    cls_B: Tensor
    weight_B: Tensor
    clip_ids: list[str]
    masked_BN: Tensor | None = None


def derive_seed(*parts: object) -> int:
    """Return a seed that nothing but ``parts`` decides."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def plan_epoch(num_clips: int, batch: int, seed: int, epoch: int) -> list[list[int]]:
    """Return the batches of an epoch: each clip once, in another order; the last is shorter."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    order = torch.randperm(num_clips, generator=generator).tolist()
    return [order[start : start + batch] for start in range(0, num_clips, batch)]


def share_batch(batch: list[int], rank: int, num_ranks: int) -> list[tuple[int, float]]:
    """Return a rank's clips with their weights; a rank that has none gets one of weight 0."""
    return [(clip, 1.0) for clip in batch[rank::num_ranks]] or [(batch[0], 0.0)]


def read_spans(clip: Clip, recipe: Recipe, places: Sequence[float]) -> Tensor:
    """Return uint8 frames [S, T, C, H, W] of S spans of a clip, decoded once.

    Raises:
        ToolkitError: the clip cannot be read; the line names it.
    """
    num_frames = recipe.size.num_frames

    def choose(times_s_T: NDArray[np.float64]) -> list[int]:
        spans = [choose_span(times_s_T, num_frames, recipe.span_s, place) for place in places]
        return [index for span in spans for index in span]

    frames_TCHW = torch.from_numpy(decode_chosen(clip.read(), choose, clip.clip_id))
    return frames_TCHW.unflatten(0, (len(places), num_frames))


class TrainClips(Dataset["Batch | ToolkitError"]):
    """Clips as training sees them; an item is asked for by (epoch, clip, weight)."""

    def __init__(self, clips: ClipSet, recipe: Recipe, task: Task, seed: int) -> None:
        self.clips, self.recipe, self.seed = clips, recipe, seed
        self.is_masked = task == "pretrain"
        self.stage = recipe.stage(task)
        self.transform: Transform = (
            partial(crop_multi_scale, side_px=recipe.size.side_px)
            if self.is_masked
            else make_augmentation(
                recipe.size.side_px,
                self.stage.min_area,
                self.stage.num_augment_ops,
                self.stage.augment_magnitude,
                self.stage.erase,
            )
        )

    def __getitem__(self, item: tuple[int, int, float]) -> "Batch | ToolkitError":
        epoch, index, weight = item
        clip = self.clips.clips[index]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.seed, "clip", epoch, clip.clip_id))
            try:
                places = torch.rand(self.stage.num_repeats).tolist()
                spans = read_spans(clip, self.recipe, places)
                video_BTCHW = torch.stack([self.transform(span_TCHW) for span_TCHW in spans])
            except ToolkitError as error:  # across processes as a value: torch would add its trace
                return error
            num = len(video_BTCHW)
            masks = [self._draw_mask() for _ in range(num)] if self.is_masked else None
        return Batch(
            video_BTCHW,
            torch.full((num,), clip.cls),
            torch.full((num,), weight),
            [clip.clip_id] * num,
            torch.stack(masks) if masks else None,
        )

    def _draw_mask(self) -> Tensor:
        return draw_tube_mask(self.recipe.size.grid, self.recipe.mask_ratio)


class EvalClips(Dataset["Batch | ToolkitError"]):
    """Clips as evaluation sees them: spans evenly over the clip, crops evenly over the frame."""

    def __init__(self, clips: ClipSet, recipe: Recipe) -> None:
        self.clips, self.recipe = clips, recipe

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> "Batch | ToolkitError":
        clip, recipe = self.clips.clips[index], self.recipe
        last = recipe.num_spans - 1
        places = [span / last for span in range(last + 1)] if last else [0.5]
        try:
            spans = read_spans(clip, recipe, places)
        except ToolkitError as error:
            return error
        side_px, num_crops = recipe.size.side_px, recipe.num_crops
        video_BTCHW = torch.cat([crop_views(span, side_px, num_crops) for span in spans])
        num_views = len(video_BTCHW)
        return Batch(
            video_BTCHW,
            torch.full((num_views,), clip.cls),
            torch.ones(num_views),
            [clip.clip_id] * num_views,
        )


def join_batches(items: "list[Batch | ToolkitError]") -> "Batch | ToolkitError":
    """Return one batch, or the first error."""
    batches: list[Batch] = []
    for item in items:
        if isinstance(item, ToolkitError):
            return item
        batches.append(item)
    masks = [batch.masked_BN for batch in batches if batch.masked_BN is not None]
    return Batch(
        torch.cat([batch.video_BTCHW for batch in batches]),
        torch.cat([batch.cls_B for batch in batches]),
        torch.cat([batch.weight_B for batch in batches]),
        [clip_id for batch in batches for clip_id in batch.clip_ids],
        torch.cat(masks) if masks else None,
    )


def load_batches(
    dataset: "Dataset[Batch | ToolkitError]", plan: Sequence[Sequence[object]], num_workers: int
) -> Iterator[Batch]:
    """Yield the batches of a plan, in its order, made ahead by ``num_workers`` processes.

    Raises:
        ToolkitError: a clip cannot be read; the line names it.
        InputError: a process died.
    """
    loader = DataLoader(
        dataset,
        batch_sampler=plan,
        num_workers=num_workers,
        collate_fn=join_batches,
        worker_init_fn=_leave_signals,
        generator=torch.Generator(),  # else it would draw from the one that training draws from
    )
    try:
        for batch in loader:
            if isinstance(batch, ToolkitError):
                raise batch
            yield batch
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise InputError(
            f"a process that reads clips has died ({str(error).splitlines()[0]}): run the same "
            "command again to go on; with fewer --workers where memory was short"
        ) from error


def _leave_signals(worker: int) -> None:
    """Ctrl-C reaches all processes of a terminal; the one that trains decides what it means."""
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
