"""The table of a release: the same bytes for the same rows, and nothing else taken for one."""

import hashlib
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.errors import InputError
from toolkit.manifest import (
    ChainLink,
    CheckValue,
    ManifestRow,
    count_clips,
    read_manifest,
    write_manifest,
)
from toolkit.qa.checks import CRITICAL
from toolkit.shards import sample_sha256

CHECK_FIELDS = (
    "name: string not null, value: double not null, limit: double not null, "
    "passed: bool not null, worst_frame: int32 not null, "
    "worst_box: list<element: double not null> not null, severity: string not null"
)
LINK_FIELDS = "stage: string not null, config_hash: string not null, digest: string not null"
LINK = ChainLink("mask", "3f1c", "d" * 64)


def _row(clip_id: str, status: str = "released", checks: tuple[CheckValue, ...] = ()):
    texts = ("wave, höflich", 3, "train", status, "", "train-00000-of-00001.tar", "e" * 64)
    return ManifestRow(clip_id, *texts, 100, 29.97, 2, checks, "f" * 64, (LINK,))


FACES = CheckValue("faces", 0.25, 0.3, True, 7, (1.0, 2.0, 30.0, 40.0), CRITICAL)
ROWS = [_row("b", "failed"), _row("a", checks=(FACES,))]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Sorted by clip, whatever the order, with the same bytes."""
    write_manifest(ROWS, tmp_path / "a.parquet")
    write_manifest(reversed(ROWS), tmp_path / "b.parquet")
    assert read_manifest(tmp_path / "a.parquet") == sorted(ROWS, key=lambda row: row.clip_id)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_no_rows_are_a_manifest_too(tmp_path: Path) -> None:
    """A release may come to nothing."""
    write_manifest([], tmp_path / "m.parquet")
    assert read_manifest(tmp_path / "m.parquet") == []


def test_a_check_that_could_not_run_is_nan(tmp_path: Path) -> None:
    """And not null, which a reader may take for anything."""
    check = CheckValue("x", math.nan, 1, False, -1, (), CRITICAL)
    write_manifest([_row("a", checks=(check,))], tmp_path / "m")
    (row,) = read_manifest(tmp_path / "m")
    assert math.isnan(row.checks[0].value)


def test_the_columns_are_those_that_are_published(tmp_path: Path) -> None:
    """Names, types and order; no column, list or field of a list may hold nulls."""
    write_manifest(ROWS, tmp_path / "m.parquet")
    schema = pq.read_schema(tmp_path / "m.parquet")
    assert [(field.name, str(field.type)) for field in schema] == [
        ("clip_id", "string"),
        ("label", "string"),
        ("cls", "int32"),
        ("split", "string"),
        ("status", "string"),
        ("reason", "string"),
        ("shard", "string"),
        ("sample_sha256", "string"),
        ("num_frames", "int32"),
        ("fps", "double"),
        ("num_people", "int32"),
        ("checks", f"list<element: struct<{CHECK_FIELDS}> not null>"),
        ("source_digest", "string"),
        ("chain", f"list<element: struct<{LINK_FIELDS}> not null>"),
    ]
    assert not any(field.nullable for field in schema)


def test_a_clip_has_one_row(tmp_path: Path) -> None:
    """Two would make counts wrong."""
    with pytest.raises(InputError, match="a would be there twice"):
        write_manifest([_row("a"), _row("b"), _row("a")], tmp_path / "m.parquet")
    assert list(tmp_path.iterdir()) == []


def test_anything_else_is_no_manifest(tmp_path: Path) -> None:
    """Nothing, text, a cut file, another table, and one with text that is none."""
    path = tmp_path / "m.parquet"
    with pytest.raises(InputError, match="cannot be read"):
        read_manifest(path)
    write_manifest(ROWS, path)
    whole, table = path.read_bytes(), pq.read_table(path)
    for content in (b"clip_id\n", whole[:-9], whole[:4] + whole[9:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"name the manifest\.parquet"):
            read_manifest(path)
    no_text = pa.array([b"\xff", b"\xff"]).cast(pa.binary())
    no_text = pa.StringArray.from_buffers(2, *no_text.buffers()[1:])
    field = table.schema.field("label")
    for other in (table.drop_columns("fps"), table.set_column(1, field, no_text)):
        pq.write_table(other, path)
        with pytest.raises(InputError, match=r"name the manifest\.parquet"):
            read_manifest(path)


def test_clips_are_counted() -> None:
    """Each status, and all."""
    counts = {"ingested": 2, "released": 1, "quarantined": 0, "failed": 1}
    assert count_clips(ROWS) == counts


def test_the_digest_of_a_sample_is_that_of_its_lines() -> None:
    """Anybody can compute it, and the order of the parts plays no role."""
    lines = hashlib.sha256(b"cls aa\nmp4 bb\n").hexdigest()
    assert sample_sha256({"mp4": "bb", "cls": "aa"}) == lines
