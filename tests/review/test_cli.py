"""The commands, from a sample to a report."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import RunM2m
from tests.review.conftest import Reviewed


@pytest.fixture
def place(reviewed: Reviewed, tmp_path: Path) -> Path:
    """A folder with the release in it."""
    shutil.copytree(reviewed.folder, tmp_path / "release")
    return tmp_path


def test_from_sample_to_report(place: Path, run_m2m: RunM2m) -> None:
    """What is exported is recorded under release and version, and counted."""

    def run(*words: str, code: int = 0) -> str:
        done = run_m2m("review", *words, cwd=place)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    assert "3 clips" in run("sample", "release", "-o", "sample.csv")
    assert "3 clips" in run("page", "release", "sample.csv", "-o", "page")
    assert len(list((place / "page/media").glob("*.result.mp4"))) == 3
    rows = (place / "sample.csv").read_text().splitlines()[1:]
    lines = [f"{row.split(',')[0]},{row.split(',')[-3]},,ann,ok," for row in rows]
    head = "clip_id,sample_sha256,label,reviewer,verdict,note"
    (place / "ann.csv").write_text("\n".join([head, *lines]) + "\n")
    assert "3 clips decided" in run("record", "release", "ann.csv", "--version", "v1.0.0")
    kept = place / "validation/reviews/m2m-kinetics/v1.0.0.csv"
    before = kept.read_bytes()
    report = json.loads(run("report", "release", "--version", "v1.0.0", "--json"))
    assert (report["visible"]["count"], report["visible"]["total"]) == (0, 3)
    assert "at most" in run("report", "release", "--version", "v1.0.0", "--html", "r.html")
    (place / "bob.csv").write_text(f"{head}\nnobody,,,bob,ok,\n")
    told = run("record", "release", "bob.csv", "--version", "v1.0.0", code=2)
    assert "line 2: 'nobody' is no clip of the release" in told
    assert kept.read_bytes() == before


@pytest.mark.parametrize(
    ("tool", "files"),
    [
        ("fiftyone", {"samples.json", "metadata.json", "frames.json"}),
        ("label-studio", {"tasks.json", "config.xml"}),
    ],
)
def test_a_sample_for_other_tools(place: Path, run_m2m: RunM2m, tool: str, files: set[str]) -> None:
    """Every video that is named is there."""
    run_m2m("review", "sample", "release", "-o", "sample.csv", cwd=place)
    words = ("review", "export", "release", "sample.csv", "--format", tool, "-o", "out")
    assert run_m2m(*words, cwd=place).returncode == 0
    assert {path.name for path in (place / "out").glob("*.*")} == files
    videos = list((place / "out/data").glob("*.mp4"))
    text = "".join((place / "out" / name).read_text() for name in files)
    assert len(videos) == 3
    assert all(f"data/{video.name}" in text for video in videos)


def test_a_folder_that_is_no_release(place: Path, run_m2m: RunM2m) -> None:
    """One line, and nothing is written."""
    done = run_m2m("review", "sample", ".", "-o", "s.csv", cwd=place)
    assert done.returncode == 2
    assert "is no release (no manifest.parquet)" in done.stderr
    assert not (place / "s.csv").exists()
