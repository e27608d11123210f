"""Which Kinetics is there: what annotations name beside what a source holds."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from toolkit.clip import derive_clip_id
from toolkit.errors import InputError
from toolkit.files import check_out, write_output
from toolkit.kinetics.annotations import (
    Annotation,
    RejectedRow,
    find_label_fault,
    normalise_label,
    read_annotations,
)
from toolkit.kinetics.content import group_same, is_same_content
from toolkit.kinetics.look import TRUNCATED, ZERO_BYTE, Look, look_at_all
from toolkit.kinetics.table import Row, read_table, write_table
from toolkit.kinetics.tree import UNREADABLE, UNSAFE, Source, SourceFile, list_source
from toolkit.progress import StartStage

MISSING, EXTRA, DUPLICATE = "missing", "extra", "duplicate"
WRONG_LABEL, RE_ENCODED, CHANGED, REJECTED = "wrong_label", "re_encoded", "changed", "rejected"

PROBLEMS = {
    MISSING: "annotated, but no file",
    EXTRA: "a file that no annotation names",
    UNSAFE: "not looked at: a link that leads out, a device, a name that leads out of its tar",
    ZERO_BYTE: "an empty file",
    UNREADABLE: "cannot be decoded",
    TRUNCATED: "holds less than it declares, or than is annotated",
    WRONG_LABEL: "lies in the folder of another label",
    DUPLICATE: "the same content under another id",
    RE_ENCODED: "other bytes than in the reference, the same content",
    CHANGED: "other content than in the reference",
    REJECTED: "annotated against the rules, or with no label",
}

_MAX_MISSING_S, _MAX_MISSING_SHARE = 0.5, 0.1
_SPLITS = ("train", "val", "validate", "validation", "test")
_NUM_NAMED = 5
_KINETICS_STEM = re.compile(r"[A-Za-z0-9_-]{1,100}_[0-9]{6}_[0-9]{6}")


def check_sources(
    path: Path,
    annotation_paths: Sequence[Path],
    reference_path: Path | None,
    out: Path,
    start_stage: StartStage,
) -> tuple[list[Row], int]:
    """Look at a source whole, compare it with its annotations, and write the table ``out``.

    A run that is stopped is continued by the next one, from the journal beside ``out``.

    Args:
        path: a folder or a tar.
        annotation_paths: tables; none if each file is a clip of the label that its folder names.
        reference_path: an ``out`` made elsewhere, to compare with.
        out: replaced.
        start_stage: ``toolkit.progress``.

    Returns:
        The rows of ``out``, and how many files are no videos by their names.

    Raises:
        InputError: a path is not what it should be; one line that says what to do.
    """
    _check_out(out, reference_path)
    reference = read_table(reference_path) if reference_path else []
    journal = out.with_name(f"{out.name}.journal")
    with write_output(out) as partial:
        rows, num_others = find_clips(path, annotation_paths, journal, start_stage)
        compare(rows, reference)
        write_table(rows, partial)
    journal.unlink(missing_ok=True)
    return rows, num_others


def find_clips(
    path: Path,
    annotation_paths: Sequence[Path],
    journal: Path,
    start_stage: StartStage,
    is_left_out: Callable[[str], bool] = lambda _name: False,
) -> tuple[list[Row], int]:
    """Look at a source whole and compare it with its annotations.

    Args:
        path: a folder or a tar.
        annotation_paths: tables; none if each file is a clip of the label that its folder names.
        journal: keeps what was found of each file; files that are as it says are not looked at
            again.
        start_stage: ``toolkit.progress``.
        is_left_out: tells of a clip's id, or the sha256 of its file, whether it is to be as if it
            were not there; by its id it is not even looked at.

    Returns:
        A row a clip, sorted, and how many files are no videos by their names.

    Raises:
        InputError: a path is not what it should be; one line that says what to do.
    """
    annotations, rejected = read_annotations(annotation_paths)
    source = list_source(path)
    if not source.files and not annotation_paths:
        raise InputError(f"{path} holds no clip: name a folder with clips, in label/clip.mp4")
    annotations = [annotation for annotation in annotations if not is_left_out(annotation.clip_id)]
    files = [file for file in source.files if not any(map(is_left_out, list_ids(file)))]
    looks = look_at_all(replace(source, files=files), journal, start_stage("look", len(files)))
    kept = [index for index, look in enumerate(looks) if not is_left_out(look.sha256 or "")]
    source = replace(source, files=[files[index] for index in kept])
    looks = [looks[index] for index in kept]
    if annotation_paths:
        rows = [*match(annotations, source, looks), *map(_reject, rejected)]
    else:
        rows = [_take(file, look) for file, look in zip(source.files, looks, strict=True)]
    mark_duplicates(rows)
    rows.sort(key=lambda row: (row.clip_id or "", row.path or "", row.member or ""))
    return rows, source.num_others


def list_ids(file: SourceFile) -> tuple[str, str]:
    """Return the ids that the clip in a file may have: as Kinetics names it, and as we do."""
    return file.name.stem, derive_clip_id(str(file.name))


def match(annotations: Sequence[Annotation], source: Source, looks: Sequence[Look]) -> list[Row]:
    """Give each annotation its file; what is left over is missing, or extra."""
    folders = {_as_folder(annotation.label): annotation.label for annotation in annotations}
    by_id = {annotation.clip_id: annotation for annotation in annotations}
    found: dict[str, list[tuple[bool, bool, int]]] = defaultdict(list)
    rows = []
    for index, file in enumerate(source.files):
        stem = file.name.stem
        if stem in by_id:
            folder = _as_folder(file.folder)
            strays = folder in folders and folder != _as_folder(by_id[stem].label)
            found[stem].append((bool(file.problem), strays, index))
        else:
            rows.append(_make_extra(file, looks[index], folders))
    for annotation in annotations:
        row = Row(annotation.clip_id, annotation.label, annotation.split, [])
        rows.append(row)
        files = sorted(found[annotation.clip_id])
        if not files:
            _add(row, MISSING)
            continue
        _, strays, index = files[0]
        _fill(row, source.files[index], looks[index])
        if strays:
            stray = source.files[index].folder
            _add(row, WRONG_LABEL, f"in the folder '{stray}', annotated '{annotation.label}'")
        _check_length(row, annotation)
        for _, _, index in files[1:]:
            extra = _make_extra(source.files[index], looks[index], folders, f"as is {row.path}")
            rows.append(extra)
    return rows


def mark_duplicates(rows: Sequence[Row]) -> None:
    """Add the problem ``duplicate`` to clips of one content, where their ids differ."""
    seen = [row for row in rows if row.content_hash]
    hashes = [row.content_hash or "" for row in seen]
    for group in group_same(hashes, [row.duration_s or 0.0 for row in seen]):
        ids = sorted({seen[index].clip_id or "" for index in group})
        if len(ids) > 1:
            named = ", ".join(ids[:_NUM_NAMED]) + (", ..." if len(ids) > _NUM_NAMED else "")
            for index in group:
                _add(seen[index], DUPLICATE, f"group {ids[0]} of {len(ids)} ids: {named}")


def compare(rows: Sequence[Row], reference: Sequence[Row]) -> None:
    """Add ``re_encoded`` or ``changed`` to clips whose bytes are not those of the reference."""
    known = {row.clip_id: row for row in reference if row.sha256 and EXTRA not in row.problems}
    for row in rows:
        other = known.get(row.clip_id)
        if other is None or not row.content_hash or row.sha256 == other.sha256:
            continue
        if other.content_hash and is_same_content(
            row.content_hash, other.content_hash, row.duration_s or 0.0, other.duration_s or 0.0
        ):
            _add(row, RE_ENCODED, f"the reference has {other.width}x{other.height} px")
        else:
            _add(row, CHANGED, f"the reference has sha256 {other.sha256}")


def _take(file: SourceFile, look: Look) -> Row:
    """Make a clip of a file that needs no annotation: the folder it lies in is its label."""
    label = normalise_label(file.folder)
    fault = find_label_fault(label)
    above = file.name.parent.parent.name
    split = above if above in _SPLITS else None
    row = Row(derive_clip_id(str(file.name)), None if fault else label, split, [])
    _fill(row, file, look)
    if fault and not file.problem:
        _add(row, REJECTED, f"{fault}; its label is the folder it lies in, {file.folder!a}")
    return row


def _make_extra(
    file: SourceFile, look: Look, folders: dict[str, str], detail: str = "no annotation names it"
) -> Row:
    stem = file.name.stem
    clip_id = stem if _KINETICS_STEM.fullmatch(stem) else derive_clip_id(str(file.name))
    row = Row(clip_id, folders.get(_as_folder(file.folder)), None, [])
    if not file.problem:  # else nobody knows what it is
        _add(row, EXTRA, detail)
    _fill(row, file, look)
    return row


def _reject(rejected: RejectedRow) -> Row:
    row = Row(None, None, None, [])
    _add(row, REJECTED, str(rejected))
    return row


def _fill(row: Row, file: SourceFile, look: Look) -> None:
    row.path, row.member = file.path, file.member
    row.offset = None if file.problem else file.offset
    row.size_bytes = None if file.problem else file.size_bytes
    for name, value in asdict(look).items():
        if name not in ("problem", "detail"):
            setattr(row, name, value)
    if look.problem:
        _add(row, look.problem, look.detail)


def _check_length(row: Row, annotation: Annotation) -> None:
    annotated_s = annotation.end_s - annotation.start_s
    missing_s = annotated_s - (row.duration_s if row.duration_s is not None else annotated_s)
    if missing_s > max(_MAX_MISSING_S, _MAX_MISSING_SHARE * annotated_s):
        _add(row, TRUNCATED, f"{row.duration_s:.2f} s of the {annotated_s} s annotated")


def _add(row: Row, problem: str, detail: str = "") -> None:
    row.problems.append(problem)
    row.detail = "; ".join(filter(None, (row.detail, f"{problem}: {detail}" if detail else "")))


def _as_folder(label: str) -> str:
    """Return what labels and folders are compared by: some trees have _ for spaces."""
    return normalise_label(label).replace(" ", "_")


def _check_out(out: Path, reference_path: Path | None) -> None:
    check_out(out)
    if out.suffix != ".parquet":  # so that a slip never replaces a clip or a table of annotations
        raise InputError(f"OUT {out} must end in .parquet: name another OUT")
    if reference_path and out.resolve() == reference_path.resolve():
        raise InputError(f"OUT {out} is the reference, which is never changed: name another OUT")
