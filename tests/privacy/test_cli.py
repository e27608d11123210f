"""The command ``m2m privacy report``."""

import json
from pathlib import Path

from tests.conftest import RunM2m
from toolkit.qa.planted import load_planted


def test_page_and_json(release: Path, tmp_path: Path, run_m2m: RunM2m) -> None:
    """JSON on stdout, the page in its file; nobody's review is needed."""
    done = run_m2m("privacy", "report", str(release), "--out", "p.html", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["ingested"] == 5
    assert (tmp_path / "p.html").read_text("utf-8").startswith("<!doctype html>")
    caught, planted = load_planted().counted
    told = run_m2m("privacy", "report", str(release), cwd=tmp_path).stdout
    assert f"{caught} of {planted}" in told


def test_mistakes_are_one_line(release: Path, tmp_path: Path, run_m2m: RunM2m) -> None:
    """A page inside the release would be an extra file of it; a version is vX.Y.Z."""
    for words in (
        (str(tmp_path),),
        (str(release), "--out", str(release / "p.html")),
        (str(release), "--version", "first"),
        (str(release), "--attack", str(release / "manifest.parquet")),
        (str(release), "--leaks", str(release / "provenance.intoto.json")),
    ):
        done = run_m2m("privacy", "report", *words)
        assert done.returncode == 2, words
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("m2m: error: ")
    assert not (release / "p.html").exists()
