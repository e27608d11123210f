"""What people decided of clips: read, checked, and kept with the release they looked at.

A table has a row a clip and reviewer. Two people look at a clip; where they disagree, a third look
is recorded under the name ``adjudicated`` and decides. A verdict holds for the bytes that were
looked at, whose digest stands beside it.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from toolkit.errors import InputError
from toolkit.files import check_source, make_folder, write_output

OK, VISIBLE, OCCLUSION, OTHER = VERDICTS = ("ok", "person_visible", "occlusion_error", "other")
ADJUDICATED = "adjudicated"
_REVIEWER = re.compile(r"[A-Za-z0-9._-]{1,40}")
_MAX_REVIEWERS = 2
_NUM_TOLD = 20
_MAX_NOTE = 2000


@dataclass(frozen=True, order=True)
class Verdict:
    """What one person decided of one clip.

    Attributes:
        sample_sha256: of the sample that was looked at; empty for a clip in no shard.
        verdict: one of ``VERDICTS``.
    """

    clip_id: str
    reviewer: str
    sample_sha256: str
    label: str
    verdict: str
    note: str


COLUMNS = ("clip_id", "sample_sha256", "label", "reviewer", "verdict", "note")
assert set(COLUMNS) == {field.name for field in fields(Verdict)}  # noqa: S101 - one list of them


def read_verdicts(path: Path, known: Mapping[str, str] | None = None) -> list[Verdict]:
    """Read a table of verdicts.

    Args:
        path: CSV, as the review page exports it or ``write_verdicts`` writes it.
        known: clip to the digest of its sample, of the release; None: not compared.

    Raises:
        InputError: it is no such table, or lines break a rule; all of them are named.
    """
    check_source(path)
    rows, faults, seen = [], [], set()
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file, strict=True)
        try:
            if set(table.fieldnames or ()) != set(COLUMNS):
                raise InputError(
                    f"{path}: is no table of verdicts (columns {', '.join(COLUMNS)}): export one "
                    "from the review page"
                )
            for row in table:
                line = f"line {table.line_num}"
                fault = _find_fault(row, known)
                if not fault and (row["clip_id"], row["reviewer"]) in seen:
                    fault = f"{row['reviewer']} has decided of {row['clip_id']} before"
                if fault:
                    faults.append(f"{line}: {fault}")
                    continue
                seen.add((row["clip_id"], row["reviewer"]))
                rows.append(Verdict(**{name: _unquote(text) for name, text in row.items()}))
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as CSV ({error}): export it again") from error
    if faults:
        more = f"; and {len(faults) - _NUM_TOLD} more" if len(faults) > _NUM_TOLD else ""
        raise InputError(f"{path}: {'; '.join(faults[:_NUM_TOLD])}{more}: correct them")
    return rows


def _find_fault(row: Mapping[str, str], known: Mapping[str, str] | None) -> str:
    """Return what is wrong with a row; empty where nothing is."""
    if None in row or None in row.values():  # more, or fewer
        return f"has not {len(COLUMNS)} columns"
    clip_id = row["clip_id"]
    is_known = known is None or clip_id in known
    faults = {
        f"verdict {row['verdict']!a:.40} is none of {', '.join(VERDICTS)}": (
            row["verdict"] not in VERDICTS
        ),
        f"reviewer {row['reviewer']!a:.40} must be letters, digits, - _ or .": (
            not _REVIEWER.fullmatch(row["reviewer"])
        ),
        f"the note is longer than {_MAX_NOTE} characters": len(row["note"]) > _MAX_NOTE,
        f"{clip_id!a:.40} is no clip of the release": not is_known,
        f"{clip_id!a:.40} was looked at in another version: look again": (
            known is not None and is_known and row["sample_sha256"] != known[clip_id]
        ),
    }
    return next((fault for fault, is_there in faults.items() if is_there), "")


def merge_verdicts(old: Iterable[Verdict], new: Iterable[Verdict]) -> list[Verdict]:
    """Add verdicts; who decides again of a clip changes their mind.

    Raises:
        InputError: a clip has more than two reviewers besides the adjudication.
    """
    merged = {(item.clip_id, item.reviewer): item for item in (*old, *new)}
    reviewers = defaultdict(list)
    for clip_id, reviewer in sorted(merged):
        if reviewer != ADJUDICATED:
            reviewers[clip_id].append(reviewer)
    for clip_id, names in reviewers.items():
        if len(names) > _MAX_REVIEWERS:
            raise InputError(
                f"{clip_id} would have {len(names)} reviewers ({', '.join(names)}), and two "
                f"decide: record a third look under the name {ADJUDICATED}"
            )
    return sorted(merged.values())


def decide(verdicts: Iterable[Verdict]) -> tuple[dict[str, str], list[str]]:
    """Return clip to verdict, and the clips of which two people say different things.

    The adjudication decides; without it, clips in disagreement have no verdict.
    """
    of_clips: dict[str, dict[str, str]] = defaultdict(dict)
    for item in verdicts:
        of_clips[item.clip_id][item.reviewer] = item.verdict
    decided, open_clips = {}, []
    for clip_id, said in sorted(of_clips.items()):
        if ADJUDICATED in said:
            decided[clip_id] = said[ADJUDICATED]
        elif len(set(said.values())) == 1:
            decided[clip_id] = next(iter(said.values()))
        else:
            open_clips.append(clip_id)
    return decided, open_clips


def write_verdicts(verdicts: Sequence[Verdict], path: Path) -> None:
    """Write verdicts, sorted; a note that a spreadsheet would run as a formula is quoted."""
    make_folder(path.parent)
    with write_output(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        for item in sorted(verdicts):
            row = asdict(item)
            table.writerow({name: _quote(row[name]) for name in COLUMNS})


def _quote(text: str) -> str:
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text


def _unquote(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:2] in tuple("=+-@\t\r") else text
