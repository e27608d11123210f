"""Labelled clips: those of a release, in its tars, or those that a list names in a folder."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from toolkit.errors import InputError, ToolkitError
from toolkit.files import check_source
from toolkit.shards import Part, ShardError, read_index, read_part, shard_name
from toolkit.splits.read import read_label_file

_SUFFIXES = ("", ".mp4", ".avi", ".mkv", ".webm", ".mov")


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip and where it lies.

    Attributes:
        clip_id: published id, or its path as listed.
        cls: index of its class.
        path: a video, or a tar.
        part: where the video is in the tar; None where ``path`` is the video itself.
    """

    clip_id: str
    cls: int
    path: Path
    part: Part | None = None

    def read(self) -> bytes:
        """Return the video's file.

        Raises:
            InputError: it is not there, or not what the index of the tar says.
        """
        try:
            if self.part:
                return read_part(self.path, self.part)
            check_source(self.path)
            return self.path.read_bytes()
        except ToolkitError as error:
            raise InputError(f"clip {self.clip_id}: {error}") from error


@dataclass(frozen=True)
class ClipSet:
    """The clips of one split.

    Attributes:
        clips: sorted by id.
        digest: sha256 over ids, classes and contents; the same wherever the files lie.
    """

    clips: tuple[Clip, ...]
    digest: str

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def num_classes(self) -> int:
        """Classes, which are numbered from 0."""
        return 1 + max(clip.cls for clip in self.clips)


def open_clips(source: Path, split: str) -> ClipSet:
    """Open a split of a release, or a list of clips.

    Args:
        source: folder of a release or of videos.
        split: name of a split in the release, or path of a list (``docs/splits.md``) with a
            suffix, whose paths are relative to ``source``.

    Raises:
        InputError: something is missing, or there twice.
    """
    if not source.is_dir():
        raise InputError(f"{source} is no folder: name a release, or the folder of a list's clips")
    return open_list(source, Path(split)) if Path(split).suffix else open_release(source, split)


def open_release(folder: Path, split: str) -> ClipSet:
    """Open the clips of a split of a release.

    Raises:
        ShardError: a tar or its index is missing, or is not what it says.
    """
    data = folder / "data" if (folder / "data").is_dir() else folder
    shards = sorted(data.glob(f"{split}-*-of-*.tar"))
    expected = [shard_name(split, number, len(shards)) for number in range(len(shards))]
    if not shards or [shard.name for shard in shards] != expected:
        found = ", ".join(shard.name for shard in shards[:3]) or "none"
        raise ShardError(
            f"{data} must hold the tars {split}-00000-of-000NN.tar, all of them; found {found}: "
            "fetch the release again, or name another split"
        )
    return _make_set(
        (clip, clip.part.sha256) for shard in shards for clip in _list_shard(shard) if clip.part
    )


def _list_shard(shard: Path) -> Iterable[Clip]:
    index = read_index(shard)
    parts = {(part.key, part.extension): part for part in index.parts}
    for key in index.keys:
        video, label = parts.get((key, "mp4")), parts.get((key, "cls"))
        if not video or not label:
            raise ShardError(f"{shard}: {key} has no mp4 or no cls: fetch the shard again")
        text = read_part(shard, label).decode("ascii", "replace").strip()
        if not text.isdigit():
            raise ShardError(f"{shard}: the class of {key} must be a number, not {text[:20]!a}")
        yield Clip(key, int(text), shard, video)


def open_list(folder: Path, label_file: Path) -> ClipSet:
    """Open the clips of a list: a path, relative to ``folder``, and the number of a class a line.

    Paths may lack the suffix of the video.

    Raises:
        InputError: a row is wrong, leads out of ``folder``, or names a clip that is not there.
    """
    listed = read_label_file(label_file)
    if listed.rejected:
        raise InputError(f"{label_file}: {listed.rejected[0]}: mend it (m2m splits check)")
    return _make_set(_find_clip(folder, label_file, row.path, row.label) for row in listed.rows)


def find_video(folder: Path, path: str) -> Path | None:
    """Return the file of a listed path, which may lack the suffix of the video; None: none."""
    names = [folder / f"{path}{suffix}" for suffix in _SUFFIXES]
    return next((name for name in names if name.is_file()), None)


def _find_clip(folder: Path, listed: Path, path: str, label: int | str) -> tuple[Clip, str]:
    if not isinstance(label, int):
        raise InputError(
            f"{listed}: {path} has the label {label!a}: benchmarks need classes as numbers from 0, "
            "the same in all lists of a data set"
        )
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise InputError(f"{listed}: {path} leads out of {folder}: list paths inside of it")
    found = find_video(folder, path)
    if found is None:
        raise InputError(
            f"{listed}: {path} is not in {folder}: fetch the clip, or take it out of the list"
        )
    with found.open("rb") as file:
        return Clip(path, label, found), hashlib.file_digest(file, "sha256").hexdigest()


def _make_set(found: Iterable[tuple[Clip, str]]) -> ClipSet:
    pairs = sorted(found, key=lambda pair: pair[0].clip_id)
    lines = hashlib.sha256()
    last = ""
    for clip, sha256 in pairs:
        if clip.clip_id == last:
            raise InputError(f"{clip.path}: {last} is there twice: list each clip once")
        last = clip.clip_id
        lines.update(f"{clip.clip_id} {clip.cls} {sha256}\n".encode())
    return ClipSet(tuple(clip for clip, _ in pairs), lines.hexdigest())
