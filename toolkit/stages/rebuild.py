"""Clips of a release made again from their source, to see whether the same comes out.

It happens in a temporary project, so that nothing that the build has kept answers for the source.
That project lies in work/, because it shows people, and stays where a run is killed.
"""

import hashlib
import shutil
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from toolkit.errors import InputError
from toolkit.files import make_folder
from toolkit.kinetics.table import read_table, write_table
from toolkit.manifest import FAILED, RELEASED, ManifestRow, read_manifest
from toolkit.progress import StartStage
from toolkit.release.findings import Audit, Finding, sort_findings
from toolkit.release.provenance import DATA, MANIFEST
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.stages.clips import (
    COMPOSITE,
    INPAINT,
    MASK,
    MEASURE,
    RECOVER,
    STANDARDIZE,
    run_clips,
)
from toolkit.stages.gate import judge_clips
from toolkit.stages.package import PACKAGE, package
from toolkit.stages.project import Project


def audit_rebuilt(audit: Audit, project: Project, num_clips: int, start_stage: StartStage) -> Audit:
    """Make some clips of an audited release again, and add what is found.

    Args:
        audit: of a release that says its name.
        project: with the sources and the key.
        num_clips: how many; fewer where not so many were released.
        start_stage: ``toolkit.progress``.

    Raises:
        ToolkitError: as ``rebuild``.
    """
    clips = choose_clips(audit, num_clips)
    found = rebuild(project, audit.name, clips, start_stage)
    findings = sort_findings((*audit.findings, *found))
    return replace(audit, findings=findings, num_rebuilt=len(clips))


def choose_clips(audit: Audit, num_clips: int) -> list[ManifestRow]:
    """Return released clips, fewer where there are not so many.

    The digest of the release chooses: nobody else can, and a rerun chooses the same.
    """

    def draw(row: ManifestRow) -> bytes:
        return hashlib.sha256(f"{audit.digest} {row.clip_id}".encode()).digest()

    return sorted((row for row in audit.rows if row.status == RELEASED), key=draw)[:num_clips]


def rebuild(
    project: Project, release: str, clips: Sequence[ManifestRow], start_stage: StartStage
) -> list[Finding]:
    """Make clips of a release again, and compare them with what the manifest has of them.

    Args:
        project: with the sources and the key.
        release: its name in params.yaml.
        clips: rows of its manifest.
        start_stage: ``toolkit.progress``.

    Raises:
        ToolkitError: the project does not build such a release, or lacks what stages need.
    """
    if not project.find_release(release).pixels:
        raise InputError(
            f"{release} is a list and holds no clips to make again: leave --rebuild out"
        )
    make_folder(project.work(""))
    with TemporaryDirectory(prefix="rebuild-", dir=project.work("")) as folder:
        clip_ids = {row.clip_id for row in clips}
        made = _make_again(project, release, clip_ids, Path(folder), start_stage)
    return [
        Finding("changed_rebuild", row.clip_id, f"{DATA}/{row.shard}", fault)
        for row in clips
        if (fault := _compare(row, made.get(row.clip_id)))
    ]


def _make_again(
    project: Project,
    release: str,
    clip_ids: Collection[str],
    folder: Path,
    start_stage: StartStage,
) -> dict[str, ManifestRow]:
    """Run all stages but ingest on a few clips; returns their rows, by published id."""
    # These paths are absolute, as none of params.yaml may be: they lead back to the project.
    params = project.params.model_copy(
        update={
            "source": project.params.source.model_copy(update={"path": project.source.resolve()}),
            "ids": project.params.ids.model_copy(update={"key_file": project.key_file.resolve()}),
            "run": project.params.run.model_copy(update={"max_failed_fraction": 1.0}),
        }
    )
    again, pseudonyms = Project(folder, params), Pseudonyms.from_file(project.key_file)
    sources = [
        row
        for row in read_table(project.sources_table)
        if row.clip_id and pseudonyms.publish(row.clip_id) in clip_ids
    ]
    make_folder(again.sources_table.parent)
    write_table(sources, again.sources_table)
    shutil.copyfile(project.classes, again.classes)
    for stage in (STANDARDIZE, MASK, INPAINT, RECOVER, COMPOSITE, MEASURE):
        run_clips(again, start_stage, stage, release)
    judge_clips(again, start_stage, release)
    package(again, start_stage, release)
    rows = read_manifest(again.work(f"{release}/{PACKAGE}") / MANIFEST)
    return {row.clip_id: row for row in rows}


def _compare(row: ManifestRow, made: ManifestRow | None) -> str:
    """Return how a clip came out otherwise than the manifest says; empty where it did not."""
    if made is None:
        return "no row of the table of sources has this clip and a file"
    if made.status == FAILED:
        return f"cannot be made again: {made.reason}"
    if made.status != RELEASED:
        return f"made again, it is {made.status}: {made.reason}"
    if made.sample_sha256 == row.sample_sha256:
        return ""
    pairs = zip(row.chain, made.chain, strict=False)  # a release can say anything
    old, new = next(((a, b) for a, b in pairs if a.digest != b.digest), (None, None))
    if not old or not new:
        return "made again, its sample is another one, although every stage made the same"
    how = "" if old.config_hash == new.config_hash else ", which is configured otherwise now"
    return f"made again, it is another one from stage {new.stage} on{how}"
