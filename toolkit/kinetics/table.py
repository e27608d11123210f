"""The table of a source: a row a clip, stored as Parquet with the same bytes for the same rows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import InputError
from toolkit.kinetics.content import HASH_METHOD
from toolkit.parquet import import_pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

_HASH_METHOD_KEY = b"m2m.content_hash"


@dataclass
class Row:
    """A clip that is annotated, found, or both; or a row of annotations that was rejected.

    Attributes:
        clip_id: None in a rejected row.
        label, split: as annotated; without annotations, from the folders. None where neither says.
        problems: names of ``toolkit.kinetics.check.PROBLEMS``; none where all is well.
        path, member: relative to the source; ``member`` in a tar. None where there is no file.
        offset: where the member's content begins in its tar; 0 where it is in none.
        detail: what is known of each problem.

    The others are those of ``toolkit.kinetics.look.Look``.
    """

    clip_id: str | None
    label: str | None
    split: str | None
    problems: list[str]
    path: str | None = None
    member: str | None = None
    offset: int | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    num_frames: int | None = None
    duration_s: float | None = None
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    content_hash: str | None = None
    detail: str = ""


def write_table(rows: Sequence[Row], path: Path) -> None:
    """Write rows in the order given."""
    pa, pq = import_pyarrow()
    schema = _make_schema(pa).with_metadata({_HASH_METHOD_KEY: HASH_METHOD})
    pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows], schema), path)


def read_table(path: Path) -> list[Row]:
    """Read what ``m2m sources check`` wrote.

    Raises:
        InputError: it is something else, or was written by another version of the hash.
    """
    pa, pq = import_pyarrow()
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path}: cannot be read as Parquet ({reason}): name what m2m sources check wrote"
        ) from error
    method = (table.schema.metadata or {}).get(_HASH_METHOD_KEY, b"none").decode()
    if not table.schema.equals(_make_schema(pa)) or method != HASH_METHOD:
        raise InputError(
            f"{path}: its columns or content hashes (method '{method}') are not those of this "
            f"version (method '{HASH_METHOD}'): make it again with m2m sources check, or in a "
            "project with  dvc repro --force ingest"
        )
    return [Row(**row) for row in table.to_pylist()]


def _make_schema(pa: Any) -> "pa.Schema":  # noqa: ANN401 - a module
    types = {
        "problems": pa.list_(pa.string()),
        "offset": pa.int64(),
        "size_bytes": pa.int64(),
        "num_frames": pa.int32(),
        "duration_s": pa.float64(),
        "fps": pa.float64(),
        "width": pa.int32(),
        "height": pa.int32(),
    }
    return pa.schema([(field.name, types.get(field.name, pa.string())) for field in fields(Row)])
