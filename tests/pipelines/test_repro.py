"""``dvc repro`` with the real DVC: a release comes out, and a rerun does only what is missing."""

import json
import re
import subprocess
import time
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import yaml

from tests.pipelines.conftest import NUM_FRAMES, Dvc, MakeProject, paint_room, write_clip
from toolkit.journal import read_journal
from toolkit.manifest import QUARANTINED, RELEASED, read_manifest
from toolkit.review.verdicts import Verdict, write_verdicts
from toolkit.shards import Sample, read_index, read_shard, write_shard
from toolkit.stages.kept import Record, list_shards, read_record, write_record

CLIP_STAGES = (
    "standardize",
    "mask",
    "inpaint",
    "recover",
    "m2m-kinetics/composite",
    "m2m-kinetics/measure",
)


def _worked(project: Path) -> Counter[tuple[str, str]]:
    """How often each stage has worked on each clip."""
    return Counter(
        (entry.stage, entry.clip_id.partition("-")[0])
        for journal in (project / "work").rglob("journal.jsonl")
        for entry in read_journal(journal)
    )


def _stamps(project: Path) -> dict[str, int]:
    """When each shard was written."""
    tars = [*(project / "work").rglob("*.tar")]
    return {str(path.relative_to(project)): path.stat().st_mtime_ns for path in tars}


def _videos(release: Path) -> list[bytes]:
    samples = [s for tar in sorted(release.glob("data/*.tar")) for s in read_shard(tar)]
    return sorted(sample.parts["mp4"] for sample in samples)


def _read(folder: Path) -> dict[str, bytes]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory,
    make_project: MakeProject,
    dvc: Dvc,
    weights: object,  # noqa: ARG001 - skips without them
) -> Path:
    """A project after its first ``dvc repro``; tests change it, in the order of this file."""
    project = make_project(tmp_path_factory.mktemp("built") / "project")
    dvc(project, "repro")
    return project


def test_every_clip_is_accounted_for_and_the_release_is_whole(built: Path) -> None:
    """Four taken in, four released, with an actor's body; packed under published ids only."""
    folder = built / "release" / "m2m-kinetics"
    rows = read_manifest(folder / "manifest.parquet")
    assert Counter(row.status for row in rows) == {RELEASED: 4}
    assert sorted(row.num_people for row in rows) == [0, 0, 0, 1]
    samples = {s.key: s for tar in sorted(folder.glob("data/*.tar")) for s in read_shard(tar)}
    assert set(samples) == {row.clip_id for row in rows}
    for row in rows:
        parts = samples[row.clip_id].parts
        assert set(parts) == {"cls", "json", "mp4", "safetensors"}
        record = json.loads(parts["json"])
        assert (record["label"], record["num_frames"]) == (row.label, NUM_FRAMES)
        assert parts["cls"].decode() == str(row.cls)
    text = b"".join(_read(folder).values())
    for private in (b"lodger", b"hall-", b"attic", b"cellar", b"source/"):
        assert private not in text


def test_a_list_holds_no_video(built: Path) -> None:
    """kinetics-150 names its clips; its manifest says why none is released."""
    folder = built / "release" / "kinetics-150"
    rows = read_manifest(folder / "manifest.parquet")
    assert {row.reason.partition(":")[0] for row in rows} == {"release"}
    assert not list((folder / "data").iterdir())
    others = read_manifest(built / "release" / "m2m-kinetics" / "manifest.parquet")
    for row, other in product(rows, others):  # else a class of one clip gave its name away
        assert row.clip_id != other.clip_id
        assert row.source_digest != other.source_digest
    for recipe in ("dvc.yaml", "params.yaml"):
        assert (folder / "lists" / recipe).read_bytes() == (built / recipe).read_bytes()
    listed = (folder / "lists" / "train.csv").read_text("utf-8").splitlines()
    assert listed[0] == "label,clip_id,split"
    assert len(listed) == 4


def test_standard_libraries_read_the_shards(built: Path, tmp_path: Path) -> None:
    """Webdataset and datasets, with the same samples and the declared fields."""
    import datasets
    import webdataset

    folder = built / "release" / "m2m-kinetics"
    tars = sorted(map(str, folder.glob("data/train-*.tar")))
    samples = list(webdataset.WebDataset(tars, shardshuffle=False))
    loaded = datasets.load_dataset(
        "webdataset", data_files={"train": tars}, split="train", cache_dir=str(tmp_path)
    ).cast_column("mp4", datasets.Video(decode=False))
    assert [sample["__key__"] for sample in samples] == loaded["__key__"][:]
    for sample, row in zip(samples, loaded, strict=True):
        assert json.loads(sample["json"]) == row["json"]
        assert row["mp4"]["bytes"] == sample["mp4"]


def test_a_second_repro_does_nothing(built: Path, dvc: Dvc) -> None:
    """No stage runs but the one that looks whether it must, and it ends in seconds."""
    before, stamps, begin = _worked(built), _stamps(built), time.monotonic()
    done = dvc(built, "repro")
    assert time.monotonic() - begin < 20
    assert done.stdout.count("Running stage") == done.stdout.count("Running stage 'versions'") == 1
    assert (_worked(built), _stamps(built)) == (before, stamps)


def test_a_review_is_told_by_the_card_and_redoes_nothing_else(built: Path, dvc: Dvc) -> None:
    """Whoever looked at clips of this release counts from the next repro on."""
    folder = built / "release" / "m2m-kinetics"
    assert "Nobody has looked at these clips yet" in (folder / "README.md").read_text("utf-8")
    rows = read_manifest(folder / "manifest.parquet")
    verdicts = [Verdict(r.clip_id, "ann", r.sample_sha256, r.label, "ok", "") for r in rows]
    write_verdicts(verdicts, built / "validation/reviews/m2m-kinetics/v1.0.0.csv")
    before = _worked(built)
    ran = re.findall(r"Running stage '(.+?)'", dvc(built, "repro").stdout)
    assert ran == ["versions", "describe@m2m-kinetics", "describe@kinetics-150"]
    assert _worked(built) == before
    assert "looked at 4 (v1.0.0)" in (folder / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_a_changed_clip_redoes_one_shard_of_each_stage(built: Path, dvc: Dvc) -> None:
    """Only that clip is worked on, once in each stage; every other shard stays as it is."""
    before, stamps = _worked(built), _stamps(built)
    write_clip(built / "source/train/room/attic.mp4", [paint_room(9)] * NUM_FRAMES)
    dvc(built, "repro")
    assert _worked(built) - before == {(stage, "attic"): 1 for stage in CLIP_STAGES}
    changed = [name for name, stamp in _stamps(built).items() if stamps[name] != stamp]
    assert len({Path(name).parent for name in changed}) == len(changed) == len(CLIP_STAGES) + 1


@pytest.mark.slow
def test_a_changed_parameter_redoes_what_reads_it(built: Path, dvc: Dvc) -> None:
    """Another body: masks, scenes and poses are kept, and other releases too."""
    before = _worked(built)
    path = built / "params.yaml"
    params = yaml.safe_load(path.read_text("utf-8"))
    params["releases"]["m2m-kinetics"]["body"] = "anny-neutral"
    path.write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")
    done = dvc(built, "repro")
    stages = {stage for stage, _ in (_worked(built) - before)}
    assert stages == {"m2m-kinetics/composite", "m2m-kinetics/measure"}
    assert "composite@kinetics-150" not in "".join(
        line for line in done.stdout.splitlines() if line.startswith("Running")
    )


@pytest.mark.slow
def test_a_body_that_comes_back_is_drawn_again(built: Path, dvc: Dvc) -> None:
    """There, back and another key: what is packed is what was checked, not what was there last."""
    path, folder = built / "params.yaml", built / "release" / "m2m-kinetics"

    def draw(body: str) -> list[bytes]:
        params = yaml.safe_load(path.read_text("utf-8"))
        params["releases"]["m2m-kinetics"]["body"] = body
        path.write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")
        dvc(built, "repro", "describe@m2m-kinetics")
        return _videos(folder)

    neutral, wooden = draw("anny-neutral"), draw("mannequin")
    assert neutral != wooden
    key = built / "keys" / "clip_ids.key"
    first = key.read_text("ascii")
    try:
        key.write_text("6d" * 32 + "\n", "ascii")
        assert draw("anny-neutral") == neutral
    finally:
        key.write_text(first, "ascii")
    assert draw("anny-neutral") == neutral


def test_private_tables_are_not_pushed(built: Path, dvc: Dvc, tmp_path: Path) -> None:
    """A plain ``dvc push`` takes releases to the remote, and no table that names a source."""
    dvc(built, "remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    dvc(built, "push")
    pushed = [file.read_bytes() for file in (tmp_path / "store").rglob("*") if file.is_file()]
    assert (built / "release" / "m2m-kinetics" / "manifest.parquet").read_bytes() in pushed
    private = [path.read_bytes() for path in (built / "data").rglob("*") if path.is_file()]
    assert private
    assert not set(private) & set(pushed)


@pytest.mark.slow
def test_a_failed_clip_stops_the_build_and_is_tried_again(
    built: Path, dvc: Dvc, environment: dict[str, str]
) -> None:
    """A clip changed behind the build's back fails by name; ``m2m retry`` mends it."""
    clip = built / "source/val/room/cellar.mp4"
    first = clip.read_bytes()
    write_clip(clip, [paint_room(5)] * NUM_FRAMES)
    dvc(built, "repro", "ingest", "select_classes")
    second = clip.read_bytes()
    clip.write_bytes(first)
    refused = dvc(built, "repro", "--single-item", "standardize", ok=False)
    assert "cellar" in refused.stderr
    assert "has changed since stage ingest" in refused.stderr
    assert "m2m retry" in refused.stderr
    clip.write_bytes(second)
    words = ["python", "-c", "from toolkit.cli import main; main(['retry'])"]
    done = subprocess.run(
        words, cwd=built, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "standardize: 1 again: cellar" in done.stdout
    rows = read_manifest(built / "release" / "m2m-kinetics" / "manifest.parquet")
    assert Counter(row.status for row in rows) == {RELEASED: 4}


def _plant_leak(project: Path, clip_id: str) -> None:
    """Let stage composite have released the source of a clip."""
    (shard,) = (
        tar for tar in list_shards(project / "work/m2m-kinetics/composite")
        if clip_id in read_record(tar).clips
    )  # fmt: skip
    source = next(
        sample.parts["mp4"]
        for tar in list_shards(project / "work/standardize")
        for sample in read_shard(tar)
        if sample.key == clip_id
    )
    samples = {sample.key: sample for sample in read_shard(shard)}
    samples[clip_id] = Sample(clip_id, samples[clip_id].parts | {"mp4": source})
    write_shard(shard, list(samples.values()))
    clips = dict(read_record(shard).clips)
    clips[clip_id] = replace(clips[clip_id], sha256=samples[clip_id].sha256)
    write_record(shard, Record(read_index(shard).sha256, clips))
    (project / "data/m2m-kinetics/composite.parquet").unlink()


def test_a_leak_stops_the_build_until_the_clip_is_quarantined(built: Path, dvc: Dvc) -> None:
    """The clip, the check and the frame are named; then the build goes on without the clip."""
    rows = read_manifest(built / "data/m2m-kinetics/gate.parquet")
    (clip_id,) = (row.clip_id for row in rows if row.label == "wave")
    _plant_leak(built, clip_id)
    params = (built / "params.yaml").read_text("utf-8")
    (built / "params.yaml").write_text(params.replace("s: quarantine", "s: stop"), "utf-8")
    told = dvc(built, "repro", ok=False).stderr
    assert re.search(rf"{clip_id}: undrawn_meshes 0\.\d+ over 0\.15 in frame \d", told)
    assert "1 clips must not go on" in told
    packed = read_manifest(built / "release/m2m-kinetics/manifest.parquet")
    assert Counter(row.status for row in packed) == {RELEASED: 4}  # as it was
    (built / "params.yaml").write_text(params, "utf-8")
    dvc(built, "repro")
    packed = read_manifest(built / "release/m2m-kinetics/manifest.parquet")
    assert {row.status for row in packed if row.label == "wave"} == {QUARANTINED}
    assert len(_videos(built / "release/m2m-kinetics")) == 3


def test_what_the_provenance_names_is_described_anew_when_it_changes(root: Path) -> None:
    """Also where no manifest changes by it: an annotation more that has no file."""
    stages = yaml.safe_load((root / "dvc.yaml").read_text("utf-8"))["stages"]
    named = {"data/ingest.parquet", "data/classes.json", "data/versions.json", "data/evidence.json"}
    assert named < set(stages["describe"]["do"]["deps"])


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
def test_two_builds_in_two_places_give_the_same_bytes(
    tmp_path: Path, make_project: MakeProject, dvc: Dvc
) -> None:
    """All of the release: shards, indexes, manifest, provenance, card and sums."""
    made = []
    for place in ("here", "some/where/else"):
        project = make_project(tmp_path / place)
        dvc(project, "repro")
        made.append(_read(project / "release"))
    assert made[0] == made[1]
    assert any(name.endswith(".tar") for name in made[0])
