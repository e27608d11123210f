"""Label files are read however they are written; what is none is refused in one line."""

import pytest

from toolkit.errors import InputError
from toolkit.splits.read import read_label_file, read_split

KINETICS = "label,youtube_id,time_start,time_end,split,is_cc\n"


@pytest.mark.parametrize("separator", [";", ",", "\t", " "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("has_last", [True, False])
def test_every_way_to_write_a_list_gives_the_same_rows(write_list, separator, end, mark, has_last):
    """Separator, line ends, byte order mark and a last newline are told, and change no row."""
    text = end.join(separator.join(row) for row in [("a/x.mp4", "0"), ("b/y.mp4", "12")])
    data = mark + (text + end * has_last).encode()
    file = read_label_file(write_list("train.csv", data))
    assert [(row.line, row.path, row.label) for row in file.rows] == [
        (1, "a/x.mp4", 0),
        (2, "b/y.mp4", 12),
    ]
    assert file.separator == separator
    assert file.line_ends == {{"\n": "LF", "\r\n": "CRLF", "\r": "CR"}[end]: 1 + has_last}
    assert (file.has_byte_order_mark, file.has_last_newline) == (bool(mark), has_last)
    assert not file.rejected


@pytest.mark.parametrize("separator", [";", ",", "\t", " "])
def test_names_may_hold_any_separator(write_list, separator):
    """A row is split at its last separator; the others are part of the name."""
    names = ["a;-)_b", "a, b", "a\tb", "plain", "plain too"]
    text = "".join(f"{name}{separator}{label}\n" for label, name in enumerate(names))
    file = read_label_file(write_list("val.csv", text.encode()))
    assert [(row.path, row.label) for row in file.rows] == list(zip(names, range(5), strict=True))


def test_labels_may_be_names(write_list):
    """They may have spaces, so a space is no separator then."""
    file = read_label_file(write_list("train.csv", b"a.mp4,air drumming\nb.mp4,writing\n"))
    assert [row.label for row in file.rows] == ["air drumming", "writing"]


def test_a_header_and_blank_lines_are_no_rows(write_list):
    """Line numbers are those of the file all the same."""
    file = read_label_file(write_list("train.csv", b"path;label\n\na.mp4;0\n \nb.mp4;1\n"))
    assert [(row.line, row.path) for row in file.rows] == [(3, "a.mp4"), (5, "b.mp4")]
    assert (file.has_header, file.num_blank) == (True, 2)


def test_a_table_as_kinetics_has_them(write_list):
    """Its columns name the clip, the label and the split; lines are counted over quoted cells."""
    rows = b'"two\nlines",x,0,9,validate,0\n\nwriting,abc,1,11,validate,0\ntalk,d,2,12,train,0\n'
    file = read_label_file(write_list("val.csv", KINETICS.encode() + rows))
    assert [(row.line, row.split, row.path, row.label) for row in file.rows] == [
        (5, "val", "abc_000001_000011", "writing"),
        (6, "train", "d_000002_000012", "talk"),
    ]
    assert [row.line for row in file.rejected] == [2]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("c.mp4", "a row must have a path, a separator and a label"),
        ("c.mp4;", "a row must have a path, a separator and a label"),
        (";3", "a row must have a path, a separator and a label"),
        ("c.mp4;writing", "a label must be a whole number"),
        ("c.mp4;-1", "a label must be a whole number, 0 to 999999"),
        ("c.mp4;1.5", "a label must be a whole number"),
        ("c.mp4;1000000", "a label must be a whole number, 0 to 999999"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_reason(write_list, row, rule):
    """The others are read; the line says where, which rule, and what is there."""
    file = read_label_file(write_list("train.csv", f"a.mp4;0\nb.mp4;1\n{row}\n".encode()))
    assert len(file.rows) == 2
    (rejected,) = file.rejected
    assert str(rejected).startswith(f"train.csv:3: {rule}")
    assert str(rejected).endswith(f"got {row!a}")


def test_a_number_among_names_is_a_bad_row(write_list):
    """A list has one kind of labels: that of most rows."""
    file = read_label_file(write_list("train.csv", b"a.mp4;talk\nb.mp4;walk\nc.mp4;3\n"))
    (rejected,) = file.rejected
    assert (
        str(rejected) == "train.csv:3: a label must be a name, as in the other rows, got 'c.mp4;3'"
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty: fetch or copy it again"),
        (b"\xef\xbb\xbf \r\n\n", "is empty: fetch or copy it again"),
        (b"\x00\x01\x02;0\n", "is not text in UTF-8 (byte 0 is 0x00)"),
        (b"caf\xe9.mp4;0\n", "is not text in UTF-8 (byte 3 is 0xe9)"),
        (b"a.mp4\nb.mp4\n", "line 1 is 'a.mp4': name a label file"),
        (b"a.mp4;0\nb.mp4\nc.mp4\n", "line 2 is 'b.mp4': name a label file"),
        (b"A page about clips\nand their labels\n", "line 1 is 'A page about clips'"),
        (b"path;label\n", "no row below the header"),
        (b"a.mp4;-1\n", "no row can be used; the first, train.csv:1: a label must be"),
        (b"label,youtube_id,split\nx,y,val\n", "the first line must name the columns"),
        (KINETICS.encode(), "no row below the header"),
    ],
)
def test_what_is_no_label_file_is_refused_in_one_line(write_list, data, message):
    """The line names the file, what is wrong, and what to do."""
    path = write_list("train.csv", data)
    with pytest.raises(InputError) as error:
        read_label_file(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_or_nothing_is_refused_in_one_line(tmp_path):
    """What is there must be a file."""
    with pytest.raises(InputError, match="is a folder: name the label files in it"):
        read_label_file(tmp_path)
    with pytest.raises(InputError, match="No such file or directory"):
        read_label_file(tmp_path / "train.csv")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("Validate", "val"),
        ("ucf101_val_split_1_videos", "val"),
        ("testlist01", "test"),
        ("trainlist01", "train"),
        ("training", "train"),
        ("retrained", "retrained"),
        ("train_val", "train_val"),
        ("clips", "clips"),
    ],
)
def test_the_split_is_in_the_name(name, split):
    """It is a word of the name; a name without one, or with two, stands for itself."""
    assert read_split(name) == split
