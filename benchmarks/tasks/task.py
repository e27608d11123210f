"""A downstream task and its lists: read, counted, written as ``benchmarks.train`` takes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clips import find_video
from toolkit.errors import InputError
from toolkit.files import make_folder, write_output
from toolkit.splits.check import check_splits
from toolkit.splits.findings import ERROR
from toolkit.splits.read import TRAIN, VAL, read_label_file

Row = tuple[str, int]
"""Path of a clip, and the number of its class."""
Lists = dict[str, list[Row]]
"""Rows by split: train and val."""
ReadOfficial = Callable[[Path], Lists | None]
"""Reads a folder with the official files; None where these are not there."""


@dataclass(frozen=True)
class Task:
    """A downstream data set, as it is trained and validated on.

    Attributes:
        name, title: of the data set.
        num_rows: clips of train and val.
        num_classes: outputs of the classifier; ``num_listed_classes``, those that have a clip.
        page: where videos and official lists are.
        lists: which lists these are, and where they are from.
        labels: how classes are numbered.
        read_official: reads the data set's own files; None where it has none with this split.
    """

    name: str
    title: str
    num_rows: Mapping[str, int]
    num_classes: int
    num_listed_classes: int
    page: str
    lists: str
    labels: str
    read_official: ReadOfficial | None = None


def read_lists(task: Task, folder: Path) -> Lists:
    """Read the lists of a task: ``train.csv`` and ``val.csv``, or the data set's own files.

    Raises:
        InputError: there are none, a row is wrong, or counts are not those of the task.
    """
    files = {split: folder / f"{split}.csv" for split in (TRAIN, VAL)}
    lists: Lists | None = None
    if all(path.is_file() for path in files.values()):
        lists = {split: _read_list(path) for split, path in files.items()}
    elif task.read_official:
        lists = task.read_official(folder)
    if lists is None:
        own = " nor the official files" if task.read_official else ""
        raise InputError(
            f"{folder} holds neither train.csv and val.csv{own} of {task.title} ({task.lists}): "
            f"get them from {task.page}"
        )
    check_counts(task, lists)
    return lists


def _read_list(path: Path) -> list[Row]:
    listed = read_label_file(path)
    if listed.rejected:
        raise InputError(f"{path}: {listed.rejected[0]}: mend it (m2m splits check)")
    if not isinstance(listed.rows[0].label, int):
        raise InputError(f"{path} has names for labels: number the classes from 0")
    return [(row.path, int(row.label)) for row in listed.rows]


def check_counts(task: Task, lists: Lists) -> None:
    """Hold lists to what the task must have.

    Raises:
        InputError: clips or classes are more or fewer; says the number found and the right one.
    """
    advice = f"this is not {task.lists}; get it from {task.page}"
    for split, expected in task.num_rows.items():
        if len(lists[split]) != expected:
            raise InputError(
                f"{task.title}: {split} has {len(lists[split]):,} clips and must have "
                f"{expected:,}: {advice}"
            )
    classes = {cls for rows in lists.values() for _, cls in rows}
    if len(classes) != task.num_listed_classes or max(classes) >= task.num_classes:
        raise InputError(
            f"{task.title}: the lists have {len(classes)} classes, the last {max(classes)}, and "
            f"must have {task.num_listed_classes} below {task.num_classes}: {advice}"
        )


def check_videos(task: Task, lists: Lists, folder: Path) -> None:
    """Check that every listed clip is in a folder of videos.

    Raises:
        InputError: some are not; says how many and the first.
    """
    paths = [path for rows in lists.values() for path, _ in rows]
    missing = [path for path in paths if find_video(folder, path) is None]
    if missing:
        raise InputError(
            f"{task.title}: {len(missing):,} of {len(paths):,} clips are not in {folder}, first "
            f"{missing[0]}: name the folder that listed paths begin in, or fetch them from "
            f"{task.page}"
        )


def write_lists(lists: Mapping[str, Sequence[Row]], folder: Path) -> None:
    """Write ``train.csv`` and ``val.csv``, for ``--split`` of ``benchmarks.train``.

    Raises:
        InputError: the folder cannot be written, or what is written shares clips, sources or
            people between train and val (``m2m splits check``).
    """
    make_folder(folder)
    paths = [folder / f"{split}.csv" for split in lists]
    for path, rows in zip(paths, lists.values(), strict=True):
        with write_output(path) as partial:
            partial.write_text("".join(f"{clip};{cls}\n" for clip, cls in rows), "utf-8")
    for checked in check_splits(paths):
        for found in checked.findings:
            if found.severity == ERROR:
                raise InputError(f"{folder}: {found.kind}: {found.detail}: m2m splits check")
