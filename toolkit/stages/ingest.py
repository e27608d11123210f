"""Stage ingest: what the source holds, and which of it is a clip to work on.

Clips that are there but may not be used are not lost: they go through the build as quarantined,
with the problem by its name.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from itertools import pairwise

from toolkit import __version__, backends, models
from toolkit.config import load_profile
from toolkit.errors import InputError
from toolkit.files import make_folder, write_output
from toolkit.gate import CHECK_MODELS
from toolkit.journal import drop_lines
from toolkit.kinetics.check import DUPLICATE, EXTRA, MISSING, find_clips
from toolkit.kinetics.table import Row as SourceRow
from toolkit.kinetics.table import read_table, write_table
from toolkit.kinetics.tree import SourceFile
from toolkit.knexus.embed import describe_encoder
from toolkit.knexus.lists import digest_labels, read_labels
from toolkit.licences import digest_terms
from toolkit.progress import StartStage
from toolkit.qa.checks import load_limits
from toolkit.qa.planted import load_planted
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.release.sums import hash_file
from toolkit.release.takedown_list import TakedownList
from toolkit.shards import shard_name
from toolkit.stages.engine import ClipInput
from toolkit.stages.project import Project
from toolkit.stages.rows import OK, QUARANTINED, Row

SOURCE = "source"
"""The name that the source has among the stages."""

_NO_SPLIT = "train"
_HARMLESS = {DUPLICATE}
"""The same content under two ids is a matter of the split, not of the clip."""


def ingest(project: Project, start_stage: StartStage) -> None:
    """Look at the whole source, and write what it holds to ``project.sources_table``.

    A clip that was taken down has no row there, so that no later stage knows of it.

    Raises:
        ToolkitError: source or annotations are not what they should be, or there is no key, which
            is needed only at the end.
    """
    pseudonyms = Pseudonyms.from_file(project.key_file)
    takedowns = TakedownList.read(project.takedowns, pseudonyms)
    folder = project.work("ingest")
    make_folder(folder)
    journal = folder / "looks.jsonl"
    rows, _ = find_clips(project.source, project.annotations, journal, start_stage, takedowns.has)
    drop_lines(journal, takedowns.is_told_by)
    _check_ids([row for row in rows if _is_clip(row)])
    make_folder(project.sources_table.parent)
    with write_output(project.sources_table) as partial:
        write_table(rows, partial)


def _check_ids(rows: Sequence[SourceRow]) -> None:
    for row, other in pairwise(rows):  # sorted by id
        if row.clip_id == other.clip_id:
            places = " and ".join("/".join(filter(None, (r.path, r.member))) for r in (row, other))
            raise InputError(f"{places} get the same id, {row.clip_id}: rename or remove one")


def note_versions(project: Project, _start_stage: StartStage) -> None:
    """Write what the build depends on and DVC cannot see: this toolkit, its weights and limits.

    What only the pages of a release tell (reviews, licences, the figures of planted leaks) is in a
    file of its own. DVC runs this each time, and the stages after it only where something has
    changed.
    """
    profile = load_profile(project.params.profile)
    bodies = {release.body for release in project.params.releases.values() if release.body}
    used = [backends.get(kind, name) for kind, name in asdict(profile).items() if kind != "body"]
    used += [backends.get("body", name) for name in sorted(bodies)]
    needed = {*CHECK_MODELS, *(name for backend in used for name in getattr(backend, "models", ()))}
    encoder, wanted = "", project.params.classes
    if wanted.needs_embeddings:
        encoder, weights = describe_encoder(wanted.encoder)
        needed |= weights.keys()
    versions = {
        "toolkit": __version__,
        "limits": dict(load_limits()),
        "classes": _hash_list(project),
        "encoder": encoder,
        "takedowns": hash_file(project.takedowns) if project.takedowns.exists() else None,
        "models": {name: models.sha256_of(name) for name in sorted(needed)},
        "unknown_weights": models.list_unknown(needed),
    }
    reviews = {
        path.relative_to(project.reviews).as_posix(): hash_file(path)
        for path in project.reviews.glob("*/*.csv")
    }
    evidence = {
        "planted_leaks": asdict(load_planted()),
        "reviews": reviews,
        "licences": digest_terms(),
    }
    make_folder(project.versions.parent)  # DVC makes it only where git does not ignore it
    for path, values in ((project.versions, versions), (project.evidence, evidence)):
        with write_output(path) as partial:
            partial.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", "utf-8")


def _hash_list(project: Project) -> str | None:
    """Return the digest of the list of classes, of which DVC knows nothing; None without one."""
    file = project.params.classes.file
    return digest_labels(read_labels(project.root / file)) if file else None


def read_classes(project: Project) -> list[str]:
    """Return the chosen labels; a class's index is its place among them.

    Raises:
        InputError: they have not been chosen yet.
    """
    try:
        labels: list[str] = json.loads(project.classes.read_text("utf-8"))["classes"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{project.classes}: cannot be read ({error}): run  dvc repro") from error
    return labels


def list_inputs(project: Project) -> list[ClipInput]:
    """Return every clip of the chosen classes, usable or not, with its file and its shard."""
    return list_clips(project, set(read_classes(project)))


def list_clips(project: Project, labels: Collection[str] | None = None) -> list[ClipInput]:
    """Return every clip of some classes, or of all; a clip without a label is of each.

    A clip's shard depends on its id alone, as long as the number of shards of its split, a power of
    two, stays: clips that come or go move no other.
    """
    rows = [
        row
        for row in read_table(project.sources_table)
        if _is_clip(row) and (labels is None or row.label is None or row.label in labels)
    ]
    counts = Counter(row.split or _NO_SPLIT for row in rows)
    return [
        _make_input(row, counts[row.split or _NO_SPLIT], project.params.clips_per_shard)
        for row in rows
    ]


def _is_clip(row: SourceRow) -> bool:
    """Whether a row is a clip that is there, rather than one that is missing or nobody named."""
    return bool(row.clip_id and row.path) and not {EXTRA, MISSING} & set(row.problems)


def count_shards(num_clips: int, clips_per_shard: int) -> int:
    """Return the number of shards of a split: a power of two, so that it seldom changes."""
    return int(2 ** max(0, math.floor(math.log2(num_clips / clips_per_shard))))


def _make_input(row: SourceRow, num_clips: int, clips_per_shard: int) -> ClipInput:
    assert row.clip_id and row.path  # noqa: S101, PT018 - _is_clip
    split = row.split or _NO_SPLIT
    num_shards = count_shards(num_clips, clips_per_shard)
    digest = hashlib.sha256(row.clip_id.encode()).digest()
    number = int.from_bytes(digest[:8], "big") % num_shards
    problems = [name for name in row.problems if name not in _HARMLESS]
    stage_row = Row(
        row.clip_id,
        row.label or "",
        split,
        shard_name(split, number, num_shards),
        QUARANTINED if problems else OK,
        f"{SOURCE}: {', '.join(problems)} ({row.detail})" if problems else "",
        row.sha256 or "",
        "",
    )
    file = SourceFile(row.path, row.member, row.size_bytes or 0, offset=row.offset or 0)
    return ClipInput(stage_row, {SOURCE: row.sha256 or ""}, file)
