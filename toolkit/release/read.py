"""Clips of a release, decoded, for people who train on them: ``toolkit.load_release``.

Every clip of a split is read once an epoch, by one worker of one rank, however many there are: what
is dealt out are clips, not shards. The index of each shard says where a clip begins.
"""

import io
import os
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from toolkit.errors import InputError, VideoError
from toolkit.manifest import RELEASED
from toolkit.parquet import import_pyarrow
from toolkit.release.croissant import read_version
from toolkit.release.layout import read_safe_index
from toolkit.release.origin import read_origin
from toolkit.release.provenance import DATA, MANIFEST
from toolkit.shards import Sample, ShardError
from toolkit.video import read_frames

if TYPE_CHECKING:
    IterableDataset = object
else:
    try:
        from torch.utils.data import IterableDataset
    except ImportError:  # reading needs no torch
        IterableDataset = object


@dataclass(frozen=True, slots=True)
class Clip:
    """A released clip.

    Attributes:
        frames_THWC: [T, H, W, 3] uint8 RGB.
        label, cls: of the action, as text and as index.
        clip_id: published id.
        fps: mean frame rate in 1/s.
        body: ``TRACK.FIELD`` to array, the SMPL-X parameters of each person (docs/data-format.md);
            empty where the release has no bodies.
    """

    frames_THWC: NDArray[np.uint8]
    label: str
    cls: int
    clip_id: str
    fps: float
    body: Mapping[str, NDArray[Any]]


class Clips:
    """The released clips of a split, by number, sorted by id; each is read when it is asked for."""

    def __init__(self, folder: Path, split: str) -> None:
        self._folder = folder
        self._rows = _read_rows(folder, split)
        self._spans = _find_spans(folder, self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Clip:
        row = self._rows[number]
        shard, begin, end = self._spans[row["clip_id"]]
        try:
            parts = _read_parts(self._folder / DATA / shard, begin, end)
            if Sample(row["clip_id"], parts).sha256 != row["sample_sha256"]:
                raise ShardError("it is not as the manifest says")
            frames_THWC = _decode(parts["mp4"])
            body = load(parts["safetensors"]) if "safetensors" in parts else {}
        except (InputError, OSError, KeyError, tarfile.TarError, SafetensorError) as error:
            raise VideoError(
                f"clip {row['clip_id']} in {shard} cannot be read ({error}): fetch that shard again"
            ) from error
        return Clip(frames_THWC, row["label"], row["cls"], row["clip_id"], row["fps"], body)


class ClipStream(IterableDataset):
    """The same, one after the other, shared out among ranks and the workers of a DataLoader.

    Rank and number of ranks are those when it is made: of torch.distributed where that has begun,
    else of RANK and WORLD_SIZE, as torchrun sets them. The number of clips may differ by one from
    worker to worker.

    Attributes:
        clips: all of them.
        seed: they are shuffled by this and the epoch; None: sorted by id.
    """

    def __init__(self, clips: Clips, seed: int | None) -> None:
        self.clips = clips
        self.seed = seed
        self._rank, self._num_ranks = _find_rank()
        self._epoch = RawValue("q", 0)  # shared, so that workers that stay hear of it

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass; without it, every pass has the same."""
        self._epoch.value = epoch

    def __iter__(self) -> Iterator[Clip]:
        worker, num_workers = _find_worker()
        order = np.arange(len(self.clips))
        if self.seed is not None:
            np.random.default_rng([self.seed, self._epoch.value]).shuffle(order)
        part = self._rank * num_workers + worker
        for number in order[part :: self._num_ranks * num_workers]:
            yield self.clips[int(number)]


def load_release(
    name_or_folder: str | Path,
    version: str | None = None,
    split: str = "train",
    *,
    streaming: bool = True,
    seed: int | None = None,
) -> Clips | ClipStream:
    """Open a split of a release.

    Args:
        name_or_folder: the folder of a release, or of a download of some of its shards, whose clips
            these are then; or its name on the Hub, from where all of it is downloaded once
            (``toolkit.release.download``).
        version: X.Y.Z, which it must be; None: whichever the folder is.
        split: train, val, ...
        streaming: clips one after the other, each once an epoch over all workers and ranks
            (``ClipStream``); False: by number, for samplers of your own (``Clips``).
        seed: streamed clips are shuffled by this and the epoch; None: sorted by id.

    Raises:
        InputError: it is no release, another version, or has no such split; or a shard is missing,
            or the Hub did not give it.
    """
    folder = _find_folder(name_or_folder, version)
    clips = Clips(folder, split)
    return ClipStream(clips, seed) if streaming else clips


def _find_folder(name_or_folder: str | Path, version: str | None) -> Path:
    """Return the folder of a release, if it is the version that is asked for."""
    folder = Path(name_or_folder)
    if not folder.is_dir():
        folder = _fetch(str(name_or_folder), version)
    found = read_version(folder)
    if version is not None and found != version.removeprefix("v"):
        raise InputError(
            f"{folder} is version {found}, not {version.removeprefix('v')}: fetch that one"
        )
    return folder


def _fetch(name: str, version: str | None) -> Path:
    if version is None:
        raise InputError(
            f"{name} is no folder of a release: name one, or a release on the Hub and its version"
        )
    from toolkit.release.download import fetch_release

    return fetch_release(name, f"v{version.removeprefix('v')}")


def _read_rows(folder: Path, split: str) -> list[dict[str, Any]]:
    """Return what the manifest says of a split's released clips that are here, sorted by id."""
    path = folder / MANIFEST
    _, parquet = import_pyarrow()
    columns = ["clip_id", "label", "cls", "split", "status", "shard", "sample_sha256", "fps"]
    try:
        rows = parquet.ParquetFile(path).read().select(columns).to_pylist()
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are of these kinds
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read ({reason}): fetch the release again") from error
    origin = read_origin(folder)
    released = [row for row in rows if row["status"] == RELEASED]
    if origin:
        released = [row for row in released if not origin.leaves_out(f"{DATA}/{row['shard']}")]
    found = [row for row in released if row["split"] == split]
    if not found:
        known = ", ".join(sorted({row["split"] for row in released})) or "none"
        part = ", for only that was downloaded (m2m download --split)"
        raise InputError(
            f"{folder} has no clip of split {split!a}: there is {known}"
            + (part if origin and origin.shards is not None else "")
        )
    return sorted(found, key=lambda row: str(row["clip_id"]))


def _find_spans(folder: Path, rows: list[dict[str, Any]]) -> dict[str, tuple[str, int, int]]:
    """Return clip to its shard, and the bytes of it that its sample has, headers and all."""
    spans: dict[str, tuple[str, int, int]] = {}
    for shard, num_clips in sorted(Counter(row["shard"] for row in rows).items()):
        path = folder / DATA / shard
        if Path(shard).name != shard or not path.is_file():
            raise InputError(f"{path} is missing: fetch the release again")
        for part in read_safe_index(path, num_clips).parts:
            header, end = part.offset - tarfile.BLOCKSIZE, part.offset + part.size
            _, begin, last = spans.get(part.key, (shard, header, end))
            spans[part.key] = (shard, min(begin, header), max(last, end))
    if lost := [row["clip_id"] for row in rows if row["clip_id"] not in spans]:
        raise InputError(f"{folder}: no index has clip {lost[0]}: fetch the release again")
    return spans


def _read_parts(shard: Path, begin: int, end: int) -> dict[str, bytes]:
    """Return extension to content of the members in some bytes of a tar."""
    with shard.open("rb") as file:
        file.seek(begin)
        block = io.BytesIO(file.read(end - begin) + bytes(2 * tarfile.BLOCKSIZE))
    with tarfile.open(fileobj=block, mode="r:") as tar:
        members = [(member.name, tar.extractfile(member)) for member in tar]
        return {name.rpartition(".")[2]: file.read() for name, file in members if file}


def _decode(content: bytes) -> NDArray[np.uint8]:
    """Return the frames of an mp4, [T, H, W, 3] uint8 RGB."""
    with NamedTemporaryFile(prefix="m2m-", suffix=".mp4") as file:
        file.write(content)
        file.flush()
        return np.stack([frame() for frame in read_frames(Path(file.name))])


def _find_rank() -> tuple[int, int]:
    try:
        from torch import distributed
    except ImportError:
        is_distributed = False
    else:
        is_distributed = distributed.is_available() and distributed.is_initialized()
    if is_distributed:
        return distributed.get_rank(), distributed.get_world_size()
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _find_worker() -> tuple[int, int]:
    if IterableDataset is object:
        return 0, 1
    from torch.utils.data import get_worker_info

    info = get_worker_info()
    return (info.id, info.num_workers) if info else (0, 1)
