"""Stage gate: every clip that was taken in is released, quarantined or failed, and says why."""

import json
from collections.abc import Mapping, Sequence
from math import isfinite, nan
from pathlib import Path
from typing import Any

from toolkit.errors import ToolkitError
from toolkit.files import make_folder, write_output
from toolkit.manifest import (
    FAILED,
    QUARANTINED,
    RELEASED,
    ChainLink,
    CheckValue,
    ManifestRow,
    count_clips,
    write_manifest,
)
from toolkit.parquet import import_pyarrow
from toolkit.progress import StartStage
from toolkit.qa.checks import Limit, load_limits
from toolkit.stages import rows as stage_rows
from toolkit.stages.clips import COMPOSITE, INPAINT, MASK, MEASURE, RECOVER, STANDARDIZE
from toolkit.stages.ingest import list_inputs, read_classes
from toolkit.stages.kept import read_kept
from toolkit.stages.project import Project
from toolkit.stages.rows import OK, Row, read_rows, tell_again

GATE = "gate"


def gate(project: Project, start_stage: StartStage, release: str) -> None:
    """Judge each clip of a release, and print how many are released.

    Raises:
        ToolkitError: as ``judge_clips``.
    """
    counts = count_clips(judge_clips(project, start_stage, release))
    print(f"{release}: " + ", ".join(f"{num} {status}" for status, num in counts.items()))  # noqa: T201


def judge_clips(project: Project, start_stage: StartStage, release: str) -> list[ManifestRow]:
    """Judge each clip by the limits, and write the manifest, with private ids.

    Raises:
        ToolkitError: a stage before has lost a clip, or its tables cannot be read.
    """
    stages = list_stages(project, release)
    tables = {name: {r.clip_id: r for r in read_rows(project.table(name))} for name in stages}
    labels = read_classes(project)
    limits = {} if project.find_release(release).shows_people else load_limits()
    inputs = list_inputs(project)
    advance = start_stage(f"{release}/{GATE}", len(inputs))
    manifest = []
    for clip in inputs:
        chain = {name: table.get(clip.row.clip_id) for name, table in tables.items()}
        lost = [name for name, row in chain.items() if row is None]
        if lost:
            raise ToolkitError(
                f"{clip.row.clip_id}: stage {lost[0]} says nothing of it: {tell_again(lost[0])}"
            )
        links = {name: row for name, row in chain.items() if row}
        manifest.append(_judge(project, links, labels, limits, clip.row.sha256))
        advance(1)
    path = project.table(f"{release}/{GATE}")
    make_folder(path.parent)
    write_manifest(manifest, path)
    _write_qa(manifest, sorted(limits), project.table(f"{release}/qa"))
    return manifest


def _write_qa(manifest: Sequence[ManifestRow], checks: Sequence[str], path: Path) -> None:
    """Write a row a clip and a column a check: null where it was not measured or could not run."""
    pa, pq = import_pyarrow()
    ordered = sorted(manifest, key=lambda row: row.clip_id)
    found = [{check.name: check for check in row.checks} for row in ordered]
    columns = {
        name: pa.array([getattr(row, name) for row in ordered], pa.string())
        for name in ("clip_id", "label", "split", "status", "reason")
    }
    columns["measured"] = pa.array([bool(values) for values in found], pa.bool_())
    for name in checks:
        of_clips = [values.get(name) for values in found]
        known = [check.value if check and isfinite(check.value) else None for check in of_clips]
        frames = [check.worst_frame if check else -1 for check in of_clips]
        columns[name] = pa.array(known, pa.float64())
        columns[f"{name}_frame"] = pa.array(frames, pa.int32())
    with write_output(path) as partial:
        pq.write_table(pa.table(columns), partial)


def list_stages(project: Project, release: str) -> list[str]:
    """Return the names of the stages that a release's clips go through, in their order."""
    wanted = project.find_release(release)
    empty = [MASK, INPAINT] if wanted.scene == "empty" else []
    recover = [MASK, RECOVER] if wanted.body else []
    shared = dict.fromkeys([STANDARDIZE, *empty, *recover])
    return [*shared, f"{release}/{COMPOSITE}", f"{release}/{MEASURE}"]


def _judge(
    project: Project,
    chain: Mapping[str, Row],
    labels: Sequence[str],
    limits: Mapping[str, Limit],
    source_sha256: str,
) -> ManifestRow:
    """Return the manifest's row of a clip, with its private id and digests."""
    name, last = list(chain.items())[-1]
    made = list(chain.values())[-2]
    record: dict[str, object] = {"num_frames": 0, "fps": 0.0, "num_people": -1}
    checks: tuple[CheckValue, ...] = ()
    status = FAILED if last.status == stage_rows.FAILED else QUARANTINED
    reason = last.reason
    if last.status == OK:
        parts = read_kept(project.work(name) / last.shard, last.clip_id, last.sha256, name)
        record = json.loads(parts["json"])
        if record.pop("released", "") != made.sha256:
            raise ToolkitError(
                f"{last.clip_id} was made anew since it was measured: {tell_again(name)}"
            )
        checks = _apply(record.pop("checks"), limits)  # type: ignore[arg-type]
        failed = [check for check in checks if check.blocks]
        status = QUARANTINED if failed else RELEASED
        reason = "; ".join(map(_explain, failed))
    return ManifestRow(
        clip_id=last.clip_id,
        label=last.label,
        cls=labels.index(last.label) if last.label else -1,
        split=last.split,
        status=status,
        reason=reason,
        shard="",
        sample_sha256="",
        checks=checks,
        source_digest=source_sha256,
        chain=tuple(
            ChainLink(name, row.config_hash, row.sha256)
            for name, row in chain.items()
            if row.sha256
        ),
        **record,  # type: ignore[arg-type]
    )


def _apply(
    measured: Sequence[Mapping[str, Any]], limits: Mapping[str, Limit]
) -> tuple[CheckValue, ...]:
    """Hold what was measured to the limits; what was not, or is no number, fails."""
    found = {str(check["name"]): check for check in measured}
    values = []
    for name, limit in sorted(limits.items()):
        check = found.get(name, {})
        value, frame = check.get("value"), check.get("worst_frame")
        number = float(value) if isinstance(value, int | float) else nan
        at = frame if isinstance(frame, int) else -1
        box = tuple(map(float, check.get("worst_box") or ()))
        passed = number <= limit.value
        values.append(CheckValue(name, number, limit.value, passed, at, box, limit.severity))
    return tuple(values)


def _explain(check: CheckValue) -> str:
    if check.value != check.value:
        return f"{check.name} could not run"
    return f"{check.name} {check.value:.3g} over {check.limit:g} in frame {check.worst_frame}"
