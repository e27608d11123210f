"""``m2m splits check``: what it prints and writes, and its exit codes."""

import json

import numpy as np
import pytest

from toolkit.cli import main

SOUND = [("a/p.mp4", 0), ("b/r.mp4", 1)]


@pytest.fixture
def run(capsys):
    """Run ``m2m splits check`` here; return exit code, stdout and stderr."""

    def run_here(*words):
        with pytest.raises(SystemExit) as exit_:
            main(["splits", "check", *map(str, words)])
        return (exit_.value.code, *capsys.readouterr())

    return run_here


def test_sound_lists(run, write_list, tmp_path):
    """Exit code 0, and the table is written."""
    paths = [write_list("train.csv", SOUND), write_list("val.csv", [("a/s.mp4", 0), ("b/t", 1)])]
    code, out, err = run(*paths, "--to", tmp_path / "out.parquet")
    assert (code, err) == (0, "")
    assert "train.csv: ';', LF" in out
    assert "0 errors, 0 warnings, 1 note\n" in out
    assert (tmp_path / "out.parquet").is_file()


def test_an_error_in_a_list(run, write_list, tmp_path):
    """Exit code 4; what was found is printed and written, and the table is not."""
    paths = [write_list("train.csv", SOUND), write_list("val.csv", [*SOUND, ("c\x1b[2J.mp4", 0)])]
    outs = tmp_path / "out.json", tmp_path / "out.parquet"
    code, out, err = run(*paths, "--json", outs[0], "--to", outs[1])
    assert (code, err) == (4, "")
    assert "error overlap (2): a clip of two splits" in out
    assert "val.csv:1: a/p.mp4 (val) is a/p.mp4 of train.csv:1 (train)" in out
    assert "not written, because of the errors" in out
    assert "\x1b" not in out
    assert not outs[1].exists()
    told = json.loads(outs[0].read_text("utf-8"))
    assert told["ok"] is False
    (checked,) = told["sets"]
    assert [file["num_rows"] for file in checked["files"]] == [2, 3]
    assert checked["counts"] == {"error": 2, "warning": 0, "note": 1}
    assert checked["findings"][0] == {
        "severity": "error",
        "kind": "overlap",
        "where": "val.csv:1",
        "detail": "a/p.mp4 (val) is a/p.mp4 of train.csv:1 (train)",
    }


def test_the_first_of_many_are_printed_and_all_are_written(run, write_list, tmp_path):
    """A list of thousands of faults does not flood the terminal."""
    rows = "".join(f"{n}.mp4;{n if n % 2 else 'x'}\n" for n in range(40))
    code, out, _ = run(write_list("train.csv", rows.encode()), "--json", tmp_path / "out.json")
    assert code == 4
    assert out.count("a label must be a whole number") == 5
    assert "... and 15 more: --json lists all" in out
    (checked,) = json.loads((tmp_path / "out.json").read_text("utf-8"))["sets"]
    assert sum(finding["kind"] == "bad_row" for finding in checked["findings"]) == 20


def test_bad_input_is_one_line_and_exit_code_2(run, write_list, tmp_path):
    """No file, a folder, a binary file, and an output that would replace a list."""
    sound = write_list("train.csv", SOUND)
    for words, message in [
        ([], "Missing argument 'FILE'"),
        ([tmp_path / "nowhere.csv"], "nowhere.csv: cannot be read"),
        ([tmp_path], "is a folder: name the label files in it"),
        ([write_list("val.csv", b"\x89PNG\r\n\x1a\n")], "is not text in UTF-8"),
        ([sound, sound], "are both 'train' by their names"),
        ([sound, "--to", sound], "is one of the files, or written twice"),
        ([sound, "--to", tmp_path / "o", "--json", tmp_path / "o"], "or written twice"),
        ([sound, "--json", tmp_path / "no" / "o.json"], "does not exist"),
    ]:
        code, _, err = run(*words)
        (line,) = err.splitlines()
        assert code == 2
        assert line.startswith("m2m: error: ")
        assert message in line
    assert sound.read_text("utf-8") == "a/p.mp4;0\nb/r.mp4;1\n"


def test_no_content_makes_it_fall_over(run, write_list):
    """Whatever stands in a file, it is checked or refused; exit code 1 would be a fault of ours."""
    random = np.random.default_rng(0)
    words = np.array([b";", b",", b" ", b"\t", b"\n", b"\r", b"0", b"12", b"a/b.mp4", b"\xc3\xa9"])
    words = np.append(words, [b"v_A_g01_c01", b'"', b"-1", b"label", b"youtube_id", b"..", b"/"])
    for _ in range(300):
        data = b"".join(random.choice(words, random.integers(1, 40)))
        code, _, err = run(write_list("train.csv", data))
        assert code in {0, 2, 4}, data
        assert len(err.splitlines()) == (code == 2), data
