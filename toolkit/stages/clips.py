"""The stages that work on clips: what each makes of one, and how it is run over all of them.

standardize  the source             -> mp4: at working size, nearly without loss
mask         standardize            -> json, safetensors: who is in it, and the masks
inpaint      standardize, mask      -> mp4: the empty scene; json, safetensors: what is masked now
recover      standardize, mask      -> safetensors: SMPL-X parameters
composite    scene, recover         -> mp4: what may be released; json: where bodies are drawn
measure      all of them            -> json: what every check says

The first four are run once for all releases; composite and measure once for each.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from toolkit import backends, models
from toolkit.anonymize import Stages, empty_scene, find_people, recover_people, render_people
from toolkit.config import load_profile
from toolkit.errors import InputError
from toolkit.gate import CHECK_MODELS, LOOK_MODELS, SIGNS, Anonymized, run_checks
from toolkit.kinetics.tree import open_content
from toolkit.progress import StartStage
from toolkit.qa.checks import load_limits
from toolkit.stages.engine import ClipInput, ClipStage, Job, run_stage
from toolkit.stages.ingest import SOURCE, list_inputs
from toolkit.stages.parts import (
    Parts,
    pack_json,
    pack_masks,
    pack_motions,
    pack_people,
    pack_video,
    unpack_masks,
    unpack_motions,
    unpack_people,
    unpack_video,
)
from toolkit.stages.project import Project
from toolkit.stages.rows import OK, QUARANTINED, Row, read_rows, write_rows
from toolkit.video import decode
from toolkit.video_encode import MAX_KEYFRAME_DISTANCE

STANDARDIZE, MASK, INPAINT, RECOVER = "standardize", "mask", "inpaint", "recover"
COMPOSITE, MEASURE = "composite", "measure"
LISTED = "release: its pixels show the people filmed, so it is listed only"

_BETWEEN, _RELEASED = ({"crf": crf, "keyframe_distance": MAX_KEYFRAME_DISTANCE} for crf in (8, 18))
"""How clips are encoded that are worked on further, and those that are released."""


def run_clips(project: Project, start_stage: StartStage, name: str, release: str = "") -> None:
    """Run a stage over all clips, and write what became of each to its table.

    Args:
        project: what to build.
        start_stage: ``toolkit.progress``.
        name: of the stage.
        release: for which release, where each has its own.

    Raises:
        ToolkitError: weights are missing, an earlier stage's result is, or too many clips failed.
    """
    stage = make_stage(project, name, release)
    for weights in stage.models:
        models.locate(weights)
    rows = run_stage(
        stage,
        _find_inputs(project, stage, release),
        project.work(stage.name),
        {read: project.work(read) for read in stage.reads},
        project.source,
        project.params.run,
        start_stage,
    )
    write_rows(rows, project.table(stage.name))


def make_stage(project: Project, name: str, release: str = "") -> ClipStage:
    """Return what a stage does in this project.

    Raises:
        ConfigError: params.yaml names no such profile or release.
        BackendError: it names an unknown backend, or one whose package is missing.
    """
    size = project.params.standardize
    profile = load_profile(project.params.profile)
    if name == STANDARDIZE:
        settings = {"size": [size.width, size.height], **_BETWEEN}
        return ClipStage(name, _standardize, (), settings)
    if name == MASK:
        return _use(name, _mask, (STANDARDIZE,), {"mask": profile.mask})
    if name == INPAINT:
        looks = {check: load_limits()[check].value for check in SIGNS}
        more = {"limits": looks, **_BETWEEN}
        steps = {"inpaint": profile.inpaint}
        return _use(name, _inpaint, (STANDARDIZE, MASK), steps, more, LOOK_MODELS)
    if name == RECOVER:
        return _use(name, _recover, (STANDARDIZE, MASK), {"recover": profile.recover})
    wanted = project.find_release(release)
    scene = INPAINT if wanted.scene == "empty" else STANDARDIZE
    composite = f"{release}/{COMPOSITE}"
    if name == COMPOSITE:
        steps = {"body": wanted.body, "render": profile.render} if wanted.body else {}
        reads = (scene, RECOVER) if wanted.body else (scene,)
        return _use(composite, _composite, reads, steps, {"scene": scene, **_RELEASED})
    measured = (STANDARDIZE, INPAINT, RECOVER, composite)
    checks = [] if wanted.shows_people else sorted(load_limits())  # a new one is measured
    makers = [MASK, INPAINT, COMPOSITE, *([RECOVER] if wanted.body else [])]
    weights = {w for stage in makers for w in make_stage(project, stage, release).models}
    unknown = models.list_unknown(weights)
    settings = {"composite": composite, "checks": checks, "unknown_weights": unknown}
    return _use(f"{release}/{MEASURE}", _measure, measured, {}, settings, CHECK_MODELS)


def _use(
    name: str,
    work: Callable[[Job], Parts],
    reads: tuple[str, ...],
    steps: Mapping[str, str],
    settings: Mapping[str, object] = MappingProxyType({}),
    weights: Sequence[str] = (),
) -> ClipStage:
    """Return a stage that uses backends, with the weights that they need."""
    used = {kind: backends.get(kind, backend) for kind, backend in steps.items()}
    needed = {*weights, *(w for backend in used.values() for w in getattr(backend, "models", ()))}
    digests = {weight: models.sha256_of(weight) for weight in sorted(needed)}
    return ClipStage(name, work, reads, {"steps": dict(steps), **settings}, digests)


def _find_inputs(project: Project, stage: ClipStage, release: str) -> list[ClipInput]:
    """Return all clips with what the stages that it reads made of them."""
    if not stage.reads:
        return list_inputs(project)
    by_id: dict[str, dict[str, Row]] = defaultdict(dict)
    for name in stage.reads:
        for row in read_rows(project.table(name)):
            by_id[row.clip_id][name] = row
    is_list = bool(release) and not project.find_release(release).pixels
    inputs = []
    for _, rows in sorted(by_id.items()):
        row = next((row for row in rows.values() if row.status != OK), rows[stage.reads[0]])
        if is_list and row.status == OK:
            row = replace(row, status=QUARANTINED, reason=LISTED)
        inputs.append(ClipInput(row, {name: found.sha256 for name, found in rows.items()}))
    return inputs


def _steps(job: Job) -> dict[str, Any]:
    return {kind: backends.get(kind, name) for kind, name in job.settings["steps"].items()}


def _standardize(job: Job) -> Parts:
    assert job.source  # noqa: S101 - of this stage
    with open_content(job.root, job.source) as path:
        clip = decode(path, tuple(job.settings["size"]))
    if clip.source_sha256 != job.digests[SOURCE]:
        raise InputError(f"{job.source.name} has changed since stage ingest: run  dvc repro  again")
    return {"mp4": pack_video(clip.frames, clip.timing, clip.pixel_aspect, crf=job.settings["crf"])}


def _mask(job: Job) -> Parts:
    clip = unpack_video(job.read(STANDARDIZE)["mp4"])
    return pack_people(find_people(clip, _steps(job), Stages()))


def _inpaint(job: Job) -> Parts:
    clip, people = unpack_video(job.read(STANDARDIZE)["mp4"]), unpack_people(job.read(MASK))
    people, background = empty_scene(clip, people, _steps(job), Stages())
    video = pack_video(background, clip.timing, clip.pixel_aspect, crf=job.settings["crf"])
    return {"mp4": video, **pack_people(people)}


def _recover(job: Job) -> Parts:
    clip, people = unpack_video(job.read(STANDARDIZE)["mp4"]), unpack_people(job.read(MASK))
    motions = recover_people(clip, people, _steps(job), Stages())
    return {"safetensors": pack_motions(motions)}


def _composite(job: Job) -> Parts:
    clip = unpack_video(job.read(job.settings["scene"])["mp4"])
    motions = unpack_motions(job.read(RECOVER)["safetensors"]) if RECOVER in job.shards else []
    result, coverage = render_people(clip, motions, clip.frames, _steps(job), Stages())
    video = pack_video(result, clip.timing, clip.pixel_aspect, crf=job.settings["crf"])
    return {"mp4": video, "json": pack_json(pack_masks(coverage))}


def _measure(job: Job) -> Parts:
    """Run every check on the released bytes; of a release that shows people, none."""
    clip = unpack_video(job.read(STANDARDIZE)["mp4"])
    made = job.read(job.settings["composite"])
    motions = unpack_motions(job.read(RECOVER)["safetensors"])
    checks = {}
    if job.settings["checks"]:
        empty = job.read(INPAINT)
        people, background = unpack_people(empty), unpack_video(empty["mp4"]).frames
        coverage = unpack_masks(json.loads(made["json"]), clip.frames.frame_shape[:2])
        released = unpack_video(made["mp4"]).frames
        done = Anonymized(clip, people, background, motions, coverage, released)
        checks = run_checks(
            done,
            released,
            made["mp4"],
            load_limits(),
            lambda _num_done: None,
            job.settings["unknown_weights"],
        )
    record = {
        "released": job.digests[job.settings["composite"]],
        "checks": [
            {
                "name": name,
                "value": check.value,
                "worst_frame": check.worst_frame,
                "worst_box": check.worst_box,
            }
            for name, check in sorted(checks.items())
        ],
        "num_frames": len(clip.frames),
        "fps": float(clip.fps),
        "num_people": len(motions),
    }
    return {"json": pack_json(record)}
