"""A small release as the pipeline leaves it, and the sources it was made from."""

import hashlib
import io
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.described import LIST, NAME, make_project, make_release
from toolkit.kinetics.table import Row, write_table
from toolkit.manifest import (
    ChainLink,
    CheckValue,
    ManifestRow,
    count_clips,
    write_manifest,
)
from toolkit.qa.checks import CRITICAL
from toolkit.release.audit import audit
from toolkit.release.provenance import Dependency, make_statement, write_statement
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.release.sums import write_sums
from toolkit.shards import Sample, read_index, sample_sha256, shard_name, write_shard
from toolkit.stages.project import Project

CONFIG_HASHES = {"mask": "3f1c", "composite": "a07e"}
CLIPS = [f"clip{number}_000000_000010" for number in range(8)]
QUARANTINED, FAILED = CLIPS[6:]
SHARDS = [shard_name("train", 0, 2), shard_name("train", 1, 2)]


@dataclass(frozen=True)
class Release:
    """A release and what is private of it; ``ids`` are published, in the order of the manifest."""

    folder: Path
    project: Path
    table: Path
    key: Path
    pseudonyms: Pseudonyms
    ids: list[str]

    @property
    def root(self) -> Path:
        """Of the sources."""
        return self.project / "source"

    @property
    def shards(self) -> list[Path]:
        """The tars."""
        return [self.folder / "data" / name for name in SHARDS]

    @property
    def manifest(self) -> Path:
        """Its manifest."""
        return self.folder / "manifest.parquet"


@pytest.fixture
def release(tmp_path: Path, root: Path) -> Release:
    """Six clips in two shards, one quarantined, one failed; five files and three in a tar.

    Their project has what an audit of sources needs.
    """
    project, key = tmp_path / "project", tmp_path / "project/keys/clip_ids.key"
    key.parent.mkdir(parents=True)
    key.write_text("5e" * 32 + "\n")
    shutil.copy(root / "params/tiny.yaml", project / "params.yaml")
    pseudonyms = Pseudonyms.from_file(key)
    table = project / "data/ingest.parquet"
    table.parent.mkdir()
    sources = _write_sources(project / "source", table)
    folder = tmp_path / "m2m-kinetics"
    (folder / "data").mkdir(parents=True)
    rows = [_make_row(pseudonyms, clip_id, sources[clip_id]) for clip_id in CLIPS]
    rows = place(folder, [row for row in rows if row.status == "released"]) + [
        row for row in rows if row.status != "released"
    ]
    (folder / "README.md").write_text("# M2M Kinetics\n")
    write_manifest(rows, folder / "manifest.parquet")
    describe(folder, rows)
    return Release(folder, project, table, key, pseudonyms, sorted(row.clip_id for row in rows))


def place(folder: Path, rows: list[ManifestRow]) -> list[ManifestRow]:
    """Write samples of released rows into two shards, and return the rows with their places."""
    rows = sorted(rows, key=lambda row: row.clip_id)
    half = len(rows) // 2
    placed = []
    for name, inside in zip(SHARDS, (rows[:half], rows[half:]), strict=True):
        samples = [make_sample(row.clip_id) for row in inside]
        write_shard(folder / "data" / name, samples)
        for row, sample in zip(inside, samples, strict=True):
            placed.append(with_values(row, shard=name, sample_sha256=digest_of(sample)))
    return placed


def make_sample(clip_id: str) -> Sample:
    """A sample with parts of sizes that do and do not fill their blocks."""
    parts = {"mp4": clip_id.encode() * 90, "json": b'{"num_people": 1}', "cls": b"0"}
    return Sample(clip_id, {**parts, "safetensors": b"\1" * 512})


def digest_of(sample: Sample) -> str:
    """The digest that the manifest has of a sample."""
    return sample_sha256(
        {name: hashlib.sha256(part).hexdigest() for name, part in sample.parts.items()}
    )


def with_values(row: ManifestRow, **values: object) -> ManifestRow:
    """A row with other values."""
    names = row.__dataclass_fields__
    return ManifestRow(**{name: getattr(row, name) for name in names} | values)


def describe(folder: Path, rows: list[ManifestRow], name: str = "m2m-kinetics") -> None:
    """Write provenance and sums of what is in the folder now."""
    weights = Dependency("nanodet", {"sha256": "d" * 64}, {"license": "Apache-2.0"})
    statement = make_statement(
        folder, name, {"seed": 1}, CONFIG_HASHES, [weights], count_clips(rows)
    )
    write_statement(statement, folder)
    write_sums(folder)


def _write_sources(root: Path, table: Path) -> dict[str, bytes]:
    contents = {clip_id: f"video {clip_id}".encode() * 40 for clip_id in CLIPS}
    rows = []
    (root / "wave").mkdir(parents=True)
    with tarfile.open(root / "more.tar", "w") as tar:
        for number, (clip_id, content) in enumerate(contents.items()):
            row = Row(clip_id, "wave", "train", [], sha256=hashlib.sha256(content).hexdigest())
            if number % 3:
                row.path = f"wave/{clip_id}.mp4"
                (root / row.path).write_bytes(content)
            else:
                row.path, row.member = "more.tar", f"wave/{clip_id}.mp4"
                member = tarfile.TarInfo(row.member)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            rows.append(row)
    write_table(rows, table)
    return contents


def _make_row(pseudonyms: Pseudonyms, clip_id: str, source: bytes) -> ManifestRow:
    status = {QUARANTINED: "quarantined", FAILED: "failed"}.get(clip_id, "released")
    faces = {"released": 0.1, "quarantined": 0.9, "failed": float("nan")}[status]
    reason = {"released": "", "quarantined": "faces", "failed": "VideoError: cut off"}[status]
    frame = -1 if status == "failed" else 7
    return ManifestRow(
        clip_id=pseudonyms.publish(clip_id),
        label="wave",
        cls=0,
        split="train",
        status=status,
        reason=reason,
        shard="",
        sample_sha256="",
        num_frames=100,
        fps=10.0,
        num_people=-1 if status == "failed" else 1,
        checks=(
            CheckValue("faces", faces, 0.3, status == "released", frame, (), CRITICAL),
            CheckValue("hands", 0.0, 0.5, True, 0, (1.0, 2.0, 3.0, 4.0), CRITICAL),
        ),
        source_digest=pseudonyms.digest(hashlib.sha256(source).hexdigest()),
        chain=tuple(
            ChainLink(stage, config, pseudonyms.digest(stage + clip_id))
            for stage, config in CONFIG_HASHES.items()
        ),
    )


def find(release: Release) -> set[tuple[str, str, str]]:
    """Kind, clip and file of what an audit finds."""
    return {(f.kind, f.clip, f.file) for f in audit(release.folder).findings}


def flip(path: Path, offset: int) -> None:
    """Change one bit of a file; a second time takes it back."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 4
    path.write_bytes(content)


def ids_of(release: Release, shard: int) -> list[str]:
    """The published ids of a shard, in order."""
    return read_index(release.shards[shard]).keys


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Project:
    """A project with two releases that were packaged and described: videos and a list."""
    project = make_project(tmp_path_factory.mktemp("described") / "project", root)
    for name in (NAME, LIST):
        make_release(project, name)
    return project
