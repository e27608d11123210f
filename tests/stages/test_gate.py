"""Released is only what was checked, whatever the tables of the stages have come to say."""

import json
from pathlib import Path

import pytest
import yaml

from toolkit.errors import ToolkitError
from toolkit.kinetics.table import Row as SourceRow
from toolkit.kinetics.table import write_table
from toolkit.manifest import QUARANTINED, RELEASED, read_manifest
from toolkit.qa.checks import load_limits
from toolkit.shards import Sample, write_shard
from toolkit.stages.gate import gate, list_stages
from toolkit.stages.ingest import list_inputs
from toolkit.stages.project import Project
from toolkit.stages.rows import OK, Row, write_rows

RELEASE, CLIP = "nohuman-kinetics", "clip_000000_000010"
COMPOSITE, MEASURE = f"{RELEASE}/composite", f"{RELEASE}/measure"


def _quiet(_name: str, _total: int):
    return lambda _num_done: None


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Project:
    """A project with one clip."""
    values = yaml.safe_load((root / "params" / "tiny.yaml").read_text("utf-8"))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "data").mkdir()
    project = Project.open(tmp_path)
    row = SourceRow(CLIP, "walk", "train", [], f"{CLIP}.mp4", sha256="5e" * 32)
    write_table([row], project.sources_table)
    project.classes.write_text(json.dumps({"classes": ["walk"]}))
    return project


def _judge(project: Project, checks: list[dict[str, object]], checked: str = "as composed") -> str:
    """Measure a clip's video ``checked``, where composite says "as composed"; its status."""
    (clip,) = list_inputs(project)
    record = {
        "released": checked,
        "checks": checks,
        "num_frames": 8,
        "fps": 8.0,
        "num_people": 0,
    }
    sample = Sample(CLIP, {"json": json.dumps(record).encode()})
    project.work(MEASURE).mkdir(parents=True, exist_ok=True)
    write_shard(project.work(MEASURE) / clip.row.shard, [sample])
    for name in list_stages(project, RELEASE):
        digest = {COMPOSITE: "as composed", MEASURE: sample.sha256}.get(name, "")
        row = Row(CLIP, "walk", "train", clip.row.shard, OK, "", digest, "c0")
        write_rows([row], project.table(name))
    gate(project, _quiet, RELEASE)
    (judged,) = read_manifest(project.table(f"{RELEASE}/gate"))
    return judged.status


def _pass_all() -> list[dict[str, object]]:
    return [{"name": name, "value": 0.0, "worst_frame": 0} for name in load_limits()]


def test_a_clip_that_passed_all_checks_is_released(project: Project) -> None:
    """And one check less is one too few; none at all also."""
    assert _judge(project, _pass_all()) == RELEASED
    assert _judge(project, _pass_all()[1:]) == QUARANTINED
    assert _judge(project, []) == QUARANTINED


def test_checks_hold_for_the_bytes_that_were_checked(project: Project) -> None:
    """A clip composed anew and not measured again stops the gate."""
    with pytest.raises(ToolkitError, match=r"measure@nohuman-kinetics"):
        _judge(project, _pass_all(), "as composed before")
