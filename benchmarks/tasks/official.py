"""The files that data sets come with, read as lists of clips and numbers of classes from 0."""

import json
from pathlib import Path

from benchmarks.tasks.task import Lists, Row
from toolkit.errors import InputError
from toolkit.splits.read import TRAIN, VAL

_HMDB_SPLIT = {"1": TRAIN, "2": VAL}
"""What the second column of HMDB51's lists means; 0 is a clip of neither."""


def read_ucf101(folder: Path) -> Lists | None:
    """Read ``trainlist01.txt``, ``testlist01.txt`` and ``classInd.txt``, which counts from 1.

    Raises:
        InputError: a row has no class that is known.
    """
    names = {TRAIN: "trainlist01.txt", VAL: "testlist01.txt"}
    files = [folder / "classInd.txt", *(folder / name for name in names.values())]
    if not all(path.is_file() for path in files):
        return None
    number = {name: int(index) - 1 for index, name in map(str.split, _read_lines(files[0]))}
    lists: Lists = {}
    for split, path in zip(names, files[1:], strict=True):
        clips = [line.split()[0] for line in _read_lines(path)]
        unknown = [clip for clip in clips if clip.partition("/")[0] not in number]
        if unknown:
            raise InputError(f"{path}: {unknown[0]} is of no class of {files[0]}: fetch both again")
        lists[split] = [(clip, number[clip.partition("/")[0]]) for clip in clips]
    return lists


def read_hmdb51(folder: Path) -> Lists | None:
    """Read ``CLASS_test_split1.txt``; classes are numbered in the order of their names.

    Raises:
        InputError: a row is not a clip and 0, 1 or 2.
    """
    ending = "_test_split1.txt"
    files = sorted(folder.glob(f"*{ending}"))
    if not files:
        return None
    lists: Lists = {TRAIN: [], VAL: []}
    for cls, path in enumerate(files):
        for line in _read_lines(path):
            clip, _, which = line.strip().rpartition(" ")
            if which not in {"0", *_HMDB_SPLIT}:
                raise InputError(f"{path}: {line[:60]!a} must end in 0, 1 or 2: fetch it again")
            if which in _HMDB_SPLIT:
                row = (f"{path.name.removesuffix(ending)}/{clip.strip()}", cls)
                lists[_HMDB_SPLIT[which]].append(row)
    return lists


def read_diving48(folder: Path) -> Lists | None:
    """Read ``Diving48_V2_train.json`` and ``Diving48_V2_test.json``.

    Raises:
        InputError: one of them is something else.
    """
    files = {TRAIN: folder / "Diving48_V2_train.json", VAL: folder / "Diving48_V2_test.json"}
    if not all(path.is_file() for path in files.values()):
        return None
    return {split: _read_dives(path) for split, path in files.items()}


def _read_dives(path: Path) -> list[Row]:
    try:
        return [
            (f"{row['vid_name']}.mp4", int(row["label"])) for row in json.loads(path.read_text())
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no list of Diving48 ({error!r}): fetch it again") from error


def _read_lines(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if line.strip()]
