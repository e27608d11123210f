"""Lists of any data set in one schema: Parquet with the same bytes for the same rows."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import InputError
from toolkit.files import write_output
from toolkit.parquet import import_pyarrow
from toolkit.splits.check import CheckedSet

if TYPE_CHECKING:
    import pyarrow as pa


def write_table(sets: Sequence[CheckedSet], path: Path) -> None:
    """Write the clips of all sets, sorted by data set, split and path.

    Raises:
        InputError: two sets have one name, or ``path`` cannot be written.
    """
    ordered = sorted(sets, key=lambda checked: checked.name)
    for checked, other in pairwise(ordered):
        if checked.name == other.name:
            raise InputError(
                f"{checked.folder} and {other.folder} are both {checked.name}: convert one of them"
            )
    pa, pq = import_pyarrow()
    rows = [
        {
            "dataset": checked.name,
            "split": clip.split,
            "path": clip.path,
            "stem": clip.stem,
            "cls": clip.cls,
            "label": clip.label,
            "group": clip.group,
        }
        for checked in ordered
        for clip in checked.clips
    ]
    table = pa.Table.from_pylist(rows, _make_schema(pa))
    with write_output(path) as partial:
        pq.write_table(table, partial)


def _make_schema(pa: Any) -> "pa.Schema":  # noqa: ANN401 - a module
    told = [(name, pa.string()) for name in ("dataset", "split", "path", "stem")]
    told.append(("cls", pa.int32()))
    fields = [pa.field(name, kind, nullable=False) for name, kind in told]
    return pa.schema([*fields, pa.field("label", pa.string()), pa.field("group", pa.string())])
