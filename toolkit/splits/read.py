"""Label files: one clip a line, its path and its label, however they are separated.

A row is split at its last separator, because names hold separators too. A file that is no list of
clips is an error; a row that breaks a rule is set aside with its reason.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import InputError
from toolkit.kinetics.annotations import RejectedRow, read_annotations

SEPARATORS = {";": "';'", "\t": "tab", ",": "','", " ": "space"}
"""What may stand between path and label, and its name; of two that fit equally, the first."""

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")

_MAX_SHOWN = 80
_LINE_END = re.compile(r"\r\n|\n|\r")
_END_NAMES = {"\r\n": "CRLF", "\n": "LF", "\r": "CR"}
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_LABEL = re.compile(r"[0-9]{1,6}")
_HEADER = re.compile(r"(class|label|target|category)(_?(id|idx|index|name))?", re.IGNORECASE)
_SPLIT_WORD = re.compile(
    r"(?<![a-z])(?:(train|training)|(val|valid|validate|validation)|(test|testing))(?:list)?(?![a-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Row:
    """A clip as listed.

    Attributes:
        path: as written; for Kinetics the clip id, because its tables hold no paths.
        label: the index, or the name where the file has names.
    """

    line: int
    split: str
    path: str
    label: int | str


@dataclass(frozen=True)
class LabelFile:
    """A list, and how it is written.

    Attributes:
        split: as the file's name says; ``SPLITS``, or its stem where it says none of them.
        separator: a key of ``SEPARATORS``.
        line_ends: number of lines by "LF", "CRLF" or "CR".
        num_blank: lines with nothing in them.
        has_columns: whether it is a table as Kinetics has them, with named columns.
    """

    path: Path
    split: str
    separator: str
    line_ends: Mapping[str, int]
    num_blank: int
    has_byte_order_mark: bool
    has_header: bool
    has_last_newline: bool
    has_columns: bool
    rows: tuple[Row, ...]
    rejected: tuple[RejectedRow, ...]


def read_label_file(path: Path) -> LabelFile:
    """Read a list.

    Raises:
        InputError: it cannot be read, is no text in UTF-8, is empty, less than half of its lines
            are a path and a label, or no row can be used.
    """
    data = _read_bytes(path)
    text = _decode(data, path)
    ends = Counter(_END_NAMES[end] for end in _LINE_END.findall(text))
    lines = [(number, line) for number, line in enumerate(_LINE_END.split(text), 1)]
    filled = [(number, line) for number, line in lines if line.strip()]
    has_columns = "youtube_id" in (cell.strip() for cell in filled[0][1].split(","))
    split = read_split(path.stem)
    if has_columns:
        separator, has_header = ",", True
        rows, rejected = _read_columns(path, text)
    else:
        separator = _find_separator([line for _, line in filled])
        has_header = _is_header(filled[0][1], separator)
        rows, rejected = _read_rows(path, split, separator, filled[has_header:])
    if not rows:
        raise InputError(f"{path}: no row can be used; the first, {rejected[0]}: mend the file")
    has_last_newline = not lines[-1][1]
    return LabelFile(
        path=path,
        split=split,
        separator=separator,
        line_ends=dict(sorted(ends.items())),
        num_blank=len(lines) - len(filled) - has_last_newline,
        has_byte_order_mark=data.startswith(b"\xef\xbb\xbf"),
        has_header=has_header,
        has_last_newline=has_last_newline,
        has_columns=has_columns,
        rows=tuple(rows),
        rejected=tuple(rejected),
    )


def read_split(text: str) -> str:
    """Return which of ``SPLITS`` a name speaks of; the name itself where it is none or several."""
    found = {
        SPLITS[index]
        for match in _SPLIT_WORD.finditer(text)
        for index, word in enumerate(match.groups())
        if word
    }
    return found.pop() if len(found) == 1 else text


def _read_bytes(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            what = "a folder: name the label files in it" if path.is_dir() else "not a file"
            raise InputError(f"{path} is {what}")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): name a label file") from error
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise InputError(f"{path} is empty: fetch or copy it again")
    return data


def _decode(data: bytes, path: Path) -> str:
    try:
        text, place = data.decode("utf-8-sig"), data.find(b"\0")
    except UnicodeDecodeError as error:
        text, place = "", error.start
    if place >= 0:
        raise InputError(
            f"{path} is not text in UTF-8 (byte {place} is 0x{data[place]:02x}): "
            "name a label file, or save it as UTF-8"
        )
    return text


def _read_columns(path: Path, text: str) -> tuple[list[Row], list[RejectedRow]]:
    """Read a table as Kinetics has them; its column says which split a row is of."""
    accepted, rejected = read_annotations([path])
    table = csv.reader(io.StringIO(text, newline=""))
    begins, begin = [], 1
    for cells in table:
        if cells:
            begins.append(begin)
        begin = table.line_num + 1
    left_out = {row.line for row in rejected}
    lines = [line for line in begins[1:] if line not in left_out]
    return [
        Row(line, read_split(row.split), row.clip_id, row.label)
        for line, row in zip(lines, accepted, strict=True)
    ], rejected


def _find_separator(lines: Sequence[str]) -> str:
    """Return the separator with which most lines end in a number, or else in a name.

    A name after a space could be the end of a path, so a space counts before numbers only.
    """

    def count(separator: str, *, numbers: bool) -> int:
        cells = (line.rpartition(separator) for line in lines)
        return sum(
            bool(path.strip())
            and bool(_WHOLE_NUMBER.fullmatch(label.strip()) if numbers else label.strip())
            for path, _, label in cells
        )

    best = max(SEPARATORS, key=lambda separator: count(separator, numbers=True))
    if count(best, numbers=True):
        return best
    named = [separator for separator in SEPARATORS if separator != " "]
    return max(named, key=lambda separator: count(separator, numbers=False))


def _is_header(line: str, separator: str) -> bool:
    return _HEADER.fullmatch(line.rpartition(separator)[2].strip()) is not None


def _read_rows(
    path: Path, split: str, separator: str, lines: Sequence[tuple[int, str]]
) -> tuple[list[Row], list[RejectedRow]]:
    if not lines:
        raise InputError(f"{path}: no row below the header: name a list with clips")
    cells = [(number, line, *line.rpartition(separator)[::2]) for number, line in lines]
    labels = [label.strip() for _, _, clip, label in cells if clip.strip() and label.strip()]
    if 2 * len(labels) < len(cells) or not labels:
        number, line = next(
            (number, line)
            for number, line, clip, label in cells
            if not (clip.strip() and label.strip())
        )
        raise InputError(
            f"{path}: most lines must be a path, one of {', '.join(SEPARATORS.values())}, and a "
            f"label; line {number} is {line[:_MAX_SHOWN]!a}: name a label file"
        )
    are_numbers = 2 * sum(_WHOLE_NUMBER.fullmatch(label) is not None for label in labels) >= len(
        labels
    )
    rows, rejected = [], []
    for number, line, clip, label in cells:
        rule = _find_fault(clip.strip(), label.strip(), are_numbers=are_numbers)
        if rule:
            rejected.append(RejectedRow(path.name, number, rule, line[:_MAX_SHOWN]))
        else:
            value = int(label) if are_numbers else label.strip()
            rows.append(Row(number, split, clip.strip(), value))
    return rows, rejected


def _find_fault(clip: str, label: str, *, are_numbers: bool) -> str:
    """Return the rule that a row breaks, or nothing."""
    if not clip or not label:
        return "a row must have a path, a separator and a label"
    if are_numbers and not _LABEL.fullmatch(label):
        return "a label must be a whole number, 0 to 999999, as in the other rows"
    if not are_numbers and _WHOLE_NUMBER.fullmatch(label):
        return "a label must be a name, as in the other rows"
    return ""
