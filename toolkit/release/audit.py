"""Whether a release is what it says it is: every digest computed again, every clip accounted for.

A release says each thing more than once: SHA256SUMS has a digest of every file, the provenance one
of every shard and of the manifest, the manifest one of every sample, an index one of its shard. So
whoever changes one of them must change all. Who does that leaves a release that agrees with itself
but has another digest (``Audit.digest``): compare that with what was announced.

The folder comes from anywhere: no link in it is followed, and nothing is unpacked.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import Any

from toolkit.errors import InputError
from toolkit.manifest import (
    RELEASED,
    STATUSES,
    CheckValue,
    ManifestRow,
    count_clips,
    read_manifest,
)
from toolkit.progress import StartStage
from toolkit.qa.checks import CRITICAL, load_limits
from toolkit.release.findings import Audit, Finding, sort_findings
from toolkit.release.layout import (
    count_max_parts,
    find_damage,
    hash_parts,
    read_parts,
    read_safe_index,
)
from toolkit.release.origin import Origin, read_origin
from toolkit.release.provenance import (
    DATA,
    MANIFEST,
    PROVENANCE,
    config_hashes,
    read_statement,
    release_name,
    statement_counts,
    subject_digests,
)
from toolkit.release.sums import ORIGIN, SUMS, UNSUMMED, Digests, list_files, read_sums
from toolkit.shards import Part, index_path, sample_sha256

CARD = "README.md"
_REQUIRED = (CARD, MANIFEST, PROVENANCE, SUMS)


@dataclass(frozen=True)
class _Release:
    """A folder, and what it says of itself; empty where it says nothing that can be read."""

    folder: Path
    files: Collection[str]
    sums: Mapping[str, str]
    statement: Mapping[str, Any]
    rows: Mapping[str, ManifestRow]
    origin: Origin | None
    digests: Digests

    def leaves_out(self, name: str) -> bool:
        """Whether a file of the release was not downloaded on purpose."""
        return self.origin is not None and self.origin.leaves_out(name)

    @cached_property
    def subjects(self) -> dict[str, str]:
        return subject_digests(self.statement) if self.statement else {}

    @cached_property
    def clips_by_digest(self) -> dict[str, str]:
        return {row.sample_sha256: row.clip_id for row in self.rows.values()}


def audit(
    folder: Path,
    clip_id: str | None = None,
    progress: StartStage | None = None,
    *,
    deep: bool = True,
) -> Audit:
    """Check a release, or what one clip of it rests on: its row, its shard, and how it was made.

    Of a download of some shards, those are checked.

    Args:
        folder: of the release.
        clip_id: published id.
        progress: told of each shard that was read.
        deep: compute the digest of each part of a clip too; else those of the index are believed
            where the index is what was released, and each byte is read once.

    Raises:
        InputError: there is no such folder, or no manifest with such a clip.
    """
    with Digests(folder) as digests:
        return _audit(folder, clip_id, progress, digests, deep=deep)


def _audit(
    folder: Path,
    clip_id: str | None,
    progress: StartStage | None,
    digests: Digests,
    *,
    deep: bool,
) -> Audit:
    plain, strange = list_files(folder)
    if clip_id is None:
        digests.start(plain)
    findings = [Finding("extra_file", "", name, what) for name, what in strange.items()]
    release = _read_release(folder, plain, findings, digests)
    if clip_id is not None and clip_id not in release.rows:
        raise InputError(
            f"{folder}: it has no manifest with a clip {clip_id}: name a published id, or audit all"
        )
    rows = tuple(row for row in release.rows.values() if clip_id in (None, row.clip_id))
    findings += _check_listing(release)
    findings += _check_statement(release)
    for name in plain:
        if not name.startswith(f"{DATA}/"):
            findings += _check_file(release, name)
    tars = [name for name in plain if name.startswith(f"{DATA}/") and name.endswith(".tar")]
    if clip_id is not None:
        tars = [name for name in tars if name in {f"{DATA}/{row.shard}" for row in rows}]
    seen: set[str] = set()
    advance = progress("audit", len(tars)) if progress else lambda _: None
    for tar in tars:
        findings += _check_shard(release, tar, seen, deep=deep)
        advance(1)
    here = [row for row in rows if not release.leaves_out(f"{DATA}/{row.shard}")]
    findings += _check_rows(here, seen, _names_of_checks(release))
    return Audit(
        name=release_name(release.statement) if release.statement else "",
        digest=digests[SUMS] if SUMS in plain else "",
        rows=rows,
        counts=count_clips(release.rows.values()),
        num_shards=len(tars),
        findings=sort_findings(f for f in findings if clip_id is None or f.clip in ("", clip_id)),
    )


def _read_release(
    folder: Path, files: Collection[str], findings: list[Finding], digests: Digests
) -> _Release:
    def read(name: str, kind: str, reader: Callable[[Path], Any], path: Path) -> Any:  # noqa: ANN401
        if name in files:  # else the listing tells
            try:
                return reader(path)
            except InputError as error:
                findings.append(Finding(kind, "", name, str(error)))
        return {}

    rows = read(MANIFEST, "changed_manifest", read_manifest, folder / MANIFEST)
    if any(row.clip_id >= other.clip_id for row, other in pairwise(rows)):
        detail = "its rows are not sorted by clip_id, each clip once"
        findings.append(Finding("changed_manifest", "", MANIFEST, detail))
    return _Release(
        folder,
        files,
        read(SUMS, "changed_file", read_sums, folder),
        read(PROVENANCE, "changed_provenance", read_statement, folder),
        {row.clip_id: row for row in rows},
        read(ORIGIN, "extra_file", read_origin, folder) or None,
        digests,
    )


def _check_listing(release: _Release) -> Iterator[Finding]:
    """Compare the files that are there with those that the release names."""
    shards = {f"{DATA}/{row.shard}" for row in release.rows.values() if row.shard}
    needed = shards | {index_path(Path(shard)).as_posix() for shard in shards} | {MANIFEST}
    named = {
        SUMS: release.sums.keys(),
        PROVENANCE: release.subjects.keys(),
        MANIFEST: needed - {MANIFEST},
        "every release": _REQUIRED,
    }
    for name in sorted(set().union(*named.values()) - set(release.files)):
        if release.leaves_out(name):
            continue
        who = ", ".join(record for record, names in named.items() if name in names)
        yield Finding("missing_file", "", name, f"named by {who}")
    for name in release.files:
        is_subject = name == MANIFEST or name.startswith(f"{DATA}/")
        if release.sums and name not in release.sums and name not in UNSUMMED:
            yield Finding("extra_file", "", name, f"{SUMS} does not name it")
        elif release.statement and is_subject and name not in release.subjects:
            kind, file = (
                ("changed_provenance", PROVENANCE) if name in needed else ("extra_file", name)
            )
            yield Finding(kind, "", file, f"the provenance does not name {name}")


def _check_statement(release: _Release) -> Iterator[Finding]:
    """Compare what the provenance says of the clips with the manifest."""
    if not release.statement:
        return
    says = statement_counts(release.statement)
    for name, count in count_clips(release.rows.values()).items():
        if says.get(name) != count:
            detail = f"{name}: {count} in the manifest, {says.get(name)} in the provenance"
            yield Finding("wrong_counts", "", PROVENANCE, detail)
    hashes = config_hashes(release.statement)
    links = {link for row in release.rows.values() for link in row.chain}
    for stage, config in sorted({(link.stage, link.config_hash) for link in links}):
        if hashes.get(stage) != config:
            detail = f"{stage}: configuration {config} in the manifest, not {hashes.get(stage)}"
            yield Finding("changed_provenance", "", PROVENANCE, detail)


def _check_file(release: _Release, name: str, index_says: str = "") -> Iterator[Finding]:
    """Compare a file's digest with each record of it.

    Whoever edits a file can compute SHA256SUMS again, so these are believed least.
    """
    records = {
        SUMS: release.sums.get(name),
        PROVENANCE: release.subjects.get(name),
        "its index": index_says,
    }
    actual = release.digests[name]
    wrong = {who: sha256 for who, sha256 in records.items() if sha256 and sha256 != actual}
    if not wrong:
        return
    detail = f"{name} has sha256 {_short(actual)}, but " + " and ".join(
        f"{who} says {_short(sha256)}" for who, sha256 in wrong.items()
    )
    if list(wrong) == [PROVENANCE] and index_says:
        yield Finding("changed_provenance", "", PROVENANCE, detail)
    elif list(wrong) == [SUMS] and name in release.subjects:
        yield Finding("changed_file", "", SUMS, detail)
    else:
        changed = {MANIFEST: "changed_manifest", PROVENANCE: "changed_provenance"}
        kind = "changed_shard" if name.startswith(f"{DATA}/") else changed.get(name, "changed_file")
        yield Finding(kind, "", name, detail)


def _short(sha256: str) -> str:
    return f"{sha256[:16]}…"


def _check_shard(release: _Release, tar: str, seen: set[str], *, deep: bool) -> Iterator[Finding]:
    """Check a tar, its index and all its samples; adds the clips that are in it to ``seen``.

    No more is read than clips of the manifest can have parts: a tar of millions is a finding.
    """
    shard, index_name = release.folder / tar, index_path(Path(tar)).as_posix()
    index, faults = None, []
    num_clips = sum(f"{DATA}/{row.shard}" == tar for row in release.rows.values())
    max_parts = count_max_parts(num_clips)
    if index_name in release.files:
        faults = list(_check_file(release, index_name))
        try:
            index = read_safe_index(shard, num_clips)
        except InputError as error:
            faults.append(Finding("changed_shard", "", index_name, str(error)))
    faults += _check_file(release, tar, index.sha256 if index and not faults else "")
    parts: list[Part] = []
    try:
        parts.extend(islice(read_parts(shard), max_parts + 1) if deep or not index else index.parts)
    except Exception as error:  # noqa: BLE001 - a hostile tar finds many ways to fail: each is a finding
        faults.append(Finding("changed_shard", "", tar, str(error) or type(error).__name__))
        parts = list(hash_parts(shard, index.parts)) if index else parts
    if len(parts) > max_parts:
        faults.append(Finding("changed_shard", "", tar, "it holds more than the manifest has"))
    faults += [Finding("changed_shard", key, tar, what) for key, what in find_damage(shard, parts)]
    if index and not faults and (index.size, index.parts) != (shard.stat().st_size, tuple(parts)):
        faults.append(Finding("changed_shard", "", index_name, "it does not describe its tar"))
    yield from faults
    for key, group in groupby(parts, key=lambda part: part.key):
        sha256 = sample_sha256({part.extension: part.sha256 for part in group})
        yield from _check_sample(release, tar, key, sha256, seen)


def _check_sample(
    release: _Release, tar: str, key: str, sha256: str, seen: set[str]
) -> Iterator[Finding]:
    row = release.rows.get(key)
    if row is None:
        yield Finding("unnamed_clip", key, tar, "the manifest has no such clip")
    elif row.status != RELEASED:
        yield Finding("unreleased_clip", key, tar, f"{row.status}: {row.reason}")
    elif f"{DATA}/{row.shard}" != tar:
        yield Finding("unnamed_clip", key, tar, f"the manifest has it in {row.shard}")
    else:
        seen.add(key)
        if sha256 == row.sample_sha256:
            return
        if other := release.clips_by_digest.get(sha256):
            yield Finding("swapped_sample", key, tar, f"it has the sample of {other}")
        else:
            detail = f"sample_sha256 is {_short(sha256)}, not {_short(row.sample_sha256)}"
            yield Finding("changed_sample", key, tar, detail)


def _names_of_checks(release: _Release) -> set[str]:
    """Return the checks that any released clip had: every other one must have had them."""
    released = (row for row in release.rows.values() if row.status == RELEASED)
    return {check.name for row in released for check in row.checks}


def _check_rows(
    rows: Iterable[ManifestRow], seen: Collection[str], names: Collection[str]
) -> Iterator[Finding]:
    """Check what the manifest says of each clip; ``names`` are the checks that it must have had."""
    for row in rows:
        if row.status not in STATUSES:
            detail = f"its status is {row.status!r}, none of {', '.join(STATUSES)}"
            yield Finding("changed_manifest", row.clip_id, MANIFEST, detail)
        elif row.status != RELEASED and (row.shard or row.sample_sha256):
            detail = f"{row.status}, but the manifest gives it a place in a shard"
            yield Finding("unreleased_clip", row.clip_id, MANIFEST, detail)
        elif row.status == RELEASED:
            if row.clip_id not in seen:
                tar = f"{DATA}/{row.shard}"
                yield Finding("missing_clip", row.clip_id, tar, "its shard does not hold it")
            if fault := _find_failed_check(row, names):
                yield Finding("failed_check", row.clip_id, MANIFEST, fault)


def _find_failed_check(row: ManifestRow, names: Collection[str]) -> str:
    """Return why a clip must not have been released; empty where it might."""
    if not row.checks:
        return "no check is recorded"
    missing = set(names) - {check.name for check in row.checks}
    failed = {check.name for check in row.checks if _fails(check)}
    return f"not passed: {', '.join(sorted(missing | failed))}" if missing or failed else ""


def _fails(check: CheckValue) -> bool:
    """Whether a clip must not be released for it, by the severities that the toolkit has."""
    limit = load_limits().get(check.name)
    severity = limit.severity if limit else CRITICAL
    return (check if check.severity == severity else replace(check, severity=severity)).blocks
