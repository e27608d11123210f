"""Batches: every clip once an epoch, whoever loads it."""

import os
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("timm", reason="needs the extra train")

import torch

from benchmarks.clips import ClipSet, open_clips
from benchmarks.loader import (
    Batch,
    EvalClips,
    TrainClips,
    derive_seed,
    load_batches,
    plan_epoch,
    share_batch,
)
from benchmarks.recipes import smoke
from tests.benchmarks.release import write_release
from toolkit.errors import InputError, ToolkitError


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> ClipSet:
    """Seven clips in two tars."""
    return open_clips(write_release(tmp_path_factory.mktemp("release"), train=7), "train")


def load_epoch(clips: ClipSet, num_ranks: int = 1, num_workers: int = 0, epoch: int = 0, **stage):
    """Return the batches of each rank."""
    recipe = smoke()
    recipe = replace(recipe, pretrain=replace(recipe.pretrain, **stage))
    dataset = TrainClips(clips, recipe, "pretrain", 0)
    return [
        list(
            load_batches(
                dataset,
                [
                    [(epoch, *item) for item in share_batch(batch, rank, num_ranks)]
                    for batch in plan_epoch(len(clips), 4, 0, epoch)
                ],
                num_workers,
            )
        )
        for rank in range(num_ranks)
    ]


def count_clips(batches: list[Batch]) -> Counter:
    """Return how often each clip counts."""
    counts = Counter()
    for batch in batches:
        counts.update(dict(zip(batch.clip_ids, batch.weight_B.tolist(), strict=True)))
    return counts


@pytest.mark.parametrize(("num_ranks", "num_workers"), [(1, 0), (1, 2), (2, 0), (3, 2), (5, 0)])
def test_every_clip_is_seen_once_an_epoch(clips, num_ranks, num_workers):
    """Counted, over ranks and processes, where nothing divides evenly."""
    ranks = load_epoch(clips, num_ranks, num_workers)
    counts = count_clips([batch for batches in ranks for batch in batches])
    assert counts == dict.fromkeys((clip.clip_id for clip in clips.clips), 1)
    assert len({len(batches) for batches in ranks}) == 1


def test_samples_do_not_depend_on_who_loads_them(clips):
    """The same pixels and masks with processes and ranks as without."""

    def collect(ranks: list[list[Batch]]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        return {
            clip_id: (batch.video_BTCHW[i], batch.masked_BN[i])
            for batches in ranks
            for batch in batches
            for i, clip_id in enumerate(batch.clip_ids)
        }

    alone, many = collect(load_epoch(clips)), collect(load_epoch(clips, 2, 2))
    assert set(alone) == set(many)
    for clip_id, (video, mask) in alone.items():
        assert torch.equal(video, many[clip_id][0])
        assert torch.equal(mask, many[clip_id][1])


def test_epochs_differ_in_order_and_in_what_is_drawn(clips):
    """And loading leaves the generator that training draws from alone."""
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    ((first, _),), ((second, _),) = load_epoch(clips), load_epoch(clips, epoch=1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert first.clip_ids != second.clip_ids
    shared = (set(first.clip_ids) & set(second.clip_ids)).pop()
    places = first.clip_ids.index(shared), second.clip_ids.index(shared)
    assert not torch.equal(first.video_BTCHW[places[0]], second.video_BTCHW[places[1]])


def test_a_clip_may_be_seen_in_several_spans(clips):
    """Read once, and each span is a sample with a mask of its own."""
    ((first, _),) = load_epoch(clips, num_repeats=3)
    assert first.video_BTCHW.shape == (12, 4, 3, 32, 32)
    assert set(Counter(first.clip_ids).values()) == {3}
    assert not torch.equal(first.masked_BN[0], first.masked_BN[1])


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_clip_that_cannot_be_read_is_an_error_with_its_id(tmp_path, num_workers):
    """One line, from a process too, and no batch with zeros in its place."""
    folder = write_release(tmp_path / "release", train=4)
    clips = open_clips(folder, "train")
    shard = clips.clips[1].path
    content = bytearray(shard.read_bytes())
    content[clips.clips[1].part.offset + 50] ^= 255
    shard.write_bytes(content)
    with pytest.raises(ToolkitError, match="clip train001: ") as caught:
        load_epoch(clips, num_workers=num_workers)
    assert "\n" not in str(caught.value)


def test_a_killed_process_is_an_error_and_not_a_wait(clips):
    """One line that says how to go on."""

    class Deadly(TrainClips):
        def __getitem__(self, item: tuple[int, int, float]) -> Batch | ToolkitError:
            os.kill(os.getpid(), signal.SIGKILL)
            return super().__getitem__(item)

    batches = load_batches(Deadly(clips, smoke(), "pretrain", 0), [[(0, 0, 1.0)]], 1)
    with pytest.raises(InputError, match="run the same command again to go on"):
        next(batches)


def test_evaluation_sees_two_spans_and_three_crops(clips):
    """Of each clip, in order, the same every time."""
    dataset = EvalClips(clips, smoke())
    (first,) = load_batches(dataset, [[0]], 0)
    assert first.video_BTCHW.shape == (6, 4, 3, 32, 32)
    assert first.clip_ids == ["train000"] * 6
    assert torch.equal(first.video_BTCHW, dataset[0].video_BTCHW)
    assert not torch.equal(first.video_BTCHW[0], first.video_BTCHW[3])


def test_seeds_are_far_apart():
    """A seed for each purpose; parts of a name do not run together."""
    assert derive_seed(1, 23) != derive_seed(12, 3)
    assert 0 <= derive_seed(0, "clip", 5, Path("x")) < 2**63
