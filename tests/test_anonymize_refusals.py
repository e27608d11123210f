"""What ``m2m anonymize`` refuses: one line that says what to do, exit code 2, nothing written."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.videos import (
    paint_clip,
    set_mp4_duration,
    write_cover_picture,
    write_sound,
    write_video,
)
from toolkit import models

pytestmark = pytest.mark.usefixtures("weights")


def names_in(folder: Path) -> list[str]:
    """Return the names of all files in ``folder``, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def error_of(run: "subprocess.CompletedProcess[str]") -> str:
    """Return the one line on stderr of a run that refused its input."""
    assert run.returncode == 2, run.stderr
    (line,) = run.stderr.splitlines()
    assert line.startswith("m2m: error: ")
    return line


@pytest.fixture(scope="session")
def source(actor, tmp_path_factory) -> Path:
    """4 frames of an actor."""
    path = tmp_path_factory.mktemp("source") / "actor.mp4"
    return write_video(path, actor.frames_THWC[20:28:2], fps=6)


@pytest.fixture
def small_disk(tmp_path, request) -> Iterator[Path]:
    """A disk of as many bytes as the parameter says."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a small disk, which takes root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def _text(path: Path) -> None:
    path.write_text("no video\n" * 100)


def _truncated(path: Path) -> None:
    data = write_video(path, paint_clip(60)).read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _empty_video(path: Path) -> None:
    set_mp4_duration(write_video(path, paint_clip(2)), 0)


def _endless(path: Path) -> None:
    set_mp4_duration(write_video(path, paint_clip(2)), 360_000)


BAD_SOURCES = {
    "missing file": (lambda _: None, "check the path"),
    "directory": (Path.mkdir, "is a folder: name one video file in it"),
    "empty file": (Path.touch, "is empty: fetch or copy it again"),
    "text": (_text, "cannot be read as a video"),
    "truncated": (_truncated, "it is damaged, cut off or not"),
    "no video stream": (write_cover_picture, "holds no video stream"),
    "sound only": (write_sound, "holds no video stream (sound only?): name a video"),
    "zero duration": (_empty_video, "holds no frame that can be decoded"),
    "100 hours": (_endless, "declares 100.0 hours; the limit is 1 hour"),
}


@pytest.mark.parametrize("kind", BAD_SOURCES)
def test_a_bad_source_is_one_line(run_m2m, tmp_path, kind):
    """Exit code 2, one line that names the file and says what to do, and nothing is written."""
    make, message = BAD_SOURCES[kind]
    make(tmp_path / "in.mp4")
    before = names_in(tmp_path)
    words = ["in.mp4", "out.mp4", "--report", "report.json", "--inspect", "inspect"]
    line = error_of(run_m2m("anonymize", *words, cwd=tmp_path))
    assert "in.mp4" in line
    assert message in line
    assert names_in(tmp_path) == before


BAD_OUTPUTS = {
    "OUT is IN": (["in.mp4"], "OUT in.mp4 is IN in.mp4 itself"),
    "OUT in no folder": (["nowhere/out.mp4"], "mkdir -p nowhere"),
    "OUT is a folder": (["."], "OUT . is a folder: name a file in it"),
    "OUT takes no file": (["/proc/out.mp4"], "/proc/out.mp4"),
    "report is IN": (["out.mp4", "--report", "in.mp4"], "IN is never changed"),
    "report is OUT": (["out.mp4", "--report", "./out.mp4"], "is to be written twice"),
    "inspect is a file": (["out.mp4", "--inspect", "in.mp4"], "the folder in.mp4 cannot be made"),
    "no such inpainter": (
        ["out.mp4", "--inpaint", "magic"],
        "e2fgvi_hq, flow, navier_stokes",
    ),
    "no such profile": (["out.mp4", "--profile", "best"], "choose one of offline"),
}


@pytest.mark.parametrize("kind", BAD_OUTPUTS)
def test_a_bad_output_or_option_is_one_line(run_m2m, tmp_path, kind):
    """Exit code 2, one line that says what to do, IN as it was, and nothing is written."""
    words, message = BAD_OUTPUTS[kind]
    data = write_video(tmp_path / "in.mp4", paint_clip(2)).read_bytes()
    assert message in error_of(run_m2m("anonymize", "in.mp4", *words, cwd=tmp_path))
    assert names_in(tmp_path) == ["in.mp4"]
    assert (tmp_path / "in.mp4").read_bytes() == data


def test_a_missing_weight_is_one_line(run_m2m, tmp_path):
    """What only the checks need is missing: told before the work, with the command to run."""
    cache = tmp_path / "cache"
    cache.mkdir()
    for name in models.names_of_profile("offline"):
        if name != "centerface":
            path = models.locate(name)
            (cache / path.name).symlink_to(path)
    write_video(tmp_path / "in.mp4", paint_clip(2))
    run = run_m2m("anonymize", "in.mp4", "out.mp4", cwd=tmp_path, M2M_CACHE=str(cache))
    line = error_of(run)
    assert "centerface.onnx is missing" in line
    assert "m2m models fetch" in line
    assert names_in(tmp_path) == ["cache", "in.mp4"]


@pytest.mark.parametrize("small_disk", ["16k"], indirect=True)
def test_a_disk_that_fills_up_during_encoding_is_one_line(source, run_m2m, small_disk):
    """The space for OUT runs out: it says so, and leaves nothing."""
    line = error_of(run_m2m("anonymize", str(source), str(small_disk / "out.mp4")))
    assert "out.mp4: the disk is full: free some space or write to another disk" in line
    assert names_in(small_disk) == []


@pytest.mark.parametrize("small_disk", ["1m", "6m"], indirect=True)
def test_a_full_temporary_folder_is_one_line(source, run_m2m, tmp_path, small_disk):
    """The frames do not fit, decoded or on the way: it names the folder and TMPDIR."""
    out = tmp_path / "out.mp4"
    line = error_of(run_m2m("anonymize", str(source), str(out), TMPDIR=str(small_disk)))
    assert f"do not fit into {small_disk}" in line
    assert "TMPDIR" in line
    assert names_in(tmp_path) == ["disk"]
    assert names_in(small_disk) == []


def test_no_library_reports_to_its_maker(tmp_path):
    """Loading all of it leaves nothing in home or temporary folder: no id, no log to be sent."""
    environment = os.environ | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)  # set by importing toolkit in this process
    words = [sys.executable, "-c", "import toolkit.anonymize"]
    subprocess.run(words, env=environment, check=True)
    assert names_in(tmp_path) == []
