"""The re-identification attack on a release: who has other clips of its people, by name.

The attacker has the source clips, sorted by person, but never the one that a released clip was made
from. What is tried on a released clip is tried on its source as well: an attacker who fails there,
too, shows nothing.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from toolkit import models
from toolkit.adapters.face_embedding import FaceEmbedder
from toolkit.errors import InputError
from toolkit.files import check_source
from toolkit.kinetics.tree import open_content
from toolkit.m2m.types import Array
from toolkit.manifest import ManifestRow, read_manifest
from toolkit.progress import StartStage
from toolkit.qa.reidentify import MIN_PROBES, Attack, attack, describe_motion, standardize
from toolkit.release.provenance import MANIFEST
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.shards import read_sample
from toolkit.stages.engine import ClipInput
from toolkit.stages.ingest import list_inputs
from toolkit.stages.parts import unpack_motions, unpack_video
from toolkit.stages.project import Project
from toolkit.video import decode

SOURCE_STEP = 4
"""Of the source, every so many frames are looked at; of the released clips, all."""

_COLUMNS = ["clip", "person"]


@dataclass(frozen=True)
class Faces:
    """Faces of one clip: how many frames were looked at, how many show one, and the vectors."""

    num_frames: int
    num_with_face: int
    embeddings_ND: Array


@dataclass(frozen=True)
class Report:
    """What the attack came to.

    Attributes:
        source: faces of the clips' sources, against sources of other clips.
        released: faces of the released clips, against the same.
        gait: released body parameters against those of other clips.
        source_faces, released_faces: share of the frames looked at in which a face was found.
    """

    source: Attack
    released: Attack
    gait: Attack
    source_faces: float
    released_faces: float


def attack_release(folder: Path, root: Path, people_csv: Path, start_stage: StartStage) -> Report:
    """Attack the released clips whose people are named.

    Args:
        folder: of the release.
        root: of the project where it was built.
        people_csv: who is in which clip.
        start_stage: called as each part begins.

    Raises:
        ToolkitError: a file or the weights are not there or not what they should be.
    """
    if not (folder / MANIFEST).is_file():
        raise InputError(f"{folder}: is no release (no {MANIFEST}): name the folder of one")
    project = Project.open(root)
    pseudonyms = Pseudonyms.from_file(project.key_file)
    inputs = {pseudonyms.publish(clip.row.clip_id): clip for clip in list_inputs(project)}
    people = read_people(people_csv, inputs)
    rows = [row for row in read_manifest(folder / MANIFEST) if row.clip_id in people and row.shard]
    if not rows:
        raise InputError(f"{people_csv}: names no clip that {folder} holds: name more of them")
    embedder = FaceEmbedder(models.locate("centerface"), models.locate("faceres"))
    advance = start_stage("source", len(people))
    sources = {}
    for clip_id in sorted(people):
        sources[clip_id] = _look_at_source(project, inputs[clip_id], embedder)
        advance(1)
    advance = start_stage("released", len(rows))
    released, motions = {}, {}
    for row in rows:
        parts = read_sample(folder / "data" / row.shard, row.clip_id).parts
        released[row.clip_id] = _find_faces(unpack_video(parts["mp4"]).frames, embedder)
        motions[row.clip_id] = _describe_motions(parts, row)
        advance(1)
    gallery = _vectors(sources)
    gaits = standardize(motions)
    tried = {clip_id: sources[clip_id] for clip_id in released}
    return Report(
        attack(_vectors(tried), gallery, people),
        attack(_vectors(released), gallery, people),
        attack(gaits, gaits, people),
        _share_with_face(tried.values()),
        _share_with_face(released.values()),
    )


def read_people(path: Path, inputs: Mapping[str, ClipInput]) -> dict[str, str]:
    """Return published id to person.

    Args:
        path: a CSV with the columns clip and person. A clip goes by its published id, its id in
            the project, its path in the source, or its file name.
        inputs: the clips of the project by published id.

    Raises:
        InputError: it is no such table, or names a clip that is unknown, or two at once.
    """
    check_source(path)
    published: dict[str, set[str]] = defaultdict(set)
    for clip_id, clip in inputs.items():
        names = {clip_id, clip.row.clip_id}
        if clip.source:
            names |= {str(clip.source.name), clip.source.name.name}
        for name in names:
            published[name].add(clip_id)
    people = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        if not set(_COLUMNS) <= set(table.fieldnames or ()):
            raise InputError(
                f"{path}: needs the columns {' and '.join(_COLUMNS)} in its first line"
            )
        for row in table:
            where = f"{path}: line {table.line_num}"
            found = published.get(row["clip"] or "", set())
            if len(found) != 1:
                what = "several clips" if found else "no clip of the project"
                raise InputError(f"{where}: '{row['clip']}' is {what}: give its id or its path")
            if not row["person"]:
                raise InputError(f"{where}: names no person: give one, or leave the line out")
            people[found.pop()] = row["person"]
    return people


def _look_at_source(project: Project, clip: ClipInput, embedder: FaceEmbedder) -> Faces:
    assert clip.source  # noqa: S101 - what list_inputs returns has one
    with open_content(project.source, clip.source) as path:
        frames = decode(path, None).frames
        indices = range(0, len(frames), SOURCE_STEP)
        return _find_faces((frames[index] for index in indices), embedder)


def _find_faces(frames: Iterable[Array], embedder: FaceEmbedder) -> Faces:
    found = [embedder.embed_all(frame_HWC) for frame_HWC in frames]
    num_with_face = sum(1 for embeddings_ND in found if len(embeddings_ND))
    return Faces(len(found), num_with_face, np.concatenate(found))


def _describe_motions(parts: Mapping[str, bytes], row: ManifestRow) -> list[Array]:
    if "safetensors" not in parts:  # a release need not give body parameters
        return []
    found = [describe_motion(one, row.fps) for one in unpack_motions(parts["safetensors"])]
    return [features_D for features_D in found if features_D is not None]


def _vectors(faces: Mapping[str, Faces]) -> dict[str, Array]:
    return {clip_id: of_clip.embeddings_ND for clip_id, of_clip in faces.items()}


def _share_with_face(faces: Iterable[Faces]) -> float:
    of_clips = list(faces)
    num_frames = sum(of_clip.num_frames for of_clip in of_clips)
    return sum(of_clip.num_with_face for of_clip in of_clips) / max(1, num_frames)


def make_json(report: Report) -> str:
    """Return the figures; rank1 is null where there are too few clips to say."""
    record = asdict(report)
    for name in ("source", "released", "gait"):
        one: Attack = getattr(report, name)
        record[name] |= {"rank1": one.rank1, "interval": one.interval}
    return json.dumps(record, indent=1, sort_keys=True) + "\n"


def make_lines(report: Report) -> Sequence[str]:
    """Return what is told, a line a sentence."""
    return [
        f"source faces    {_tell(report.source)}",
        f"                in {report.source_faces:.0%} of the frames a face was found",
        f"released faces  {_tell(report.released)}",
        f"                in {report.released_faces:.0%} of the frames a face was found",
        f"released gait   {_tell(report.gait)}",
    ]


def _tell(one: Attack) -> str:
    if one.rank1 is None or one.chance is None:
        return (
            f"too little to say anything: {one.num_probes} of {one.num_clips} clips show something "
            f"to compare and have another clip of the person, {MIN_PROBES} are needed"
        )
    low, high = one.interval
    better = "better than" if low > one.chance else "no better than"
    told = (
        f"rank 1 in {one.num_right} of {one.num_probes} clips, {one.rank1:.0%} ({low:.0%} to "
        f"{high:.0%}), {better} chance ({one.chance:.0%}); tried {one.num_clips}"
    )
    if one.true_accepts is None:
        return f"{told}; too few pairs to verify"
    return (
        f"{told}; true accepts {one.true_accepts:.0%} at 1% false ones, equal error "
        f"{one.equal_error:.0%}, AUC {one.auc:.2f}"
    )
