"""Label files checked: the files of one folder are the splits of one data set."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import InputError
from toolkit.splits.clips import Clip, make_clips, order_split
from toolkit.splits.contents import find_class_gaps, find_in_clips
from toolkit.splits.counts import compare_counts
from toolkit.splits.findings import ERROR, Finding, sort_findings
from toolkit.splits.form import find_in_form
from toolkit.splits.known import DataSet, recognise
from toolkit.splits.read import LabelFile, read_label_file

UNRECOGNISED = "unrecognised"
"""Stands before the folder's name where names tell no data set: a folder can be called anything."""


@dataclass(frozen=True)
class CheckedSet:
    """The files of a folder, and what was found.

    Attributes:
        known: the data set that the names of the clips tell; None where they tell none.
        list_name: of the known list with these counts; empty where there is none.
        files: in the order of their splits.
        clips: sorted by split and path.
        findings: in the order of ``toolkit.splits.findings.KINDS``.
    """

    folder: Path
    known: DataSet | None
    list_name: str
    files: tuple[LabelFile, ...]
    clips: tuple[Clip, ...]
    findings: tuple[Finding, ...]

    @property
    def name(self) -> str:
        """What the table calls the data set."""
        return self.known.name if self.known else f"{UNRECOGNISED}/{self.folder.resolve().name}"

    @property
    def splits(self) -> list[str]:
        """The splits that its clips are of, in order."""
        return list(dict.fromkeys(clip.split for clip in self.clips))

    @property
    def ok(self) -> bool:
        """Whether no error was found."""
        return all(finding.severity != ERROR for finding in self.findings)


def check_splits(paths: Sequence[Path]) -> list[CheckedSet]:
    """Read and check label files, those of each folder together; sorted by folder.

    Raises:
        InputError: a file is no label file, is named twice, or two of a folder say they are the
            same split.
    """
    folders: dict[Path, list[LabelFile]] = defaultdict(list)
    for path in paths:
        folders[path.parent.resolve()].append(read_label_file(path))
    return [_check(files) for _, files in sorted(folders.items())]


def _check(files: Sequence[LabelFile]) -> CheckedSet:
    files = sorted(files, key=lambda file: order_split(file.split))
    by_split: dict[str, LabelFile] = {}
    for file in files:
        other = by_split.setdefault(file.split, file)
        if other is not file:
            raise InputError(
                f"{other.path} and {file.path} are both '{file.split}' by their names: name one "
                "file for each split"
            )
    known = recognise(row.path for file in files for row in file.rows)
    clips = make_clips(files, known)
    listed, differences = compare_counts(clips, known)
    are_numbers = any(isinstance(row.label, int) for file in files for row in file.rows)
    found = [
        *(finding for file in files for finding in find_in_form(file)),
        *find_in_clips(clips, known),
        *find_class_gaps(clips, are_numbers=are_numbers),
        *differences,
    ]
    return CheckedSet(
        folder=files[0].path.parent,
        known=known,
        list_name=listed.name if listed else "",
        files=tuple(files),
        clips=clips,
        findings=sort_findings(found),
    )
