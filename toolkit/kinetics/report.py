"""What ``m2m sources check`` prints: counts by problem and split, and the first of each problem."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolkit.kinetics.check import PROBLEMS
from toolkit.kinetics.table import Row

_NO_SPLIT = "no split"
_NUM_SHOWN = 3


def print_report(rows: Sequence[Row], *, annotated: bool, console: Console) -> None:
    """Print what the rows say.

    Args:
        rows: all of a source.
        annotated: whether there were annotations to compare with.
        console: where to print.
    """
    console.print(_count(rows, annotated=annotated))
    for problem, meaning in PROBLEMS.items():
        found = [row for row in rows if problem in row.problems]
        if not found:
            continue
        console.print(Text.assemble((problem, "bold"), f" ({len(found)}): {meaning}"))
        for row in found[:_NUM_SHOWN]:
            console.print(Text(f"  {_describe(row)}"), soft_wrap=True)
        if len(found) > _NUM_SHOWN:
            console.print(Text(f"  ... and {len(found) - _NUM_SHOWN} more"))


def _count(rows: Sequence[Row], *, annotated: bool) -> Table:
    splits = sorted({row.split for row in rows if row.split})
    if any(row.split is None for row in rows):
        splits.append(_NO_SPLIT)
    table = Table("", *splits, "all")
    for column in table.columns[1:]:
        column.justify = "right"

    def add(name: str, chosen: Sequence[Row]) -> None:
        counts = [sum((row.split or _NO_SPLIT) == split for row in chosen) for split in splits]
        table.add_row(name, *map(str, (*counts, len(chosen))))

    if annotated:
        named = [row for row in rows if row.split]  # an extra file and a rejected row have none
        present = [row for row in named if row.path]
        add("annotated", named)
        add("present", present)
        shares = [_share(present, named, split) for split in splits]
        table.add_row("present, %", *shares, _share(present, named, None))
    else:
        add("clips", rows)
    add("without a problem", [row for row in rows if not row.problems])
    table.add_section()
    for problem in PROBLEMS:
        if found := [row for row in rows if problem in row.problems]:
            add(problem, found)
    return table


def _share(part: Sequence[Row], whole: Sequence[Row], split: str | None) -> str:
    num_part, num_whole = (
        sum(split in (None, row.split) for row in rows) for rows in (part, whole)
    )
    return f"{100 * num_part / num_whole:.1f}" if num_whole else "-"


def _describe(row: Row) -> str:
    """Say which clip, where, and what is known; control characters are written out."""
    where = " in ".join(filter(None, (row.member, row.path)))
    text = "  ".join(filter(None, (row.clip_id, where, row.detail)))
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
