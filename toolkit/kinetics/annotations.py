"""Annotations as Kinetics has them: a CSV row for each clip.

A file that is no such table is an error. A row that breaks a rule is set aside with its reason, so
that one bad row of 150,000 neither stops the work nor vanishes.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.clip import CLIP_ID_RULE, is_clip_id, make_clip_id
from toolkit.errors import AnnotationError

COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")
"""What a table must have; is_cc and others may be there."""

_SECONDS = re.compile(r"([0-9]{1,6})(?:\.0+)?")
_SPLIT = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Annotation:
    """One clip as annotated.

    Attributes:
        label: in Unicode's composed form (NFC), without space around it.
        start_s, end_s: whole seconds of the video on YouTube.
    """

    clip_id: str
    label: str
    split: str
    start_s: int
    end_s: int


@dataclass(frozen=True)
class RejectedRow:
    """A row that breaks a rule: where it stands, which rule, and the value that breaks it."""

    file: str
    line: int
    rule: str
    value: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}, got {self.value!a}"


class _RuleBrokenError(Exception):
    """Carries rule and value."""

    def __init__(self, rule: str, value: str) -> None:
        super().__init__(rule, value)
        self.rule, self.value = rule, value


def read_annotations(paths: Sequence[Path]) -> tuple[list[Annotation], list[RejectedRow]]:
    """Read one or several tables; of rows with one clip id the first counts.

    Raises:
        AnnotationError: a file cannot be read, is no CSV in UTF-8 or lacks a column, or none of
            them has a row.
    """
    accepted: dict[str, tuple[Annotation, str]] = {}
    rejected = []
    for path in paths:
        for line, row in _read_rows(path):
            try:
                annotation = _parse(row)
                _check_new(annotation, accepted)
            except _RuleBrokenError as broken:
                rejected.append(RejectedRow(path.name, line, broken.rule, broken.value))
            else:
                accepted[annotation.clip_id] = annotation, f"{path.name}:{line}"
    if paths and not accepted and not rejected:
        names = ", ".join(map(str, paths))
        raise AnnotationError(f"{names}: no row below the header: name a table with clips")
    return [annotation for annotation, _ in accepted.values()], rejected


def find_label_fault(label: str) -> str:
    """Return the rule that ``label`` breaks, or nothing."""
    if not label:
        return "a label must not be empty"
    if "/" in label or "\\" in label or ".." in label or label == ".":
        return "a label must not hold '/', '\\' or '..', and not be '.'"
    if any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in label):
        return "a label must not hold control characters"
    return ""


def normalise_label(text: str) -> str:
    """Return ``text`` without space around it, in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", text.strip())


def _read_rows(path: Path) -> Iterator[tuple[int, dict[str, str] | list[str]]]:
    """Yield the line number of each row, and the row: a list where it has too many or few cells."""
    rows = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise AnnotationError(
                f"{path}: the first line must name the columns {', '.join(COLUMNS)}; "
                f"{', '.join(missing)} is not in '{','.join(header)[:80]}': name a Kinetics table"
            )
        line = rows.line_num + 1
        for cells in rows:
            if cells:
                is_whole = len(cells) == len(header)
                yield line, dict(zip(header, cells, strict=True)) if is_whole else cells
            line = rows.line_num + 1
    except csv.Error as error:
        raise AnnotationError(
            f"{path}:{rows.line_num}: not CSV ({error}): mend the line, often a lone quote"
        ) from error


def _read_text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise AnnotationError(f"{path} is not a file: name an annotation CSV")
        data = path.read_bytes()
    except OSError as error:
        raise AnnotationError(
            f"{path}: cannot be read ({error.strerror}): name an annotation CSV"
        ) from error
    if not data.strip():
        raise AnnotationError(f"{path} is empty: fetch or copy it again")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f"{path} is not UTF-8 (byte {error.start} is 0x{data[error.start]:02x}): "
            f"save it as UTF-8"
        ) from error


def _parse(row: dict[str, str] | list[str]) -> Annotation:
    if isinstance(row, list):
        raise _RuleBrokenError("a row must have as many cells as the header", ",".join(row))
    label = normalise_label(row["label"])
    if fault := find_label_fault(label):
        raise _RuleBrokenError(fault, row["label"])
    split = row["split"].strip()
    if not _SPLIT.fullmatch(split):
        raise _RuleBrokenError("a split must be letters, digits and _", row["split"])
    start_s, end_s = (_parse_seconds(row, name) for name in ("time_start", "time_end"))
    if end_s <= start_s:
        raise _RuleBrokenError("time_end must be after time_start", f"{start_s} to {end_s}")
    clip_id = make_clip_id(row["youtube_id"].strip(), start_s, end_s)
    if not row["youtube_id"].strip() or not is_clip_id(clip_id):
        raise _RuleBrokenError(f"a clip id must be {CLIP_ID_RULE}", row["youtube_id"])
    return Annotation(clip_id, label, split, start_s, end_s)


def _parse_seconds(row: dict[str, str], name: str) -> int:
    match = _SECONDS.fullmatch(row[name].strip())
    if not match:
        raise _RuleBrokenError(f"{name} must be whole seconds, 0 to 999999", row[name])
    return int(match[1])


def _check_new(annotation: Annotation, accepted: dict[str, tuple[Annotation, str]]) -> None:
    if annotation.clip_id not in accepted:
        return
    first, where = accepted[annotation.clip_id]
    for what in ("split", "label"):
        if getattr(annotation, what) != getattr(first, what):
            rule = f"a clip id must have one {what}, but {where} has {getattr(first, what)!a}"
            raise _RuleBrokenError(rule, f"{annotation.clip_id} {getattr(annotation, what)}")
    raise _RuleBrokenError(f"a clip id must stand once, but is in {where}", annotation.clip_id)
