"""Stages embed_classes and select_classes: which classes are kept, and what that rests on.

embed_classes   the source -> safetensors: a vector of one frame of each video, in shards
select_classes  the vectors -> data/classes.json; data/knexus.json and .csv for dvc metrics, plots
"""

import csv
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from toolkit import models
from toolkit.errors import InputError
from toolkit.files import write_output
from toolkit.kinetics.tree import open_content
from toolkit.knexus.bias import recall_by_means, resound_bias
from toolkit.knexus.embed import (
    describe_encoder,
    draw_videos,
    make_encoder,
    pick_frame,
    seed_of,
    to_unit,
)
from toolkit.knexus.lists import read_labels
from toolkit.knexus.select import Choice, Evidence, choose, gather
from toolkit.knexus.view import lay_out
from toolkit.m2m.types import Array
from toolkit.progress import StartStage
from toolkit.release.sums import hash_file
from toolkit.shards import read_shard
from toolkit.stages.engine import ClipInput, ClipStage, Job, run_stage
from toolkit.stages.ingest import SOURCE, list_clips
from toolkit.stages.parts import Parts
from toolkit.stages.project import Project
from toolkit.stages.rows import OK, Row, read_rows, tell_again, write_rows

EMBED = "embed_classes"
_NUM_NAMED = 5


def embed_classes(project: Project, start_stage: StartStage) -> None:
    """Embed a frame of each video, where the method of choice needs it, and write the table.

    Raises:
        ToolkitError: as ``embed_videos``.
    """
    needed = project.params.classes.needs_embeddings
    write_rows(embed_videos(project, start_stage) if needed else [], project.table(EMBED))


def embed_videos(project: Project, start_stage: StartStage) -> list[Row]:
    """Embed a frame of each video, at most ``classes.max_videos`` a class; returns a row a video.

    What is embedded already is kept, as in any stage.

    Raises:
        ToolkitError: the encoder is not there, or too many videos cannot be read.
    """
    stage = make_embed_stage(project)
    return run_stage(
        stage,
        _draw_clips(project),
        project.work(EMBED),
        {},
        project.source,
        project.params.run,
        start_stage,
    )


def make_embed_stage(project: Project) -> ClipStage:
    """Return what stage embed_classes does in this project.

    Raises:
        BackendError: the encoder is unknown, or a package is missing.
        ModelError: its weights are missing.
    """
    wanted = project.params.classes
    version, weights = describe_encoder(wanted.encoder)
    settings = {
        "encoder": wanted.encoder,
        "version": version,
        "frame": wanted.frame,
        "seed": wanted.seed,
    }
    return ClipStage(EMBED, _embed, (), settings, weights)


def _draw_clips(project: Project) -> list[ClipInput]:
    """Return the clips to embed: readable ones with a label, of a class at most so many."""
    wanted = project.params.classes
    clips = [clip for clip in list_clips(project) if clip.row.label and clip.row.status == OK]
    by_label: dict[str, list[str]] = defaultdict(list)
    for clip in clips:
        by_label[clip.row.label].append(clip.row.clip_id)
    drawn = {
        clip_id
        for of_label in by_label.values()
        for clip_id in draw_videos(of_label, wanted.max_videos, wanted.seed)
    }
    return [clip for clip in clips if clip.row.clip_id in drawn]


def _embed(job: Job) -> Parts:
    from toolkit.video import read_frames

    assert job.source  # noqa: S101 - of this stage
    settings = job.settings
    encoder = make_encoder(settings["encoder"])
    with open_content(job.root, job.source) as path:
        seed = seed_of(job.clip_id, settings["seed"])
        image_HWC = pick_frame(read_frames(path), settings["frame"], seed)
        if hash_file(path) != job.digests[SOURCE]:
            raise InputError(
                f"{job.source.name} has changed since stage ingest: run  dvc repro  again"
            )
    return {"safetensors": save({"embedding": to_unit(encoder.embed(image_HWC))})}


def select_classes(project: Project, _start_stage: StartStage) -> None:
    """Choose the classes, and write their labels, sorted, to ``project.classes``.

    Raises:
        InputError: there are not that many classes, or the evidence is not what it should be.
    """
    wanted = project.params.classes
    clips = list_clips(project)
    there = sorted({clip.row.label for clip in clips if clip.row.label})
    record: dict[str, Any] = {"method": wanted.method, "classes": there}
    metrics: dict[str, float] = {"num_classes": len(there)}
    evidence, choice = None, None
    if wanted.method == "list":
        record["classes"] = _read_list(project, there)
    elif wanted.k is not None:
        rows = read_rows(project.table(EMBED)) if wanted.needs_embeddings else None
        evidence = gather_evidence(project, clips, rows)
        choice = choose(wanted.method, evidence, wanted.k, wanted.seed)
        record |= _describe(project, evidence, choice)
    metrics["num_chosen"] = len(record["classes"])
    if evidence and choice and wanted.needs_embeddings and evidence.is_measurable:
        metrics |= _measure(evidence, choice)
    for path, values in ((project.classes, record), (project.class_metrics, metrics)):
        with write_output(path) as partial:
            text = json.dumps(values, indent=1, ensure_ascii=False)
            partial.write_text(f"{text}\n", "utf-8")
    _write_map(project, evidence if wanted.needs_embeddings else None, choice)


def _read_list(project: Project, there: Sequence[str]) -> list[str]:
    file = project.params.classes.file
    assert file  # noqa: S101 - checked with the params
    labels = read_labels(project.root / file)
    if missing := sorted(set(labels) - set(there)):
        named = ", ".join(missing[:_NUM_NAMED])
        more = f" and {len(missing) - _NUM_NAMED} more" if len(missing) > _NUM_NAMED else ""
        raise InputError(
            f"classes.file: the source has no clip of {len(missing)} of {len(labels)} classes of "
            f"{file} ({named}{more}): add clips, or take them out of the list"
        )
    return list(labels)


def gather_evidence(
    project: Project, clips: Sequence[ClipInput], rows: Sequence[Row] | None
) -> Evidence:
    """Return what classes are chosen from.

    Args:
        project: whose shards hold the vectors.
        clips: of all classes.
        rows: of stage embed_classes; None where the method looks at no video.

    Raises:
        InputError: a class has no video that can be read, a vector is not finite or not there.
    """
    usable = Counter(clip.row.label for clip in clips if clip.row.status == OK)
    labels = sorted({clip.row.label for clip in clips if clip.row.label})
    counts = [usable[label] for label in labels]
    if rows is None:
        return Evidence(tuple(labels), np.array(counts), np.zeros((0, 0)), np.zeros(0, np.int64))
    embeddings_ND, label_N = _read_embeddings(project, rows)
    _check_readable(labels, label_N, clips, rows)
    return gather(labels, counts, embeddings_ND, label_N)


def _check_readable(
    labels: Sequence[str], label_N: Sequence[str], clips: Sequence[ClipInput], rows: Sequence[Row]
) -> None:
    """Refuse a class without a vector, with the reason that one of its clips has none."""
    for label in labels:
        if label not in label_N:
            every = [clip.row for clip in clips if clip.row.label == label]
            reasons = [row.reason for row in (*rows, *every) if row.label == label and row.reason]
            why = reasons[0] if reasons else "not embedded"
            raise InputError(
                f"class '{label}': none of its {len(every)} videos can be read ({why}): mend one, "
                "or leave the class out of the source"
            )


def _read_embeddings(project: Project, rows: Sequence[Row]) -> tuple[Array, list[str]]:
    """Return the vectors [N, D] of the videos that have one, by clip id, and their labels."""
    wanted = {row.clip_id: row for row in sorted(rows, key=lambda row: row.clip_id) if row.sha256}
    found: dict[str, Array] = {}
    for shard in sorted({row.shard for row in wanted.values()}):
        path = project.work(EMBED) / shard
        for sample in read_shard(path) if path.is_file() else ():
            if sample.key in wanted and sample.sha256 == wanted[sample.key].sha256:
                found[sample.key] = load(sample.parts["safetensors"])["embedding"]
    if missing := sorted(wanted.keys() - found.keys()):
        raise InputError(
            f"{project.work(EMBED)}: the vector of {missing[0]} is not there: {tell_again(EMBED)}"
        )
    if not found:
        return np.zeros((0, 1), np.float32), []
    return np.stack([found[clip_id] for clip_id in wanted]), [row.label for row in wanted.values()]


def _describe(project: Project, evidence: Evidence, choice: Choice) -> dict[str, Any]:
    """Return the classes, and the recipe: all that it takes to choose them again."""
    wanted = project.params.classes
    record: dict[str, Any] = {
        "classes": [evidence.labels[index] for index in choice.chosen],
        "k": wanted.k,
        "seed": wanted.seed,
        "num_videos": {
            evidence.labels[index]: int(evidence.num_videos_C[index]) for index in choice.chosen
        },
    }
    if wanted.needs_embeddings:
        stage = make_embed_stage(project)
        record |= {
            "encoder": wanted.encoder,
            "encoder_version": stage.settings["version"],
            "encoder_sha256": dict(stage.models),
            "encoder_licences": {name: models.find(name).licence for name in stage.models},
            "frame": wanted.frame,
            "max_videos": wanted.max_videos,
            "num_embedded": len(evidence.class_N),
            "embeddings_sha256": digest_means(evidence),
        }
    if choice.clustering:
        record["converged"] = choice.clustering.converged
        record["clusters"] = list_clusters(evidence.labels, choice.clustering.cluster_C)
    return record


def digest_means(evidence: Evidence) -> str:
    """Return the sha256 of the labels and of the mean vectors: exact numbers, so of any machine."""
    hashed = hashlib.sha256("\n".join(evidence.labels).encode())
    hashed.update(np.ascontiguousarray(evidence.means_CD, "<f8").tobytes())
    return hashed.hexdigest()


def list_clusters(labels: Sequence[str], cluster_C: Array) -> list[list[str]]:
    """Return the labels of each cluster."""
    clusters: dict[int, list[str]] = defaultdict(list)
    for label, cluster in zip(labels, cluster_C.tolist(), strict=True):
        clusters[cluster].append(label)
    return [clusters[cluster] for cluster in sorted(clusters)]


def _measure(evidence: Evidence, choice: Choice) -> dict[str, float]:
    every = range(len(evidence.labels))
    figures = {}
    for name, subset in (("chosen", choice.chosen), ("all", every)):
        recall_S = recall_by_means(evidence.nearer_NC, evidence.class_N, subset)
        figures[f"bias_{name}"] = round(resound_bias(recall_S), 6)
        figures[f"recall_{name}"] = round(float(recall_S.mean()), 6)
    return figures


def _write_map(project: Project, evidence: Evidence | None, choice: Choice | None) -> None:
    """Write where each class lies, in two dimensions; no row where nothing was embedded."""
    with (
        write_output(project.class_map) as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["label", "x", "y", "chosen", "cluster"])
        if evidence and choice:
            clusters = choice.clustering.cluster_C.tolist() if choice.clustering else None
            for index, (x, y) in enumerate(lay_out(evidence.means_CD).tolist()):
                cluster = clusters[index] if clusters else ""
                chosen = int(index in choice.chosen)
                writer.writerow([evidence.labels[index], f"{x:.5f}", f"{y:.5f}", chosen, cluster])
