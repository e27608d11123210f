"""Stage package: from the manifest of the gate to shards under published ids.

Everything that leads back to a source is replaced here: ids by published ids, private digests by
keyed ones.
"""

import csv
import hashlib
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolkit.files import make_folder, write_output
from toolkit.kinetics.annotations import read_annotations
from toolkit.knexus.lists import digest_labels, name_list
from toolkit.manifest import (
    FAILED,
    RELEASED,
    ManifestRow,
    read_manifest,
    write_manifest,
)
from toolkit.params import PARAMS
from toolkit.progress import StartStage
from toolkit.release.provenance import MANIFEST
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.release.sums import hash_file
from toolkit.shards import (
    Sample,
    index_path,
    is_finished,
    read_index,
    shard_name,
    write_shard,
)
from toolkit.stages.clips import COMPOSITE, RECOVER
from toolkit.stages.gate import GATE
from toolkit.stages.ingest import SOURCE, count_shards, list_inputs, read_classes
from toolkit.stages.kept import read_kept
from toolkit.stages.project import Project

PACKAGE, DVC_YAML = "package", "dvc.yaml"
KEY, _LISTS = ".key", "lists"


def package(project: Project, start_stage: StartStage, release: str) -> None:
    """Pack the released clips into shards, and write the manifest with published ids.

    Shards that hold just these clips already are kept.

    Raises:
        ToolkitError: there is no key, or a sample is not what its stage made.
    """
    pseudonyms = Pseudonyms.from_file(project.key_file)
    if not project.find_release(release).pixels:  # its lists have real ids, as few as one a class
        pseudonyms = pseudonyms.apart(release)
    folder = project.work(f"{release}/{PACKAGE}")
    make_folder(folder / "data")
    private = read_manifest(project.table(f"{release}/{GATE}"))
    work_shards = {clip.row.clip_id: clip.row.shard for clip in list_inputs(project)}
    groups: dict[str, dict[int, list[ManifestRow]]] = defaultdict(lambda: defaultdict(list))
    num_clips = Counter(row.split for row in private)
    for row in private:
        if row.status == RELEASED:
            # By the published id: shards of work/ go by the private one, which they would tell of.
            num_shards = count_shards(num_clips[row.split], project.params.clips_per_shard)
            groups[row.split][int(pseudonyms.publish(row.clip_id), 16) % num_shards].append(row)
    advance = start_stage(f"{release}/{PACKAGE}", len(private))
    places: dict[str, tuple[str, str]] = {}
    for split, of_split in sorted(groups.items()):
        for number, (_, clips) in enumerate(sorted(of_split.items())):
            shard = folder / "data" / shard_name(split, number, len(of_split))
            ordered = sorted(clips, key=lambda row: pseudonyms.publish(row.clip_id))
            digests = _pack(project, release, shard, ordered, pseudonyms, work_shards)
            places |= {row.clip_id: (shard.name, digests[row.clip_id]) for row in clips}
            advance(len(clips))
    _remove_others(folder / "data", {shard for shard, _ in places.values()})
    rows = [_publish(row, places.get(row.clip_id, ("", "")), pseudonyms) for row in private]
    write_manifest(rows, folder / MANIFEST)
    shutil.rmtree(folder / _LISTS, ignore_errors=True)
    if not project.find_release(release).pixels:
        _write_lists(project, folder / _LISTS)
    with write_output(summary_path(project, release)) as partial:
        files = json.dumps(hash_packed(folder), indent=1, sort_keys=True)
        partial.write_text(files + "\n", "utf-8")


def summary_path(project: Project, release: str) -> Path:
    """Return where the stage says which files it made."""
    return project.root / "data" / release / f"{PACKAGE}.json"


def hash_packed(folder: Path) -> dict[str, str]:
    """Return path to sha256 of each packed file."""
    return {
        path.relative_to(folder).as_posix(): hash_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != KEY
    }


def _pack(
    project: Project,
    release: str,
    shard: Path,
    clips: Sequence[ManifestRow],
    pseudonyms: Pseudonyms,
    work_shards: dict[str, str],
) -> dict[str, str]:
    """Write a shard unless it is there; returns the digest of each clip's sample."""
    size, wanted = project.params.standardize, project.find_release(release)
    records = {
        row.clip_id: {
            "clip_id": pseudonyms.publish(row.clip_id),
            "cls": row.cls,
            "fps": row.fps,
            "height": size.height,
            "label": row.label,
            "num_frames": row.num_frames,
            "num_people": row.num_people,
            "split": row.split,
            "width": size.width,
        }
        for row in clips
    }
    decisive = [[records[row.clip_id], [link.digest for link in row.chain]] for row in clips]
    key = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    key_path = shard.with_suffix(KEY)

    def samples() -> Iterator[Sample]:
        for row in clips:
            stages = {"mp4": f"{release}/{COMPOSITE}", "safetensors": RECOVER}
            parts = {
                extension: _read_made(project, stage, work_shards[row.clip_id], row)[extension]
                for extension, stage in stages.items()
                if extension == "mp4" or wanted.body
            }
            record = json.dumps(records[row.clip_id], sort_keys=True, ensure_ascii=False)
            parts |= {"json": record.encode(), "cls": str(row.cls).encode()}
            yield Sample(pseudonyms.publish(row.clip_id), parts)

    is_kept = key_path.is_file() and key_path.read_text("ascii") == key and is_finished(shard)
    if is_kept:
        index = read_index(shard)
    else:
        key_path.unlink(missing_ok=True)  # it holds for the shard that is replaced now
        index = write_shard(shard, samples())
        with write_output(key_path) as partial:
            partial.write_text(key, "ascii")
    return {row.clip_id: index.sample_digests[pseudonyms.publish(row.clip_id)] for row in clips}


def _read_made(project: Project, stage: str, shard: str, row: ManifestRow) -> Mapping[str, bytes]:
    """Return a clip's sample of a stage, if it is still the one that was checked.

    Tables may come from DVC's cache while ``work/`` has moved on.
    """
    (checked,) = (link.digest for link in row.chain if link.stage == stage)
    return read_kept(project.work(stage) / shard, row.clip_id, checked, stage)


def _publish(row: ManifestRow, place: tuple[str, str], pseudonyms: Pseudonyms) -> ManifestRow:
    """Return the row without anything that leads back to its source."""
    shard, sample_sha256 = place
    return replace(
        row,
        clip_id=pseudonyms.publish(row.clip_id),
        shard=shard,
        sample_sha256=sample_sha256,
        source_digest=pseudonyms.digest(row.source_digest),
        chain=tuple(replace(link, digest=pseudonyms.digest(link.digest)) for link in row.chain),
        reason=_publish_reason(row),
    )


def _publish_reason(row: ManifestRow) -> str:
    """Return the reason without what an error or a finding quotes: names, paths, other clips."""
    if row.status == FAILED:
        return f"stage {row.reason.partition(':')[0]} failed"
    return row.reason.partition(" (")[0] if row.reason.startswith(f"{SOURCE}:") else row.reason


def _remove_others(folder: Path, shards: set[str]) -> None:
    tars = [folder / name for name in shards]
    wanted = {path for tar in tars for path in (tar, index_path(tar), tar.with_suffix(KEY))}
    for path in set(folder.iterdir()) - wanted:  # also what a killed run left half written
        path.unlink()


def _write_lists(project: Project, folder: Path) -> None:
    """Write which clips there are, and the recipe: what ``dvc repro`` was told, and chose by it.

    Lists are tables of Kinetics where the source came with such.
    """
    make_folder(folder)
    for name in (DVC_YAML, PARAMS):
        shutil.copyfile(project.root / name, folder / name)
    _write_classes(project, folder / project.classes.name)
    rows: dict[str, list[list[Any]]] = defaultdict(list)
    annotated = {row.clip_id: row for row in read_annotations(project.annotations)[0]}
    for clip in list_inputs(project):
        row = clip.row
        if row.clip_id in annotated:
            found = annotated[row.clip_id]
            youtube_id = found.clip_id[: -len("_000000_000000")]
            cells = [found.label, youtube_id, found.start_s, found.end_s, found.split]
            header = ["label", "youtube_id", "time_start", "time_end", "split"]
        else:
            cells, header = [row.label, row.clip_id, row.split], ["label", "clip_id", "split"]
        rows[row.split] = rows[row.split] or [header]
        rows[row.split].append(cells)
    for split, table in rows.items():
        with (
            write_output(folder / f"{split}.csv") as partial,
            partial.open("w", encoding="utf-8") as file,
        ):
            csv.writer(file, lineterminator="\n").writerows([table[0], *sorted(table[1:])])


def _write_classes(project: Project, path: Path) -> None:
    """Write the classes, how many clips each has in each split, and how they were chosen."""
    labels = read_classes(project)
    recipe = json.loads(project.classes.read_text("utf-8"))
    del recipe["classes"]
    counts: dict[str, Counter[str]] = {label: Counter() for label in labels}
    for clip in list_inputs(project):
        if clip.row.label in counts:
            counts[clip.row.label][clip.row.split] += 1
    record = {
        "known_as": name_list(labels),
        "sha256": digest_labels(labels),
        "recipe": recipe,
        "classes": labels,
        "num_clips": {label: dict(sorted(of_label.items())) for label, of_label in counts.items()},
    }
    with write_output(path) as partial:
        partial.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
