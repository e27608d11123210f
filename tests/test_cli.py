"""The command line: exit codes, one-line errors, sizes."""

import pytest

from toolkit import __version__
from toolkit.cli import main, parse_size
from toolkit.errors import InputError


def test_version(run_m2m):
    """``m2m --version`` prints name and version."""
    run = run_m2m("--version")
    assert (run.returncode, run.stdout) == (0, f"m2m {__version__}\n")


@pytest.mark.parametrize("words", [["--help"], ["anonymize", "--help"], ["models", "--help"]])
def test_help_is_there(run_m2m, words):
    """Each level of the command line explains itself."""
    run = run_m2m(*words)
    assert run.returncode == 0
    assert "Usage" in run.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Missing command. Run 'm2m --help'."),
        (["anonimize"], "No such command 'anonimize'. Did you mean 'anonymize'?"),
        (["anonymize"], "Run 'm2m anonymize --help'."),
        (["anonymize", "clip.mp4", "--size", "7x7"], "--size must be 'keep' or WIDTHxHEIGHT"),
        (["anonymize", "nowhere.mp4"], "nowhere.mp4"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run_m2m, tmp_path, words, message):
    """A wrong command or input gives one line that says what is wrong, and no trace."""
    run = run_m2m(*words, cwd=tmp_path)
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert line.startswith("m2m: error: ")
    assert message in line


@pytest.mark.parametrize("place", ["before", "after", "environment"])
def test_debug_adds_the_trace(run_m2m, place):
    """``--debug`` anywhere on the line, or M2M_DEBUG, shows where an error came from."""
    words = ["models", "fetch", "no_such_model"]
    words = {"before": ["--debug", *words], "after": [*words, "--debug"]}.get(place, words)
    environment = {"M2M_DEBUG": "1"} if place == "environment" else {}
    run = run_m2m(*words, **environment)
    assert run.returncode == 2
    assert "Traceback" in run.stderr
    assert run.stderr.splitlines()[-1].startswith("m2m: error: ")


def test_a_failure_of_ours_is_one_line_and_exit_code_1(monkeypatch, capsys):
    """An error nobody foresaw is told in one line that names ``--debug``."""

    def fail():
        raise ValueError("the sky\nfell")

    monkeypatch.setattr("toolkit.doctor.examine", fail)
    with pytest.raises(SystemExit) as exit_:
        main(["doctor"])
    assert exit_.value.code == 1
    line = "m2m: internal error (ValueError: the sky): run again with --debug\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(("text", "size"), [("432x240", (432, 240)), ("keep", None)])
def test_sizes(text, size):
    """A size is width by height, or "keep"."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "432", "432x", "0x240", "431x240", "432x-2", "x", "Keep"])
def test_sizes_that_h264_cannot_hold_are_refused(text):
    """Anything but two even positive sides is refused, with the value in the message."""
    with pytest.raises(InputError, match="--size"):
        parse_size(text)
