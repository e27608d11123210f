"""``dvc repro`` with the profile of the paper and weights that know nothing."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml

pytest.importorskip("torch", reason="needs the extra paper")
pytest.importorskip("smplx", reason="needs the extra paper")

from tests.pipelines.conftest import Dvc, MakeProject, write_clip
from tests.stub_weights import STUBS, link_offline, write_stubs
from toolkit import models
from toolkit.actors.generate import ActorClip
from toolkit.manifest import QUARANTINED, read_manifest
from toolkit.release.provenance import read_statement
from toolkit.stages.rows import OK, read_rows

RELEASE = "m2m-kinetics"
STAGES = ("standardize", "mask", "inpaint", "recover", f"{RELEASE}/composite", f"{RELEASE}/measure")


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.usefixtures("weights")
def test_stub_weights_go_through_every_stage_and_none_is_packed(
    tmp_path: Path,
    actor: ActorClip,
    make_project: MakeProject,
    dvc: Dvc,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The gate stops and names clips and check; asked to, it goes on without them."""
    link_offline(tmp_path / "cache")
    monkeypatch.setenv("M2M_CACHE", str(tmp_path / "cache"))
    (tmp_path / "stubs").mkdir()
    write_stubs(tmp_path / "stubs")
    for path in sorted((tmp_path / "stubs").iterdir()):
        models.import_file(path)
    project = make_project(tmp_path / "project", [RELEASE])
    shutil.rmtree(project / "source")
    write_clip(project / "source/train/wave/lodger.mp4", list(actor.frames_THWC[-2:]))
    write_clip(project / "source/val/walk/guest.mp4", list(actor.frames_THWC[:2]))
    params = yaml.safe_load((project / "params.yaml").read_text("utf-8"))
    params |= {"profile": "paper", "failing_clips": "stop"}
    params["releases"][RELEASE]["body"] = "smplx-neutral"
    params["standardize"] = {"width": 216, "height": 120}
    (project / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")

    done = dvc(project, "repro", ok=False, M2M_CACHE=str(tmp_path / "cache"))
    for stage in STAGES:
        assert [row.status for row in read_rows(project / f"data/{stage}.parquet")] == [OK, OK]
    told = done.stdout + done.stderr
    assert f"{RELEASE}: 2 clips must not go on" in told
    for clip in ("guest", "lodger"):
        assert any(clip in line and "weights 4 over 0" in line for line in told.splitlines())

    params["failing_clips"] = "quarantine"
    (project / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    dvc(project, "repro", M2M_CACHE=str(tmp_path / "cache"))
    release = project / "release" / RELEASE
    rows = read_manifest(release / "manifest.parquet")
    assert Counter(row.status for row in rows) == {QUARANTINED: 2}
    assert all("weights 4 over 0" in row.reason for row in rows)
    assert not list(release.rglob("*.tar"))
    predicate = read_statement(release)["predicate"]
    unknown = [
        part["name"]
        for part in predicate["buildDefinition"]["resolvedDependencies"]
        if part.get("annotations", {}).get("origin") == "unknown"
    ]
    assert unknown == STUBS
