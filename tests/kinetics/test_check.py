"""Which Kinetics is there: every problem by its name, and the same table every time."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.kinetics.test_annotations import HEADER
from tests.kinetics.test_tree import make_member
from toolkit.errors import InputError
from toolkit.kinetics import look
from toolkit.kinetics.check import PROBLEMS, check_sources
from toolkit.kinetics.table import read_table
from toolkit.kinetics.tree import list_source

JOURNAL = "sources.parquet.journal"


@pytest.fixture
def check(tmp_path):
    """Check a source, with rows of annotations as text, and return the rows of the table."""

    def run(root, *annotations, reference=None, out=None):
        tables = []
        if annotations:
            tables = [tmp_path / "val.csv"]
            tables[0].write_text(HEADER + "\n".join(annotations), "utf-8")
        out = out or tmp_path / "sources.parquet"
        check_sources(root, tables, reference, out, lambda _name, _total: lambda _done: None)
        assert not (tmp_path / JOURNAL).exists()
        return read_table(out)

    return run


def by_id(rows):
    """Return the rows of clips by their ids, which must differ."""
    named = {row.clip_id: row for row in rows}
    assert len(named) == len(rows)
    return named


def test_a_whole_source(tmp_path, write_clip, check):
    """Present, missing, extra, empty, unreadable and in a wrong folder, each by its name."""
    root = tmp_path / "root"
    write_clip(root / "val/wave_hand/good_000000_000001.mp4", 1)
    write_clip(root / "stray_000000_000001.mp4", 2)
    write_clip(root / "bow/wrong_000000_000001.mp4", 3)
    write_clip(root / "bow/other name.mp4", 4)
    (root / "bow/empty_000000_000001.mp4").touch()
    (root / "bow/text_000000_000001.mp4").write_text("no video")
    rows = check(
        root,
        *(f"wave hand,{name},0,1,val,0" for name in ("good", "wrong", "gone")),
        *(f"bow,{name},0,1,train,0" for name in ("empty", "text")),
    )
    clips = by_id(rows)
    assert {name.partition("_")[0]: row.problems for name, row in clips.items()} == {
        "empty": ["zero_byte"],
        "gone": ["missing"],
        "good": [],
        "other-name-d81ba471141d": ["extra"],
        "stray": ["extra"],
        "text": ["unreadable"],
        "wrong": ["wrong_label"],
    }
    assert [row.clip_id for row in rows] == sorted(clips)
    good = clips["good_000000_000001"]
    assert (good.label, good.split, good.path) == (
        "wave hand",
        "val",
        "val/wave_hand/good_000000_000001.mp4",
    )
    assert (good.num_frames, good.duration_s, good.fps) == (10, 1.0, 10.0)
    assert (good.width, good.height, len(good.content_hash)) == (96, 64, 128)
    assert "Invalid data" in clips["text_000000_000001"].detail
    assert str(tmp_path) not in clips["text_000000_000001"].detail
    assert "'bow', annotated 'wave hand'" in clips["wrong_000000_000001"].detail


def test_truncated(tmp_path, write_clip, check):
    """A file that is cut off, and one much shorter than annotated; a little shorter is fine."""
    cut = write_clip(tmp_path / "root/cut_000000_000004.mp4", 1, 4.0, faststart=True)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 2 // 3])
    write_clip(tmp_path / "root/short_000000_000004.mp4", 2, 3.4)
    write_clip(tmp_path / "root/fine_000000_000004.mp4", 3, 3.6)
    write_clip(tmp_path / "root/enough_000000_000010.mp4", 4, 9.1)
    names = ("cut_000000_000004", "short_000000_000004", "fine_000000_000004")
    clips = by_id(
        check(
            tmp_path / "root",
            *(f"wave,{name},0,4,val,0" for name in ("cut", "short", "fine")),
            "wave,enough,0,10,val,0",
        )
    )
    assert [clips[name].problems for name in names] == [["truncated"], ["truncated"], []]
    assert clips["enough_000000_000010"].problems == []
    assert "cut off at frame" in clips[names[0]].detail
    assert clips[names[1]].detail == "truncated: 3.40 s of the 4 s annotated"
    assert clips[names[1]].content_hash


def test_duplicates_are_grouped(tmp_path, write_clip, check):
    """The same bytes or the same content at another size; a second file of one id is extra."""
    root = tmp_path / "root"
    source = write_clip(root / "wave/a_000000_000001.mp4", 1)
    shutil.copy(source, root / "wave/b_000000_000001.mp4")
    write_clip(root / "wave/c_000000_000001.mp4", 1, size=(128, 96))
    write_clip(root / "wave/d_000000_000001.mp4", 2)
    (root / "bow").mkdir()
    shutil.copy(root / "wave/d_000000_000001.mp4", root / "bow")
    rows = check(root, "bow,x,0,1,val,0", *(f"wave,{name},0,1,val,0" for name in "abcd"))
    found = {row.path: row for row in rows}
    for name in "abc":
        row = found[f"wave/{name}_000000_000001.mp4"]
        assert row.problems == ["duplicate"]
        assert "group a_000000_000001 of 3 ids" in row.detail
    assert found["wave/d_000000_000001.mp4"].problems == []
    assert found["bow/d_000000_000001.mp4"].problems == ["extra"]
    assert found["bow/d_000000_000001.mp4"].detail == "extra: as is wave/d_000000_000001.mp4"


def test_bad_annotations_become_rows(tmp_path, write_clip, check):
    """Each with file, line, rule and value; their files are extra, since nothing names them."""
    write_clip(tmp_path / "root/late_000009_000001.mp4")
    rows = check(
        tmp_path / "root",
        "wave,a,0,1,val,0",
        "wave,a,0,1,val,0",
        "wave,a,0,1,train,0",
        "../wave,b,0,1,val,0",
        "wave,late,9,1,val,0",
        "wave,b.mp4,0,1,val,0",
    )
    assert [(row.clip_id, row.problems) for row in rows] == [
        *([(None, ["rejected"])] * 5),
        ("a_000000_000001", ["missing"]),
        ("late_000009_000001", ["extra"]),
    ]
    details = [row.detail for row in rows[:5]]
    assert [detail.partition(": ")[2][:9] for detail in details] == [
        f"val.csv:{line}" for line in range(3, 8)
    ]


def test_a_plain_folder(tmp_path, write_clip, check):
    """Without annotations each label/clip.ext is a clip; its id does not depend on the others."""
    root = tmp_path / "root"
    write_clip(root / "train/wave hand/v1.final.mkv", 1)
    (before,) = check(root)
    write_clip(root / "bow/v1.final.mkv", 2)
    write_clip(root / "flat.mp4", 3)
    clips = {row.path: row for row in check(root)}
    assert clips[before.path] == before
    assert (before.label, before.split, before.problems) == ("wave hand", "train", [])
    assert before.clip_id.startswith("v1-final-")
    assert (clips["bow/v1.final.mkv"].label, clips["bow/v1.final.mkv"].split) == ("bow", None)
    assert clips["bow/v1.final.mkv"].clip_id != before.clip_id
    assert clips["flat.mp4"].problems == ["rejected"]
    assert clips["flat.mp4"].label is None


def test_a_tar_with_hostile_members(tmp_path, write_clip, check):
    """The clip in it is decoded; what leads out is found; nothing is written anywhere."""
    clip = write_clip(tmp_path / "a_000000_000001.mp4", 1)
    root = tmp_path / "root"
    root.mkdir()
    with tarfile.open(root / "part.tar", "w") as tar:
        tar.add(clip, "wave/a_000000_000001.mp4")
        tar.add(clip, "../../b_000000_000001.mp4")
        tar.addfile(make_member("c_000000_000001.mp4", tarfile.SYMTYPE, "/etc/passwd"))
    before = sorted(tmp_path.rglob("*"))
    rows = check(root, *(f"wave,{name},0,1,val,0" for name in "abc"))
    clips = by_id(rows)
    assert [clips[f"{name}_000000_000001"].problems for name in "abc"] == [
        [],
        ["unsafe"],
        ["unsafe"],
    ]
    assert clips["a_000000_000001"].member == "wave/a_000000_000001.mp4"
    assert clips["a_000000_000001"].num_frames == 10
    assert clips["b_000000_000001"].sha256 is None
    made = {path.name for path in set(tmp_path.rglob("*")) - set(before)}
    assert made == {"val.csv", "sources.parquet"}


def test_compared_with_a_reference(tmp_path, write_clip, check):
    """Other bytes of the same content are told from other content."""
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    names = [f"{name}_000000_000001" for name in ("same", "anew", "other", "short", "broken")]
    for seed, name in enumerate(names):
        write_clip(theirs / f"{name}.mp4", seed)
    write_clip(theirs / f"second/{names[0]}.mp4", 30)  # of the same id: extra, not the clip
    annotations = [f"wave,{name.partition('_')[0]},0,1,val,0" for name in names]
    reference = tmp_path / "reference.parquet"
    check(theirs, *annotations, out=reference)
    shutil.copytree(theirs, ours)
    shutil.rmtree(ours / "second")
    write_clip(ours / f"{names[1]}.mp4", 1, size=(128, 96))
    write_clip(ours / f"{names[2]}.mp4", 20)
    write_clip(ours / f"{names[3]}.mp4", 3, 0.6)
    (ours / f"{names[4]}.mp4").write_text("no video")
    clips = by_id(check(ours, *annotations, reference=reference))
    assert [clips[name].problems for name in names] == [
        [],
        ["re_encoded"],
        ["changed"],
        ["changed"],
        ["unreadable"],
    ]
    with pytest.raises(InputError, match="name another OUT"):
        check(ours, *annotations, reference=reference, out=reference)


def test_what_is_no_reference_is_refused(tmp_path, check):
    """Another file, or a Parquet with other columns: one line that says what to name."""
    (tmp_path / "text.parquet").write_text("no Parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    for name in ("gone.parquet", "text.parquet", "other.parquet"):
        with pytest.raises(InputError, match="m2m sources check") as caught:
            check(tmp_path, reference=tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_source_without_a_clip_is_refused(tmp_path, check):
    """With annotations the answer is that all is missing; without, there is no question."""
    with pytest.raises(InputError, match="holds no clip"):
        check(tmp_path)
    assert [row.problems for row in check(tmp_path, "wave,a,0,1,val,0")] == [["missing"]]


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path, write_clip, check):
    """What was looked at is not looked at again, and the table has the bytes of a run in one go."""
    root = tmp_path / "root"
    source = write_clip(root / "wave/0.mp4", 1, 10.0, size=(432, 240))
    for index in range(1, 40):
        shutil.copy(source, root / f"wave/{index}.mp4")
    out = tmp_path / "sources.parquet"
    words = ["sources", "check", str(root), "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", "from toolkit.cli import main; main()", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    journal = tmp_path / JOURNAL
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > 1000):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    lines = journal.read_text().splitlines()
    assert 0 < len(lines) < 40
    # A mark in the journal shows that it is read; a half line, that it need not be whole.
    journal.write_text(lines[0].replace('"num_frames": 100', '"num_frames": 7') + "\n" + "[[1,")
    rows = check(root)
    assert sorted(row.num_frames for row in rows) == [7] + [100] * 39
    journal.write_text("\n".join(lines)[:-5])
    check(root)
    whole = tmp_path / "whole.parquet"
    check(root, out=whole)
    assert out.read_bytes() == whole.read_bytes()


def test_a_journal_does_not_hold_for_a_file_that_changed(tmp_path, write_clip, check):
    """Another time of change, and the file is looked at again."""
    clip = write_clip(tmp_path / "root/wave/a.mp4")
    (row,) = check(tmp_path / "root")
    (file,) = list_source(tmp_path / "root").files
    line = json.dumps([look._key(file), {"sha256": "old"}])
    (tmp_path / JOURNAL).write_text(line)
    assert check(tmp_path / "root")[0].sha256 == "old"
    (tmp_path / JOURNAL).write_text(line)
    os.utime(clip, ns=(0, 0))
    assert check(tmp_path / "root") == [row]


def test_the_command(tmp_path, write_clip, run_m2m):
    """It prints counts by split, shares and the first of each problem, and writes the table."""
    write_clip(tmp_path / "root/wave/a_000000_000001.mp4")
    (tmp_path / "root/wave/\x1b[2J.mp4").touch()
    rows = ["wave,a,0,1,val,0", *(f"wave,b{i},0,1,train,0" for i in range(5)), "x\x1b,c,0,1,val,0"]
    (tmp_path / "val.csv").write_text(HEADER + "\n".join(rows))
    words = ["sources", "check", "root", "--annotations", "val.csv", "--out", "s.parquet"]
    run = run_m2m(*words, cwd=tmp_path, COLUMNS="80")
    assert (run.returncode, run.stderr) == (0, "")
    lines = [" ".join(line.replace("│", " ").split()) for line in run.stdout.splitlines()]
    for line in (
        "annotated 5 1 0 6",
        "present 0 1 0 1",
        "extra 0 0 1 1",
        "present, % 0.0 100.0 - 16.7",
        "missing 5 0 0 5",
        "rejected 0 0 1 1",
        "... and 2 more",
        "s.parquet",
    ):
        assert line in lines
    assert "val.csv:8: a label must not hold control characters, got 'x\\x1b'" in run.stdout
    assert "wave/\\x1b[2J.mp4" in run.stdout
    assert "\x1b" not in run.stdout
    assert len(read_table(tmp_path / "s.parquet")) == 8


def test_every_problem_is_documented(root):
    """docs/sources.md explains each, and no other."""
    table = (root / "docs/sources.md").read_text("utf-8").split("| problem | ")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(PROBLEMS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "--out", "s.parquet"], "neither a folder nor a .tar"),
        ([".", "--out", "gone/s.parquet"], "the folder of OUT"),
        ([".", "--out", "clip.mp4"], "must end in .parquet"),
        ([".", "--out", "s.parquet", "--annotations", "gone.csv"], "gone.csv: cannot be read"),
        (["."], "Missing option '--out'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, run_m2m, words, message):
    """And nothing is left behind."""
    run = run_m2m("sources", "check", *words, cwd=tmp_path)
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert message in line
    assert not list(tmp_path.iterdir())
