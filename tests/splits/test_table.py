"""Lists of any data set become one table."""

import pyarrow.parquet as pq
import pytest

from toolkit.errors import InputError
from toolkit.splits.check import check_splits
from toolkit.splits.table import write_table

COLUMNS = ["dataset", "split", "path", "stem", "cls", "label", "group"]


def write(sets, path):
    """Write a table and return its rows."""
    write_table(sets, path)
    return pq.read_table(path).to_pylist()


def test_one_schema_for_lists_of_all_kinds(write_list, tmp_path):
    """What a list or its names do not tell is null; names as labels are numbered, sorted."""
    head = b"label,youtube_id,time_start,time_end,split\n"
    paths = [
        write_list("u/train.csv", [("run/v_Run_g01_c01.avi", 7)]),
        write_list(
            "k/val.csv", head + b"talk,-wiIfh_00-1,0,9,val\nair drumming,-wi_00-1234,1,9,val"
        ),
        write_list("own/train.csv", [("b.mp4", 1), ("a;b.mp4", 0)]),
    ]
    rows = write(check_splits(paths), tmp_path / "out.parquet")
    talk, drums = "-wiIfh_00-1_000000_000009", "-wi_00-1234_000001_000009"
    assert [tuple(row.values()) for row in rows] == [
        ("kinetics", "val", talk, talk, 1, "talk", "-wiIfh_00-1"),
        ("kinetics", "val", drums, drums, 0, "air drumming", "-wi_00-1234"),
        ("ucf101", "train", "run/v_Run_g01_c01.avi", "v_Run_g01_c01", 7, "Run", "Run_g01"),
        ("unrecognised/own", "train", "a;b.mp4", "a;b", 0, None, None),
        ("unrecognised/own", "train", "b.mp4", "b", 1, None, None),
    ]
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.names == COLUMNS
    assert [schema.field(name).nullable for name in COLUMNS] == [False] * 5 + [True] * 2


def test_the_same_lists_give_the_same_bytes(write_list, tmp_path):
    """In whatever order files are named and rows stand, and however they are written."""
    rows = [(f"{n}.mp4", n % 3) for n in range(100)]
    train, val = write_list("x/train.csv", rows[:60]), write_list("x/val.csv", rows[60:])
    write_table(check_splits([train, val]), tmp_path / "a.parquet")
    text = "\r\n".join(f"{clip}\t{label}" for clip, label in reversed(rows[:60]))
    write_list("x/train.csv", text.encode())
    write_table(check_splits([val, train]), tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_one_data_set_of_two_folders_is_refused(write_list, tmp_path):
    """Two lists of one data set cannot be told apart in the table."""
    paths = [write_list(f"{n}/train.csv", [("v_Run_g01_c01", 0)]) for n in "ab"]
    with pytest.raises(InputError, match="are both ucf101: convert one of them"):
        write_table(check_splits(paths), tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()
