"""The manifest of a release: a row for every clip that was taken in, released or not.

Stored as Parquet, sorted by clip, without nulls, and with the same bytes for the same rows. It is
published with the release, so it names clips by their published ids and holds only keyed digests
of what is private (``toolkit.release.pseudonyms``).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import InputError
from toolkit.files import check_source, write_output
from toolkit.parquet import import_pyarrow
from toolkit.qa.checks import WARNING

if TYPE_CHECKING:
    import pyarrow as pa

RELEASED, QUARANTINED, FAILED = STATUSES = ("released", "quarantined", "failed")


@dataclass(frozen=True, slots=True)
class CheckValue:
    """A check of a clip as it was decided.

    Attributes:
        value: NaN where the check could not run, which counts as failed.
        worst_frame: index of the frame with that value; -1 where there is none.
        worst_box: where in that frame, x0, y0, x1, y1 in pixels; empty where it is of all of it.
        severity: ``toolkit.qa.checks.SEVERITIES``.
    """

    name: str
    value: float
    limit: float
    passed: bool
    worst_frame: int
    worst_box: tuple[float, ...]
    severity: str

    @property
    def blocks(self) -> bool:
        """Whether the clip must not be released for it."""
        is_within = self.passed and self.value <= self.limit
        return not is_within and (self.severity != WARNING or isnan(self.value))


@dataclass(frozen=True, slots=True)
class ChainLink:
    """What a stage made of a clip.

    Attributes:
        config_hash: of what the stage was told.
        digest: keyed digest of the clip's sample after the stage.
    """

    stage: str
    config_hash: str
    digest: str


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """A clip.

    Attributes:
        clip_id: published id.
        label, cls: of the action, as text and as index.
        status: one of ``STATUSES``.
        reason: why it is not released; empty where it is.
        shard: name of the tar in ``data/``; empty where it is in none.
        sample_sha256: ``toolkit.shards.sample_sha256``; empty where it is in no shard.
        num_people: -1 where unknown.
        source_digest: keyed digest of the source file.
        chain: in the order of the stages.
    """

    clip_id: str
    label: str
    cls: int
    split: str
    status: str
    reason: str
    shard: str
    sample_sha256: str
    num_frames: int
    fps: float
    num_people: int
    checks: tuple[CheckValue, ...]
    source_digest: str
    chain: tuple[ChainLink, ...]


def count_clips(rows: Iterable[ManifestRow]) -> dict[str, int]:
    """Return the number of clips taken in ("ingested"), and of each status."""
    statuses = Counter(row.status for row in rows)
    return {"ingested": statuses.total(), **{status: statuses[status] for status in STATUSES}}


def write_manifest(rows: Iterable[ManifestRow], path: Path) -> None:
    """Write rows, sorted by clip.

    Raises:
        InputError: two rows have one clip_id, or ``path`` cannot be written.
    """
    ordered = sorted(rows, key=lambda row: row.clip_id)
    for row, other in pairwise(ordered):
        if row.clip_id == other.clip_id:
            raise InputError(f"{path}: {row.clip_id} would be there twice: give each clip one row")
    pa, pq = import_pyarrow()
    table = pa.Table.from_pylist([asdict(row) for row in ordered], _make_schema(pa))
    with write_output(path) as partial:
        pq.write_table(table, partial)


def read_manifest(path: Path) -> list[ManifestRow]:
    """Read what ``write_manifest`` wrote.

    Raises:
        InputError: it is something else.
    """
    check_source(path)
    pa, pq = import_pyarrow()
    try:
        table = pq.ParquetFile(path).read()
        table.validate(full=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path}: cannot be read as Parquet ({reason}): name the manifest.parquet of a release"
        ) from error
    if not table.schema.equals(_make_schema(pa)):
        raise InputError(
            f"{path}: its columns are not those of a manifest of this version: name the "
            "manifest.parquet of a release"
        )
    return [row for batch in table.to_batches() for row in _make_rows(batch)]


def _make_rows(batch: Any) -> Iterator[ManifestRow]:  # noqa: ANN401 - pyarrow has no types
    """Yield rows, column by column: row by row would take longer than sha256 of their clips."""
    kinds = {"checks": CheckValue, "chain": ChainLink}
    columns = [
        _list_structs(batch.column(field.name), kinds[field.name])
        if field.name in kinds
        else _list_values(batch.column(field.name))
        for field in fields(ManifestRow)
    ]
    return map(ManifestRow, *columns)


def _list_structs(column: Any, kind: type) -> list[Any]:  # noqa: ANN401 - pyarrow has no types
    """Return a tuple of ``kind`` for each row of lists of structs."""
    values = column.flatten()
    structs = [kind(*cells) for cells in zip(*map(_list_values, values.flatten()), strict=True)]
    return _cut(structs, column)


def _list_values(column: Any) -> list[Any]:  # noqa: ANN401 - pyarrow has no types
    if hasattr(column, "offsets") and hasattr(column, "flatten"):
        return _cut(_list_values(column.flatten()), column)
    values: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
    return values


def _cut(values: list[Any], column: Any) -> list[Any]:  # noqa: ANN401 - pyarrow has no types
    """Return the values of each list of a column as a tuple."""
    offsets = column.offsets.to_numpy().tolist()
    first = offsets[0] if offsets else 0
    return [tuple(values[begin - first : end - first]) for begin, end in pairwise(offsets)]


def _make_schema(pa: Any) -> "pa.Schema":  # noqa: ANN401 - a module
    plain = {str: pa.string(), int: pa.int32(), float: pa.float64(), bool: pa.bool_()}
    structs = {tuple[CheckValue, ...]: CheckValue, tuple[ChainLink, ...]: ChainLink}

    def make_fields(row: type) -> Sequence["pa.Field"]:
        return [pa.field(f.name, make_type(f.type), nullable=False) for f in fields(row)]

    def make_type(kind: Any) -> "pa.DataType":  # noqa: ANN401 - what a field is annotated with
        if kind in plain:
            return plain[kind]
        if kind == tuple[float, ...]:
            return pa.list_(pa.field("element", pa.float64(), nullable=False))
        struct = pa.struct(make_fields(structs[kind]))
        return pa.list_(pa.field("element", struct, nullable=False))

    return pa.schema(make_fields(ManifestRow))
