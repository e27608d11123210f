"""What became of each clip in a stage: a row a clip, as Parquet, the same bytes each time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from toolkit.errors import InputError
from toolkit.files import write_output
from toolkit.parquet import import_pyarrow

OK, FAILED, QUARANTINED = "ok", "failed", "quarantined"


@dataclass(frozen=True)
class Row:
    """A clip after a stage.

    Attributes:
        shard: the work shard it belongs to, in every stage.
        status: "ok": its sample is there; "failed" or "quarantined", here or in a stage before.
        reason: why it is not ok, and in which stage; empty where it is.
        sha256: of its sample (``toolkit.shards``); empty where there is none.
        config_hash: of the stage.
    """

    clip_id: str
    label: str
    split: str
    shard: str
    status: str
    reason: str
    sha256: str
    config_hash: str


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write rows, sorted by clip."""
    pa, pq = import_pyarrow()
    schema = pa.schema([(field.name, pa.string()) for field in fields(Row)])
    ordered = sorted(rows, key=lambda row: row.clip_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_output(path) as partial:
        pq.write_table(pa.Table.from_pylist([asdict(row) for row in ordered], schema), partial)


def read_rows(path: Path) -> list[Row]:
    """Read what ``write_rows`` wrote.

    Raises:
        InputError: it is something else.
    """
    pa, pq = import_pyarrow()
    try:
        return [Row(**row) for row in pq.read_table(path).to_pylist()]
    except (OSError, TypeError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path}: cannot be read as the table of a stage ({reason}): run  dvc repro"
        ) from error


def name_target(stage: str) -> str:
    """Return what dvc.yaml calls a stage: ``STAGE@RELEASE`` where each release has its own."""
    release, _, name = stage.rpartition("/")
    return f"{name}@{release}" if release else name


def tell_again(stage: str) -> str:
    """Return the commands that make a stage do its work again, for the end of an error."""
    return f"run  dvc repro --force --single-item {name_target(stage)}  and then  dvc repro"
