import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolkit.errors import InputError
from toolkit.files import check_out, check_paths, check_source, write_output


def list_names(folder):
    """Return the names of all files in ``folder``, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def source(tmp_path):
    """A readable file."""
    path = tmp_path / "in.mp4"
    path.write_bytes(b"video")
    return path


def test_good_paths_pass(source, tmp_path):
    """A readable file and a new or old file beside it are fine."""
    check_paths(source, tmp_path / "out.mp4")
    (tmp_path / "out.mp4").write_bytes(b"old")
    check_paths(source, tmp_path / "out.mp4")


def test_bad_sources_say_what_to_do(tmp_path):
    """Missing, folder, empty, device, address, over-long name: one line that names the path."""
    empty = tmp_path / "empty.mp4"
    empty.touch()
    for path, words in (
        (tmp_path / "missing.mp4", "check the path"),
        (tmp_path, "folder"),
        (empty, "empty"),
        (Path("/dev/null"), "regular file"),
        (Path("https://example.org/clip.mp4"), "a local file"),
        (tmp_path / ("x" * 300), "check the path"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            check_source(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 2


def test_unreadable_source_is_refused(source):
    """A file without read permission is refused (root may read everything)."""
    source.chmod(0)
    if os.access(source, os.R_OK):
        pytest.skip("this user may read every file")
    with pytest.raises(InputError, match="permissions"):
        check_source(source)


def test_bad_outs_say_what_to_do(source, tmp_path):
    """Folder, missing folder, file as a folder, device, over-long name, unwritable folder."""
    for out, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "missing" / "out.mp4", "mkdir -p"),
        (source / "out.mp4", "is a file"),
        (Path("/dev/null"), "regular file"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            check_out(out)
        assert "\n" not in str(caught.value)


def test_unwritable_folder_is_one_line():
    """A folder that takes no files, even from root."""
    out = Path("/proc/out.mp4")
    with pytest.raises(InputError, match="name another OUT"), write_output(out):
        pass


@pytest.mark.parametrize("make", [None, Path.symlink_to, Path.hardlink_to])
def test_out_must_not_be_in(source, tmp_path, make):
    """OUT that is IN, by name, through a symbolic or a hard link, is refused."""
    out = source
    if make:
        out = tmp_path / "out.mp4"
        make(out, source)
    with pytest.raises(InputError, match="IN is never changed"):
        check_paths(source, out)
    assert source.read_bytes() == b"video"


def test_output_appears_whole(tmp_path):
    """Until the block ends OUT keeps its old bytes; afterwards there is only OUT."""
    out = tmp_path / "out.mp4"
    out.write_bytes(b"old")
    with write_output(out) as partial:
        partial.write_bytes(b"new")
        assert out.read_bytes() == b"old"
    assert out.read_bytes() == b"new"
    assert list_names(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_leaves_nothing(tmp_path, error):
    """Any exception removes what was written and is passed on."""

    def fail():
        with write_output(tmp_path / "out.mp4") as partial:
            partial.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert list_names(tmp_path) == []


def test_second_writer_is_refused(tmp_path):
    """Two runs to one OUT: the second gets a clear error and does not disturb the first."""
    out = tmp_path / "out.mp4"
    with write_output(out) as partial:
        partial.write_bytes(b"first")
        with pytest.raises(InputError, match="another run"), write_output(out):
            pass
    assert out.read_bytes() == b"first"


def test_killed_run_is_taken_over(tmp_path):
    """After SIGKILL only the hidden file is there; the next run takes it over and removes it."""
    out = tmp_path / "out.mp4"
    program = (
        "import sys, time, pathlib; from toolkit.files import write_output\n"
        "with write_output(pathlib.Path(sys.argv[1])) as partial:\n"
        "    partial.write_bytes(b'a longer half'); time.sleep(60)"
    )
    run = subprocess.Popen([sys.executable, "-c", program, str(out)], cwd=Path(__file__).parents[1])
    hidden = tmp_path / ".out.mp4.partial"
    while not (hidden.exists() and hidden.stat().st_size):
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert list_names(tmp_path) == [hidden.name]
    with write_output(out) as partial:
        partial.write_bytes(b"whole")
    assert list_names(tmp_path) == ["out.mp4"]
    assert out.read_bytes() == b"whole"


def test_full_disk_is_one_line(tmp_path):
    """Writing beyond what the system allows: one line, nothing left, the old OUT untouched."""
    out = tmp_path / "out.json"
    out.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(InputError, match="raise the limit"), write_output(out) as partial:
            partial.write_bytes(bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list_names(tmp_path) == ["out.json"]
    assert out.read_text() == "old"
