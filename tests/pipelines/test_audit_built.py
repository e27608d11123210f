"""``m2m audit`` where a release was built: its sources, and clips made again from them."""

import json
from pathlib import Path

import pytest

from tests.conftest import RunM2m
from tests.pipelines.conftest import NUM_FRAMES, Dvc, MakeProject, paint_room, write_clip
from toolkit.manifest import ManifestRow, read_manifest
from toolkit.stages.ingest import ingest
from toolkit.stages.project import Project
from toolkit.stages.rebuild import rebuild

pytestmark = pytest.mark.slow  # a build of its own

RELEASE = "m2m-kinetics"


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory,
    make_project: MakeProject,
    dvc: Dvc,
    weights: object,  # noqa: ARG001 - skips without them
) -> Path:
    """A project of an actor and a room, after ``dvc repro``; tests change it, in order."""
    project = make_project(tmp_path_factory.mktemp("audited") / "project", [RELEASE])
    for name in ("train/room/attic", "val/room/cellar"):
        (project / f"source/{name}.mp4").unlink()
    dvc(project, "repro")
    return project


def _find_room(project: Path) -> ManifestRow:
    """Return what the manifest has of the room."""
    rows = read_manifest(project / "release" / RELEASE / "manifest.parquet")
    return next(row for row in rows if row.label == "room")


def _audit(run_m2m: RunM2m, project: Path, *words: str) -> tuple[int, list[dict[str, str]]]:
    """Return the exit code and the findings."""
    run = run_m2m("audit", f"release/{RELEASE}", "--project", ".", "--json", *words, cwd=project)
    assert run.stderr == ""
    return run.returncode, json.loads(run.stdout)["findings"]


def _rebuild_room(project: Path) -> list[tuple[str, str, str]]:
    found = rebuild(
        Project.open(project), RELEASE, [_find_room(project)], lambda _name, _num: lambda _num: None
    )
    return [(finding.kind, finding.clip, finding.detail) for finding in found]


def test_a_clip_comes_out_the_same_whatever_is_in_work(built: Path, run_m2m: RunM2m) -> None:
    """All is made from the source: shards that the build has kept are not believed, nor changed."""
    for tar in (built / "work").rglob("*.tar"):
        tar.write_bytes(b"tampered")
    assert _audit(run_m2m, built, "--rebuild", "2") == (0, [])
    assert {tar.read_bytes() for tar in (built / "work").rglob("*.tar")} == {b"tampered"}
    assert not list((built / "work").glob("rebuild-*"))


def test_a_changed_source_is_found(built: Path, run_m2m: RunM2m) -> None:
    """It is not the one that the clip was made from, nor does the clip come of it again.

    What is found names no source, so that it can be passed on.
    """
    write_clip(built / "source/train/room/hall.mp4", [paint_room(7)] * NUM_FRAMES)
    clip = _find_room(built).clip_id
    code, found = _audit(run_m2m, built, clip, "--rebuild", "1")
    assert code == 4
    assert [(finding["kind"], finding["clip"]) for finding in found] == [
        ("changed_source", clip),
        ("changed_rebuild", clip),
    ]
    assert found[1]["detail"] == "cannot be made again: stage standardize failed"
    assert "hall" not in json.dumps(found)


def test_another_clip_comes_of_another_source(built: Path) -> None:
    """Also where the table of the sources was made anew, and the finding says where they part."""
    project = Project.open(built)
    ingest(project, lambda _name, _num: lambda _num: None)
    detail = "made again, it is another one from stage standardize on"
    assert _rebuild_room(built) == [("changed_rebuild", _find_room(built).clip_id, detail)]


def test_a_clip_without_a_source_cannot_be_made_again(built: Path) -> None:
    """No file is left of it: nothing that the build has kept stands in."""
    (built / "source/train/room/hall.mp4").unlink()
    ingest(Project.open(built), lambda _name, _num: lambda _num: None)
    detail = "no row of the table of sources has this clip and a file"
    assert _rebuild_room(built) == [("changed_rebuild", _find_room(built).clip_id, detail)]
