"""What ``m2m splits check`` prints, and the same as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolkit.release.sums import as_text
from toolkit.splits.check import CheckedSet
from toolkit.splits.findings import ERROR, KINDS, WARNING, count_severities
from toolkit.splits.read import SEPARATORS, LabelFile

_NUM_SHOWN = 5
_STYLES = {ERROR: "bold red", WARNING: "bold yellow"}


def print_report(sets: Sequence[CheckedSet], console: Console) -> None:
    """Print each data set: its files, and what was found by kind, the first few of each."""
    for checked in sets:
        values = _describe(checked)
        console.print(
            Text(as_text(f"{checked.folder}: {values['recognised']}"), "bold"), soft_wrap=True
        )
        if checked.known:
            rule = f"{checked.known.group}s are told by the names, {checked.known.rule}"
            console.print(Text(f"  {rule}"), soft_wrap=True)
        console.print(_tabulate(values))
        _print_findings(checked, console)
    counts = count_severities(finding for checked in sets for finding in checked.findings)
    told = (f"{number:,} {severity}{'s' * (number != 1)}" for severity, number in counts.items())
    console.print(", ".join(told))


def make_json(sets: Sequence[CheckedSet]) -> str:
    """Return what was read and found, all of it."""
    values = {
        "ok": all(checked.ok for checked in sets),
        "kinds": {
            kind: dict(zip(("severity", "meaning"), said, strict=True))
            for kind, said in KINDS.items()
        },
        "sets": [_describe(checked) for checked in sets],
    }
    return json.dumps(values, indent=1) + "\n"


def _describe(checked: CheckedSet) -> dict[str, Any]:
    """Return what is known of a data set, as JSON has it."""
    known = checked.known
    num_named = sum(known.stem.fullmatch(clip.stem) is not None for clip in checked.clips if known)
    recognised = "names of no known data set"
    if known:
        counts = f"as many as {checked.list_name}" if checked.list_name else "of no known counts"
        recognised = (
            f"{known.title} by {num_named:,} of {len(checked.clips):,} file names, {counts}"
        )
    return {
        "folder": str(checked.folder),
        "dataset": checked.name,
        "recognised": recognised,
        "list": checked.list_name or None,
        "group": known.group if known else None,
        "group_rule": known.rule if known else None,
        "num_classes": len({clip.cls for clip in checked.clips}),
        "files": [_describe_file(file) for file in checked.files],
        "splits": [_describe_split(split, checked) for split in checked.splits],
        "counts": count_severities(checked.findings),
        "findings": [
            {"severity": finding.severity, **asdict(finding)} for finding in checked.findings
        ],
    }


def _describe_file(file: LabelFile) -> dict[str, Any]:
    return {
        "file": file.path.name,
        "split": file.split,
        "num_rows": len(file.rows),
        "num_bad_rows": len(file.rejected),
        "separator": file.separator,
        "line_ends": file.line_ends,
        "has_byte_order_mark": file.has_byte_order_mark,
        "has_header": file.has_header,
        "has_last_newline": file.has_last_newline,
        "num_blank_lines": file.num_blank,
    }


def _describe_split(split: str, checked: CheckedSet) -> dict[str, Any]:
    clips = [clip for clip in checked.clips if clip.split == split]
    return {
        "split": split,
        "num_rows": len(clips),
        "num_classes": len({clip.cls for clip in clips}),
        "num_groups": len({clip.group for clip in clips if clip.group}),
    }


def _tabulate(values: dict[str, Any]) -> Table:
    group = f"{values['group']}s" if values["group"] else "groups"
    table = Table("split", "rows", "classes", group, "files")
    for column in table.columns[1:4]:
        column.justify = "right"
    for split in values["splits"]:
        files = [
            f"{file['file']}: {SEPARATORS[file['separator']]}, {_tell_ends(file['line_ends'])}"
            for file in values["files"]
            if file["split"] == split["split"]
        ]
        counts = [f"{split[name]:,}" for name in ("num_rows", "num_classes", "num_groups")]
        table.add_row(Text(as_text(split["split"])), *counts, Text(as_text("; ".join(files))))
    return table


def _tell_ends(line_ends: dict[str, int]) -> str:
    return " and ".join(line_ends) or "one line"


def _print_findings(checked: CheckedSet, console: Console) -> None:
    for kind, (severity, meaning) in KINDS.items():
        found = [finding for finding in checked.findings if finding.kind == kind]
        if not found:
            continue
        what = (f"{severity} {kind}", _STYLES.get(severity, "bold"))
        console.print(Text.assemble(what, f" ({len(found):,}): {meaning}"), soft_wrap=True)
        for finding in found[:_NUM_SHOWN]:
            line = ": ".join(filter(None, (finding.where, finding.detail)))
            console.print(Text(f"  {as_text(line)}"), soft_wrap=True)
        if len(found) > _NUM_SHOWN:
            console.print(f"  ... and {len(found) - _NUM_SHOWN:,} more: --json lists all")
