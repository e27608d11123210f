"""An audit: green on what was released, and each way to tamper with it found by its name."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.release.conftest import Release, describe, find, flip, ids_of, make_sample, with_values
from toolkit.errors import InputError
from toolkit.manifest import ChainLink, ManifestRow, read_manifest, write_manifest
from toolkit.release.audit import audit
from toolkit.release.provenance import read_statement, write_statement
from toolkit.release.sums import hash_file, write_sums
from toolkit.shards import Sample, read_index, read_shard, write_shard

TAR, OTHER_TAR = (f"data/train-0000{number}-of-00002.tar" for number in range(2))
INDEX = "data/train-00000-of-00002.index.json"


def _rewrite(release: Release, change: Callable[[list[Sample]], list[Sample]]) -> None:
    """Write the first shard again with other samples, its index with it, and all sums."""
    shard = release.shards[0]
    samples = sorted(change(list(read_shard(shard))), key=lambda sample: sample.key)
    write_shard(shard, samples)
    write_sums(release.folder)


def _edit_manifest(
    release: Release, change: Callable[[list[ManifestRow]], list[ManifestRow]]
) -> list[ManifestRow]:
    rows = change(read_manifest(release.manifest))
    write_manifest(rows, release.manifest)
    return rows


def _edit_first(release: Release, status: str = "released", **values: object) -> list[ManifestRow]:
    """Give the first row of a status other values, and write everything that depends on it again.

    So nothing but the values themselves can give it away.
    """

    def change(rows: list[ManifestRow]) -> list[ManifestRow]:
        first = next(row for row in rows if row.status == status)
        return [with_values(row, **values) if row is first else row for row in rows]

    rows = _edit_manifest(release, change)
    describe(release.folder, rows)
    return rows


def test_what_was_released_is_as_it_says(release: Release) -> None:
    """Nothing found, everything counted, on a tree made by the same functions as a release."""
    done = audit(release.folder)
    assert (done.findings, done.ok, done.num_clips, done.num_shards) == ((), True, 8, 2)
    assert done.counts == {"ingested": 8, "released": 6, "quarantined": 1, "failed": 1}
    assert (done.name, done.digest) == ("m2m-kinetics", hash_file(release.folder / "SHA256SUMS"))


def test_a_sample_in_the_place_of_another_is_swapped(release: Release) -> None:
    """Two clips that changed places; sums and index were written again."""
    first, second = ids_of(release, 0)[:2]

    def swap(samples: list[Sample]) -> list[Sample]:
        return [
            Sample(first, samples[1].parts),
            Sample(second, samples[0].parts),
            *samples[2:],
        ]

    _rewrite(release, swap)
    found = find(release)
    assert {("swapped_sample", first, TAR), ("swapped_sample", second, TAR)} <= found
    assert {kind for kind, _, _ in found} == {"swapped_sample", "changed_shard"}


def test_another_sample_is_changed(release: Release) -> None:
    """One that no other clip has."""
    key = ids_of(release, 0)[1]
    _rewrite(
        release,
        lambda samples: [
            replace(sample, parts={**sample.parts, "cls": b"7"}) if sample.key == key else sample
            for sample in samples
        ],
    )
    assert {(kind, clip) for kind, clip, _ in find(release)} == {
        ("changed_sample", key),
        ("changed_shard", ""),
    }


def test_a_missing_clip_is_found(release: Release) -> None:
    """Also where the provenance was written again: the manifest has it."""
    key = ids_of(release, 0)[2]
    _rewrite(release, lambda samples: [sample for sample in samples if sample.key != key])
    assert ("missing_clip", key, TAR) in find(release)
    describe(release.folder, read_manifest(release.manifest))
    assert find(release) == {("missing_clip", key, TAR)}


def test_a_clip_that_the_manifest_does_not_name_is_found(release: Release) -> None:
    """However well the rest was written again."""
    _rewrite(release, lambda samples: [*samples, make_sample("smuggled")])
    describe(release.folder, read_manifest(release.manifest))
    assert find(release) == {("unnamed_clip", "smuggled", TAR)}


def test_a_clip_in_another_shard_is_found(release: Release) -> None:
    """It is missing where it should be, and unnamed where it is."""
    moved = ids_of(release, 1)[0]
    _rewrite(release, lambda samples: [*samples, make_sample(moved)])
    others = [sample for sample in read_shard(release.shards[1]) if sample.key != moved]
    write_shard(release.shards[1], others)
    describe(release.folder, read_manifest(release.manifest))
    assert find(release) == {("unnamed_clip", moved, TAR), ("missing_clip", moved, OTHER_TAR)}


@pytest.mark.parametrize("status", ["quarantined", "failed"])
def test_a_clip_that_was_not_released_is_found(release: Release, status: str) -> None:
    """In a shard, or with a place in the manifest: it may show somebody."""
    row = next(row for row in read_manifest(release.manifest) if row.status == status)
    _edit_first(release, status, shard=release.shards[0].name)
    assert find(release) == {("unreleased_clip", row.clip_id, "manifest.parquet")}
    _edit_first(release, status, shard="")
    _rewrite(release, lambda samples: [*samples, make_sample(row.clip_id)])
    describe(release.folder, read_manifest(release.manifest))
    assert find(release) == {("unreleased_clip", row.clip_id, TAR)}


@pytest.mark.parametrize(
    "values",
    [
        {"passed": False},
        {"value": float("nan")},
        {"value": 0.31},
        {"value": 0.31, "passed": False, "severity": "warning"},
        {"limit": float("nan")},
        {"name": "another"},
        None,
    ],
)
def test_a_clip_released_without_all_checks_is_found(
    release: Release, values: dict[str, object] | None
) -> None:
    """One that failed, could not run, is above its limit, is played down, or is not there."""
    row = next(row for row in read_manifest(release.manifest) if row.status == "released")
    checks = (replace(row.checks[0], **values), row.checks[1]) if values else ()
    if values and values != {"name": "another"}:
        checks = (*checks, row.checks[0])  # that one passed does not help
    _edit_first(release, checks=checks)
    found = {finding for finding in find(release) if finding[1] == row.clip_id}
    assert found == {("failed_check", row.clip_id, "manifest.parquet")}


def test_an_edited_manifest_is_found(release: Release) -> None:
    """With sums as they were, and with sums computed again: the provenance has its digest."""
    rows = read_manifest(release.manifest)
    _edit_manifest(release, lambda rows: [with_values(rows[0], label="x"), *rows[1:]])
    assert find(release) == {("changed_manifest", "", "manifest.parquet")}
    write_sums(release.folder)
    assert find(release) == {("changed_manifest", "", "manifest.parquet")}
    write_manifest(rows, release.manifest)
    write_sums(release.folder)
    assert not find(release)


def test_a_manifest_that_is_none_is_found(release: Release) -> None:
    """It ends in findings, not in an error; and no clip is taken for accounted for."""
    keys = {key for number in (0, 1) for key in ids_of(release, number)}
    release.manifest.write_text("clip_id\n")
    found = find(release)
    assert ("changed_manifest", "", "manifest.parquet") in found
    assert {clip for kind, clip, _ in found if kind == "unnamed_clip"} == keys
    assert audit(release.folder).num_clips == 0
    with pytest.raises(InputError, match="no manifest with a clip"):
        audit(release.folder, release.ids[0])


def test_a_manifest_without_rows_names_nothing(release: Release) -> None:
    """However well the rest was written again, nothing of the shards is accounted for."""
    _edit_manifest(release, lambda _: [])
    describe(release.folder, [])
    assert {kind for kind, _, _ in find(release)} == {"unnamed_clip"}
    assert len(find(release)) == 6


def test_rows_that_contradict_themselves_are_found(release: Release) -> None:
    """A status that is none: neither released nor counted."""

    def change(rows: list[ManifestRow]) -> list[ManifestRow]:
        return [
            with_values(row, status="Released") if row.status == "failed" else row for row in rows
        ]

    rows = _edit_manifest(release, change)
    describe(release.folder, rows)
    (clip,) = [row.clip_id for row in rows if row.status == "Released"]
    assert find(release) == {("changed_manifest", clip, "manifest.parquet")}


def test_a_row_that_is_gone_is_found(release: Release) -> None:
    """Sums and the provenance's digests were computed again, but not its counts."""
    counts = read_statement(release.folder)["predicate"]["runDetails"]
    rows = _edit_manifest(release, lambda rows: [row for row in rows if row.status != "failed"])
    describe(release.folder, rows)
    statement = read_statement(release.folder)
    statement["predicate"]["runDetails"] = counts
    write_statement(statement, release.folder)
    write_sums(release.folder)
    assert find(release) == {("wrong_counts", "", "provenance.intoto.json")}
    details = {finding.detail for finding in audit(release.folder).findings}
    assert details == {
        "ingested: 7 in the manifest, 8 in the provenance",
        "failed: 0 in the manifest, 1 in the provenance",
    }


def _edit_statement(release: Release, *place: str | int, value: object) -> None:
    statement = read_statement(release.folder)
    inner = statement
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    write_statement(statement, release.folder)


_BUILD = ("predicate", "buildDefinition")
_PROVENANCE = {("changed_provenance", "", "provenance.intoto.json")}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((*_BUILD, "externalParameters", "params", "seed"), 2),
        ((*_BUILD, "resolvedDependencies"), []),
        ((*_BUILD, "internalParameters", "toolkit_version"), "9"),
        ((*_BUILD, "internalParameters", "config_hashes", "mask"), "beef"),
        ((*_BUILD, "buildType"), "x"),
        (("subject", 1, "digest", "sha256"), "a" * 64),
    ],
)
def test_an_edited_provenance_is_found(
    release: Release, place: tuple[str | int, ...], value: object
) -> None:
    """Whatever was edited in it."""
    _edit_statement(release, *place, value=value)
    assert find(release) == _PROVENANCE


def test_an_edited_provenance_shows_where_sums_were_computed_again(release: Release) -> None:
    """In what another record says too: the digest of a shard, a configuration, a count."""
    whole = read_statement(release.folder)
    hashes = (*_BUILD, "internalParameters", "config_hashes")
    shard = next(i for i, subject in enumerate(whole["subject"]) if subject["name"] == TAR)
    kept = [subject for subject in whole["subject"] if subject["name"] != "manifest.parquet"]
    for place, value in (
        (("subject", shard, "digest", "sha256"), "a" * 64),
        ((*hashes, "mask"), "beef"),
        (hashes, {"composite": "a07e"}),
        (("subject",), kept),
    ):
        write_statement(whole, release.folder)
        _edit_statement(release, *place, value=value)
        write_sums(release.folder)
        assert find(release) == _PROVENANCE, place
    write_statement(whole, release.folder)
    counts = ("predicate", "runDetails", "metadata", "counts")
    _edit_statement(release, *counts, "quarantined", value=0)
    write_sums(release.folder)
    assert find(release) == {("wrong_counts", "", "provenance.intoto.json")}


def test_a_clip_made_otherwise_than_the_provenance_says_is_found(release: Release) -> None:
    """Its chain names another configuration."""
    _edit_first(release, chain=(ChainLink("mask", "beef", "d" * 64),))
    assert find(release) == _PROVENANCE


def test_files_that_are_too_many_or_too_few_are_found(release: Release) -> None:
    """Named or not by sums that were computed again."""
    (release.folder / "notes.txt").write_text("x")
    shutil.copy(release.shards[0], release.folder / "data" / "copy.bin")
    extra = {("extra_file", "", "data/copy.bin")}
    assert find(release) == extra | {("extra_file", "", "notes.txt")}
    write_sums(release.folder)
    assert find(release) == extra
    (release.folder / "notes.txt").unlink()
    assert find(release) == extra | {("missing_file", "", "notes.txt")}


@pytest.mark.parametrize(
    "name", ["README.md", "manifest.parquet", "provenance.intoto.json", "SHA256SUMS", TAR, INDEX]
)
def test_a_missing_file_is_found(release: Release, name: str) -> None:
    """Each one that a release has, whether or not sums were computed again."""
    (release.folder / name).unlink()
    assert ("missing_file", "", name) in find(release)
    if name != "SHA256SUMS":
        write_sums(release.folder)
        assert ("missing_file", "", name) in find(release)


@pytest.mark.parametrize("name", ["README.md", "SHA256SUMS", "provenance.intoto.json"])
def test_an_edited_file_is_found(release: Release, name: str) -> None:
    """Text files too, whether or not they can still be read."""
    kind = "changed_provenance" if name == "provenance.intoto.json" else "changed_file"
    path = release.folder / name
    text = path.read_text()
    digit = "0" if text[0] != "0" else "1"
    path.write_text(digit + text[1:])
    assert kind in {found[0] for found in find(release)}
    path.write_bytes(b"\xff\n")
    assert (kind, "", name) in find(release)


def test_only_sums_that_disagree_are_themselves_wrong(release: Release) -> None:
    """File, provenance and index agree with each other."""
    path = release.folder / "SHA256SUMS"
    path.write_text(path.read_text().replace(hash_file(release.shards[0]), "a" * 64))
    assert find(release) == {("changed_file", "", "SHA256SUMS")}


def test_links_devices_and_hidden_files_are_found_and_not_followed(release: Release) -> None:
    """A link to what should be there is none of it."""
    elsewhere = release.folder.parent / "elsewhere"
    shutil.move(release.folder / "data", elsewhere)
    (release.folder / "data").symlink_to(elsewhere)
    (release.folder / ".git").mkdir()
    os.mkfifo(release.folder / "pipe")
    found = find(release)
    extra = {name for kind, _, name in found if kind == "extra_file"}
    assert extra == {"data", ".git", "pipe"}
    assert ("missing_file", "", TAR) in found
    assert len([kind for kind, _, _ in found if kind == "missing_clip"]) == 6


def test_no_folder_is_an_error_and_an_empty_one_a_finding(tmp_path: Path) -> None:
    """Nothing that is missing counts as well."""
    with pytest.raises(InputError, match="is no folder"):
        audit(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is no folder"):
        audit(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert [finding.file for finding in audit(tmp_path / "empty").findings] == [
        "README.md",
        "SHA256SUMS",
        "manifest.parquet",
        "provenance.intoto.json",
    ]


def test_one_clip_is_checked_without_the_others(release: Release) -> None:
    """Its shard is read, the other one is not; damage to it is told, damage to another is not."""
    first, second = ids_of(release, 0)[:2]
    part = read_index(release.shards[0]).parts[0]
    flip(release.shards[0], part.offset)
    done = audit(release.folder, first)
    assert [row.clip_id for row in done.rows] == [first]
    assert (done.num_clips, done.num_shards, done.counts["ingested"]) == (1, 1, 8)
    assert "changed_sample" in {finding.kind for finding in done.findings}
    assert "changed_sample" not in {f.kind for f in audit(release.folder, second).findings}
    assert audit(release.folder, ids_of(release, 1)[0]).ok
    with pytest.raises(InputError, match="no manifest with a clip nobody"):
        audit(release.folder, "nobody")
