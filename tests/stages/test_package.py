"""What is packed is what was checked, and neither names nor division lead back to a source."""

import json
from pathlib import Path

import pytest
import yaml

from toolkit.errors import InputError
from toolkit.kinetics.table import Row as SourceRow
from toolkit.kinetics.table import write_table
from toolkit.manifest import RELEASED, ChainLink, ManifestRow, read_manifest, write_manifest
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.shards import Sample, write_shard
from toolkit.stages.ingest import list_inputs
from toolkit.stages.package import package
from toolkit.stages.project import Project

RELEASE, NUM_CLIPS = "nohuman-kinetics", 16
IDS = [f"clip{number:02}_000000_000010" for number in range(NUM_CLIPS)]


def _quiet(_name: str, _total: int):
    return lambda _num_done: None


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Project:
    """A project with clips that have come as far as the gate, and all through it."""
    values = yaml.safe_load((root / "params" / "tiny.yaml").read_text("utf-8"))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({**values, "clips_per_shard": 4}))
    (tmp_path / "data" / RELEASE).mkdir(parents=True)
    (tmp_path / "keys").mkdir()
    _set_key(tmp_path, "5c")
    project = Project.open(tmp_path)
    rows = [SourceRow(name, "walk", "train", [], f"{name}.mp4", sha256="5e" * 32) for name in IDS]
    write_table(rows, project.sources_table)
    project.classes.write_text(json.dumps({"classes": ["walk"]}))
    _fill(project, "first")
    return project


def _set_key(root: Path, byte: str) -> None:
    (root / "keys" / "clip_ids.key").write_text(byte * 32)


def _fill(project: Project, word: str) -> None:
    """Make each clip's video, of a word, and let it through."""
    stage = f"{RELEASE}/composite"
    project.work(stage).mkdir(parents=True, exist_ok=True)
    shards: dict[str, list[Sample]] = {}
    for clip in list_inputs(project):
        sample = Sample(clip.row.clip_id, {"mp4": f"{clip.row.clip_id} {word}".encode()})
        shards.setdefault(clip.row.shard, []).append(sample)
    for name, samples in shards.items():
        write_shard(project.work(stage) / name, samples)
    rows = [
        _let_through(sample.key, ChainLink(stage, "c0", sample.sha256))
        for samples in shards.values()
        for sample in samples
    ]
    write_manifest(rows, project.table(f"{RELEASE}/gate"))


def _let_through(clip_id: str, link: ChainLink) -> ManifestRow:
    return ManifestRow(
        clip_id, "walk", 0, "train", RELEASED, "", "", "", 8, 8.0, 0, (), "5e" * 32, (link,)
    )


def _division(project: Project) -> set[frozenset[str]]:
    """Return which clips share a tar, by their private ids."""
    published = {Pseudonyms.from_file(project.key_file).publish(name): name for name in IDS}
    tars: dict[str, set[str]] = {}
    for row in read_manifest(project.work(f"{RELEASE}/package") / "manifest.parquet"):
        tars.setdefault(row.shard, set()).add(published[row.clip_id])
    return set(map(frozenset, tars.values()))


def test_without_the_key_nobody_knows_which_clips_share_a_tar(project: Project) -> None:
    """Else a public list of clips, its labels and a tar's number would tell who is who."""
    package(project, _quiet, RELEASE)
    first = _division(project)
    assert len(first) > 1
    _set_key(project.root, "6d")
    package(project, _quiet, RELEASE)
    assert _division(project) != first
    _set_key(project.root, "5c")
    package(project, _quiet, RELEASE)
    assert _division(project) == first


def test_a_tar_from_which_a_killed_run_left_no_key_is_packed_anew(project: Project) -> None:
    """Packed A, then B and killed, then A again: the tar of B is not taken for that of A."""
    folder = project.work(f"{RELEASE}/package")
    package(project, _quiet, RELEASE)
    first = {path.name: path.read_bytes() for path in folder.rglob("*.tar")}
    _fill(project, "second")
    (tar, *_) = sorted((folder / "data").glob("*.tar"))
    partial = tar.with_name(f".{tar.stem}.key.partial")
    partial.mkdir()  # stops it where the key would be written
    with pytest.raises(InputError):
        package(project, _quiet, RELEASE)
    partial.rmdir()
    assert tar.read_bytes() != first[tar.name]
    _fill(project, "first")
    package(project, _quiet, RELEASE)
    assert {path.name: path.read_bytes() for path in folder.rglob("*.tar")} == first


def test_what_a_killed_run_left_half_written_goes(project: Project) -> None:
    """Else it would be copied into the release, which may hold no hidden file."""
    folder = project.work(f"{RELEASE}/package") / "data"
    package(project, _quiet, RELEASE)
    whole = sorted(folder.iterdir())
    for name in (".train-00000-of-00512.tar.partial", "train-00511-of-00512.index.json"):
        (folder / name).write_text("half")
    package(project, _quiet, RELEASE)
    assert sorted(folder.iterdir()) == whole
