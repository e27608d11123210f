"""Clips of a release are read once an epoch, whoever shares them out, and are what was packed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import toolkit
from tests.described import NAME, NUM_FRAMES, SIZE, make_release
from toolkit.errors import InputError, VideoError
from toolkit.manifest import read_manifest
from toolkit.stages.project import Project

SHARED_OUT = """
import sys
import toolkit
from torch import distributed
distributed.init_process_group("gloo", init_method=sys.argv[2], rank=int(sys.argv[3]), world_size=2)
clips = toolkit.load_release(sys.argv[1], seed=1)
print(*(clip.clip_id for clip in clips))
"""


@pytest.fixture(scope="module")
def folder(described: Project) -> Path:
    """A release of seven clips of split train in four shards, and four of val."""
    return described.release(NAME)


@pytest.fixture(scope="module")
def ids(folder: Path) -> list[str]:
    """The released clips of split train, sorted."""
    rows = read_manifest(folder / "manifest.parquet")
    return sorted(r.clip_id for r in rows if r.split == "train" and r.status == "released")


def _load_all(folder: Path, num_workers: int, **more: object) -> list[str]:
    from torch.utils.data import DataLoader

    clips = toolkit.load_release(folder, **more)
    loader = DataLoader(clips, batch_size=2, num_workers=num_workers, collate_fn=list)
    return [clip.clip_id for batch in loader for clip in batch]


def test_a_clip_is_what_was_packed(folder: Path, ids: list[str]) -> None:
    """Frames, label, rate and body parameters; streamed and by number."""
    clips = toolkit.load_release(folder, streaming=False)
    streamed = list(toolkit.load_release(folder))
    assert len(clips) == len(streamed) == len(ids)
    rows = {row.clip_id: row for row in read_manifest(folder / "manifest.parquet")}
    for number, clip in enumerate(streamed):
        row = rows[ids[number]]
        assert (clip.clip_id, clip.label, clip.cls) == (row.clip_id, row.label, row.cls)
        assert clip.fps == row.fps
        assert clip.frames_THWC.shape == (NUM_FRAMES, SIZE[1], SIZE[0], 3)
        grey = 40 + 8 * clip.body["0.betas_10"][0]  # as tests/described.py makes them
        assert abs(clip.frames_THWC.mean() - grey) < 3
        assert (clips[number].frames_THWC == clip.frames_THWC).all()


@pytest.mark.parametrize(("num_ranks", "num_workers"), [(1, 0), (1, 3), (2, 2), (3, 4)])
def test_every_clip_comes_once_an_epoch(
    folder: Path,
    ids: list[str],
    monkeypatch: pytest.MonkeyPatch,
    num_ranks: int,
    num_workers: int,
) -> None:
    """Over all workers of all ranks, also where there are more of them than shards, or clips."""
    pytest.importorskip("torch")
    monkeypatch.setenv("WORLD_SIZE", str(num_ranks))
    found: list[str] = []
    for rank in range(num_ranks):
        monkeypatch.setenv("RANK", str(rank))
        found += _load_all(folder, num_workers, seed=5)
    assert sorted(found) == ids


def test_an_epoch_has_its_own_order(folder: Path, ids: list[str]) -> None:
    """The same seed and epoch give the same order; workers that stay hear of a new epoch."""
    torch_data = pytest.importorskip("torch.utils.data")
    clips = toolkit.load_release(folder, seed=3)
    loader = torch_data.DataLoader(
        clips, batch_size=None, num_workers=1, persistent_workers=True, collate_fn=None
    )
    orders = []
    for epoch in (0, 1, 0):
        clips.set_epoch(epoch)
        orders.append([clip.clip_id for clip in loader])
    assert orders[0] == orders[2] != orders[1]
    assert all(sorted(order) == ids for order in orders)
    again = toolkit.load_release(folder, seed=3)
    assert [clip.clip_id for clip in again] == orders[0]


@pytest.mark.slow
def test_ranks_of_torch_distributed_share_the_clips(
    folder: Path, ids: list[str], tmp_path: Path
) -> None:
    """Two real processes that know of each other by torch.distributed only."""
    pytest.importorskip("torch")
    meet = (tmp_path / "meet").as_uri()
    environment = {name: v for name, v in os.environ.items() if name not in {"RANK", "WORLD_SIZE"}}
    words = (sys.executable, "-c", SHARED_OUT, str(folder), meet)
    runs = [
        subprocess.Popen([*words, str(r)], env=environment, stdout=subprocess.PIPE, text=True)
        for r in range(2)
    ]
    found = [run.communicate(timeout=240)[0].split() for run in runs]
    assert all(found)
    assert sorted(found[0] + found[1]) == ids


@pytest.mark.slow
def test_workers_may_be_started_anew(folder: Path, ids: list[str]) -> None:
    """Spawned, not forked: what is shared with them survives being pickled."""
    torch_data = pytest.importorskip("torch.utils.data")
    clips = toolkit.load_release(folder, seed=3)
    clips.set_epoch(4)
    expected = [clip.clip_id for clip in clips]
    loader = torch_data.DataLoader(
        clips, batch_size=None, num_workers=1, multiprocessing_context="spawn"
    )
    assert [clip.clip_id for clip in loader] == expected
    assert sorted(expected) == ids


def test_a_clip_that_cannot_be_read_is_named(folder: Path, ids: list[str], tmp_path: Path) -> None:
    """One changed byte: that clip is an error with its id, the others are read."""
    copy = tmp_path / "release"
    shutil.copytree(folder, copy)
    row = next(r for r in read_manifest(copy / "manifest.parquet") if r.clip_id == ids[2])
    tar = copy / "data" / row.shard
    content = tar.read_bytes()
    begin = content.index(f"{ids[2]}.mp4".encode()) + 512 + 100
    tar.write_bytes(content[:begin] + bytes([content[begin] ^ 4]) + content[begin + 1 :])
    clips = toolkit.load_release(copy, streaming=False)
    with pytest.raises(VideoError, match=f"clip {ids[2]} in {row.shard} cannot be read"):
        _ = clips[2]
    assert clips[3].clip_id == ids[3]
    tar.unlink()
    with pytest.raises(InputError, match=r"is missing: fetch the release again"):
        toolkit.load_release(copy)


def test_what_is_not_there_is_told(folder: Path, tmp_path: Path) -> None:
    """Another version, no such split, no release."""
    assert toolkit.load_release(folder, version="v1.0.0")
    with pytest.raises(InputError, match=r"is version 1\.0\.0, not 2\.0\.0"):
        toolkit.load_release(folder, version="2.0.0")
    with pytest.raises(InputError, match="no clip of split 'test': there is train, val"):
        toolkit.load_release(folder, split="test")
    with pytest.raises(InputError, match=r"croissant\.json"):
        toolkit.load_release(tmp_path)
    with pytest.raises(InputError, match="no folder of a release"):
        toolkit.load_release("nobody/nothing")


def test_a_release_without_bodies_has_none(described: Project) -> None:
    """Nor does it need them."""
    (clip, *_) = toolkit.load_release(make_release(described, "nohuman-kinetics"))
    assert clip.body == {}
