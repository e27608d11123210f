"""The gate on small tables: what stops a build, and what does not."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from toolkit.errors import ToolkitError
from toolkit.kinetics.table import Row as SourceRow
from toolkit.kinetics.table import write_table
from toolkit.qa.checks import load_limits
from toolkit.stages.project import Project
from validation.gate import validate

RELEASE = "m2m-kinetics"
CLIPS = ("attic", "cellar", "hall")
Page = Callable[[Path], str]


def _quiet(_name: str, _total: int) -> Callable[[int], None]:
    return lambda _num_done: None


@pytest.fixture(params=["quarantine"])
def project(tmp_path: Path, root: Path, request: pytest.FixtureRequest) -> Project:
    """A project that took in three clips; what is done with failing ones is the parameter."""
    values = yaml.safe_load((root / "params/tiny.yaml").read_text("utf-8"))
    values["failing_clips"] = request.param
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "data" / RELEASE).mkdir(parents=True)
    project = Project.open(tmp_path)
    rows = [SourceRow(clip, "room", "train", [], f"{clip}.mp4", sha256="5e" * 32) for clip in CLIPS]
    write_table(rows, project.sources_table)
    project.classes.write_text(json.dumps({"classes": ["room"]}))
    return project


def _clip(clip_id: str, status: str = "released", **values: object) -> dict[str, object]:
    """A row of qa.parquet: every check measured, and zero in frame 3, but for ``values``."""
    row = {"clip_id": clip_id, "label": "room", "split": "train", "status": status}
    row |= {"reason": "" if status == "released" else "why", "measured": True}
    for name in load_limits():
        row |= {name: 0.0, f"{name}_frame": 3}
    return {**row, **values}


def _validate(project: Project, *rows: Mapping[str, object]) -> dict[str, object]:
    """Hold rows to the suites; all three clips are fine where none are given."""
    table = pa.Table.from_pylist(list(rows) or [_clip(clip) for clip in CLIPS])
    pq.write_table(table, project.table(f"{RELEASE}/qa"))
    validate(project, _quiet, RELEASE)
    return json.loads((project.root / f"data/{RELEASE}/validation.json").read_text("utf-8"))


both = pytest.mark.parametrize("project", ["stop", "quarantine"], indirect=True)
stop = pytest.mark.parametrize("project", ["stop"], indirect=True)


@both
def test_clips_that_pass_go_on(project: Project) -> None:
    """And the verdict has the same bytes each time."""
    assert _validate(project)["faults"] == []
    first = (project.root / f"data/{RELEASE}/validation.json").read_bytes()
    _validate(project)
    assert (project.root / f"data/{RELEASE}/validation.json").read_bytes() == first


def test_a_clip_made_with_unknown_weights_is_named(project: Project) -> None:
    """Whatever stage gate said of it."""
    with pytest.raises(ToolkitError, match="hall: weights 1 over 0 in frame 3"):
        _validate(project, _clip("attic"), _clip("cellar"), _clip("hall", weights=1.0))


@both
@pytest.mark.parametrize("value", [0.9, None])
def test_a_released_clip_that_fails_stops_the_build(project: Project, value: float | None) -> None:
    """Above the limit or not measured, whatever stage gate said; it says which and where."""
    told = "hall: faces 0.9 over 0.5 in frame 3" if value else "hall: faces missing"
    with pytest.raises(ToolkitError, match=told):
        _validate(project, _clip("attic"), _clip("cellar"), _clip("hall", faces=value))


def test_a_failing_clip_that_is_quarantined_goes_no_further(project: Project) -> None:
    """The others go on, and the verdict names it."""
    bad = _clip("hall", "quarantined", faces=0.9)
    (fault,) = _validate(project, _clip("attic"), _clip("cellar"), bad)["faults"]
    assert (fault["clip_id"], fault["check"], fault["frame"]) == ("hall", "faces", 3)
    assert not fault["stops"]


@stop
@pytest.mark.parametrize(
    "bad",
    [
        _clip("hall", "quarantined", people=0.7),
        _clip("hall", "quarantined", people=None),
        _clip("hall", "failed", measured=False),
    ],
)
def test_a_clip_that_does_not_come_through_stops_a_build_that_is_to_stop(
    project: Project, bad: dict[str, object]
) -> None:
    """One that failed a check, could not be checked, or got lost on the way there."""
    with pytest.raises(ToolkitError, match=r"(?s)1 clips must not go on.*hall.*quarantine"):
        _validate(project, _clip("attic"), _clip("cellar"), bad)


@both
@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([_clip("attic"), _clip("cellar")], "hall: row missing"),
        ([*map(_clip, CLIPS), _clip("hall")], "hall: clip_id"),
        ([*map(_clip, CLIPS), _clip("stranger")], "the table: "),
        ([_clip("attic"), _clip("cellar"), _clip("hall", "fine")], "hall: status fine"),
    ],
)
def test_a_table_that_is_not_whole_stops_the_build(
    project: Project, rows: list[dict[str, object]], told: str
) -> None:
    """A clip lost, twice, unheard of, or neither released nor held back."""
    with pytest.raises(ToolkitError, match=told):
        _validate(project, *rows)


@both
def test_a_check_that_no_clip_has_stops_the_build(project: Project) -> None:
    """A limit without a column is a check that did not run."""
    rows = [_clip(clip) for clip in CLIPS]
    for row in rows:
        del row["faces"]
    with pytest.raises(ToolkitError, match="the table: faces"):
        _validate(project, *rows)


def test_nothing_released_is_no_fault(project: Project) -> None:
    """A release without clips has none that must not be there."""
    rows = [_clip(clip, "quarantined", faces=0.9) for clip in CLIPS]
    assert len(_validate(project, *rows)["faults"]) == 3


def test_the_pages_name_failing_clips(project: Project, open_page: Page) -> None:
    """The index leads to what was measured, and that page to the clip and the value."""
    _validate(project, _clip("attic"), _clip("cellar"), _clip("hall", "quarantined", faces=0.9))
    site = project.root / f"data/{RELEASE}/validation"
    open_page(site / "index.html")
    (page,) = site.glob("validations/measured/**/*.html")
    assert page.name in (site / "index.html").read_text("utf-8")
    shown = open_page(page)
    assert "hall" in shown
    assert "0.9" in shown
    assert "attic" not in shown
