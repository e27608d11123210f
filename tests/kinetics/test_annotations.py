"""Annotations: whole tables are read, bad rows set aside, what is no table refused."""

import unicodedata

import pytest

from toolkit.errors import AnnotationError
from toolkit.kinetics.annotations import read_annotations

HEADER = "label,youtube_id,time_start,time_end,split,is_cc\n"


def write(path, text):
    """Write a table as it is."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_rows(tmp_path, *rows):
    """Read a table of these rows."""
    return read_annotations([write(tmp_path / "train.csv", HEADER + "\n".join(rows))])


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_byte_order_mark_make_no_difference(tmp_path, bom, end):
    """Kinetics comes with either; the last line may lack its end, and lines may be blank."""
    text = end.join(
        [HEADER.strip(), "air drumming,--nQbRBEz2s,104,114,val,0", "", "x,b,0,10.0,val"]
    )
    accepted, rejected = read_annotations([write(tmp_path / "a.csv", bom + (text + ",1").encode())])
    assert [(row.clip_id, row.label) for row in accepted] == [
        ("--nQbRBEz2s_000104_000114", "air drumming"),
        ("b_000000_000010", "x"),
    ]
    assert (accepted[0].split, accepted[0].start_s, accepted[0].end_s) == ("val", 104, 114)
    assert not rejected


def test_labels_may_have_spaces_quotes_commas_and_any_script(tmp_path):
    """They are composed (NFC) and stripped, and otherwise kept."""
    decomposed = unicodedata.normalize("NFD", "café tanzen")
    accepted, rejected = read_rows(
        tmp_path, f" {decomposed} ,a,0,9,val,0", '"a ""b"", c",b,0,9,val,0', "太極拳,c,0,9,val,0"
    )
    assert [row.label for row in accepted] == ["café tanzen", 'a "b", c', "太極拳"]
    assert not rejected


def test_one_of_several_tables_may_be_without_rows(tmp_path):
    """A small data set has no clip in some split."""
    tables = [
        write(tmp_path / "a.csv", HEADER),
        write(tmp_path / "b.csv", HEADER + "x,a,0,9,val,0"),
    ]
    assert len(read_annotations(tables)[0]) == 1


@pytest.mark.parametrize(
    ("row", "rule", "value"),
    [
        (",a,0,9,val,0", "empty", "''"),
        ("  ,a,0,9,val,0", "empty", "'  '"),
        ("a/b,a,0,9,val,0", "must not hold '/'", "'a/b'"),
        ("a\\b,a,0,9,val,0", "must not hold '/'", "'a\\\\b'"),
        ("..,a,0,9,val,0", "must not hold '/'", "'..'"),
        (".,a,0,9,val,0", "must not hold '/'", "'.'"),
        ("a\0b,a,0,9,val,0", "control characters", "'a\\x00b'"),
        ('"a\nb",a,0,9,val,0', "control characters", "'a\\nb'"),
        ("a\x1b[2J,a,0,9,val,0", "control characters", "'a\\x1b[2J'"),
        ("x,a.b,0,9,val,0", "a clip id must be", "'a.b'"),
        ("x,../a,0,9,val,0", "a clip id must be", "'../a'"),
        ("x,,0,9,val,0", "a clip id must be", "''"),
        (f"x,{'a' * 200},0,9,val,0", "a clip id must be", "'aaa"),
        ("x,a,9,5,val,0", "time_end must be after", "'9 to 5'"),
        ("x,a,9,9,val,0", "time_end must be after", "'9 to 9'"),
        ("x,a,-1,5,val,0", "time_start must be whole seconds", "'-1'"),
        ("x,a,0,nan,val,0", "time_end must be whole seconds", "'nan'"),
        ("x,a,0,9.5,val,0", "time_end must be whole seconds", "'9.5'"),
        ("x,a,0,1000000,val,0", "time_end must be whole seconds", "'1000000'"),
        ("x,a,0,٣,val,0", "time_end must be whole seconds", "'\\u0663'"),
        ("x,a,0,9,../val,0", "a split must be", "'../val'"),
        ("x,a,0,9", "as many cells", "'x,a,0,9'"),
        ("x,a,0,9,val,0,0", "as many cells", "'x,a,0,9,val,0,0'"),
    ],
)
def test_a_row_that_breaks_a_rule_is_set_aside(tmp_path, row, rule, value):
    """It comes back with file, line, rule and value; the rows around it are read."""
    accepted, (rejected,) = read_rows(tmp_path, "x,b,0,9,val,0", row, "x,c,0,9,val,0")
    assert [row.clip_id[0] for row in accepted] == ["b", "c"]
    assert (rejected.file, rejected.line) == ("train.csv", 3)
    assert rule in str(rejected)
    assert str(rejected).isprintable()
    assert f"got {value}" in str(rejected)


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("x,a,0,9,val,0", "must stand once, but is in a.csv:2"),
        ("x,a,0,9,train,0", "one split, but a.csv:2 has 'val'"),
        ("y,a,0,9,val,0", "one label, but a.csv:2 has 'x'"),
    ],
)
def test_of_rows_with_one_id_the_first_counts(tmp_path, row, rule):
    """Within a table or across several; the same video at another time is another clip."""
    first = write(tmp_path / "a.csv", f"{HEADER}x,a,0,9,val,0\nx,a,9,18,val,0\n")
    accepted, (rejected,) = read_annotations([first, write(tmp_path / "b.csv", HEADER + row)])
    assert [clip.clip_id for clip in accepted] == ["a_000000_000009", "a_000009_000018"]
    assert (rejected.file, rejected.line) == ("b.csv", 2)
    assert rule in rejected.rule


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "must name the columns"),
        (HEADER, "no row below the header"),
        ("label,youtube_id,time_start,time_end\na,b,0,1\n", "split is not in 'label,youtube_id"),
        ("air drumming,abc,0,1,val,0\n", "the first line must name the columns"),
        (HEADER.encode("utf-16"), "is not UTF-8 (byte 0 is 0xff)"),
        (HEADER.encode() + b"caf\xe9,a,0,9,val,0", "is not UTF-8 (byte 52 is 0xe9)"),
        (HEADER + 'x,a,0,9,val,0\n"y,b,0,9,val,0\n', "not CSV (unexpected end of data)"),
        (b"\0" * 100, "must name the columns"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, content, message):
    """The line names the file and what to do; the exit code is that of bad input."""
    path = tmp_path / "train.csv"
    if content is not None:
        write(path, content)
    with pytest.raises(AnnotationError) as caught:
        read_annotations([path])
    line = str(caught.value)
    assert message in line
    assert str(path) in line
    assert "\n" not in line
    assert caught.value.exit_code == 2


def test_a_folder_is_no_table(tmp_path):
    """It is refused, as is anything that is no plain file."""
    with pytest.raises(AnnotationError, match="is not a file"):
        read_annotations([tmp_path])


def test_the_published_validation_list(shared_dir):
    """The 7,467 clips in 150 classes that the paper's repository lists are read."""
    accepted, rejected = read_annotations([shared_dir / "splits/kinetics/val.csv"])
    assert (len(accepted), len({row.label for row in accepted})) == (7467, 150)
    assert {row.split for row in accepted} == {"val"}
    assert not rejected
