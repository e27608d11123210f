"""The clips of a data set, with all that its lists and its names tell of each."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.errors import InputError
from toolkit.splits.known import DataSet, cut_extension, find_parts, find_stem
from toolkit.splits.read import SPLITS, LabelFile


@dataclass(frozen=True, slots=True)
class Clip:
    """A row of a list, understood.

    Attributes:
        path: as written.
        key: the same for two ways to write one path, and whatever the extension.
        stem: name of the file, without the extension of a video.
        cls: the label as index; where lists have names, its place among all of them, sorted.
        label: name of the class: as listed, or as the path tells it; None where neither does.
        named: name of the class as the path tells it.
        group: who or what must not be in two splits, as the path tells it; None where it does not.
        where: file and line.
    """

    split: str
    path: str
    key: str
    stem: str
    cls: int
    label: str | None
    named: str | None
    group: str | None
    where: str


def make_clips(files: Sequence[LabelFile], known: DataSet | None) -> tuple[Clip, ...]:
    """Return the clips of all files, sorted by split and path.

    Raises:
        InputError: one file has labels as numbers, another as names.
    """
    index = _number_names(files)
    rows = [(file.path.name, row) for file in files for row in file.rows]
    parts = {row.path: find_parts(known, row.path) for _, row in rows}
    if len({named for _, named in parts.values()}) == 1 < len({row.label for _, row in rows}):
        parts = {path: (group, None) for path, (group, _) in parts.items()}  # one folder for all
    clips = []
    for name, row in rows:
        group, named = parts[row.path]
        clips.append(
            Clip(
                split=row.split,
                path=row.path,
                key=posixpath.normpath(cut_extension(row.path)),
                stem=find_stem(row.path),
                cls=index[row.label] if isinstance(row.label, str) else row.label,
                label=row.label if isinstance(row.label, str) else named,
                named=named,
                group=group,
                where=f"{name}:{row.line}",
            )
        )
    return tuple(sorted(clips, key=lambda clip: (order_split(clip.split), clip.path)))


def order_split(split: str) -> tuple[int, str]:
    """Return what splits are sorted by: train, val, test, and others by name."""
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS), split)


def _number_names(files: Sequence[LabelFile]) -> dict[str, int]:
    kinds = {type(row.label): file.path for file in files for row in file.rows}
    if len(kinds) > 1:
        raise InputError(
            f"{kinds[int]} has numbers for labels and {kinds[str]} names: "
            "name the lists of one data set"
        )
    names = {row.label for file in files for row in file.rows if isinstance(row.label, str)}
    return {name: number for number, name in enumerate(sorted(names))}
