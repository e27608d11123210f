"""``m2m takedown`` in a small project with a registry: what is withdrawn, removed and kept."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.registry_box import Box, no_settings, reproduce, run_here, start
from toolkit.cli import main
from toolkit.kinetics.table import Row, write_table
from toolkit.manifest import ManifestRow, write_manifest
from toolkit.params import read_params
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.shards import Sample, read_index, read_shard, write_shard
from toolkit.stages.kept import Done, Record, write_record
from toolkit.stages.rows import OK

NAME, LIST = "nohuman-kinetics", "kinetics-150"
VIDEO, TWIN, OTHER = "abcdefghijk", "samebytes00", "stays000000"
CLIPS = {
    f"{VIDEO}_000000_000010": "aa" * 32,
    f"{VIDEO}_000010_000020": "bb" * 32,
    f"{TWIN}_000000_000010": "bb" * 32,
    f"{OTHER}_000000_000010": "cc" * 32,
    f"{OTHER}_000010_000020": "dd" * 32,
}
PSEUDONYMS = Pseudonyms(b"\x5c" * 32)
PUBLISHED = {PSEUDONYMS.publish(clip_id): clip_id for clip_id in CLIPS}
SHARDS = {"train-00000-of-00002.tar": (0, 1, 3), "train-00001-of-00002.tar": (2, 4)}
"""Clips by their place in CLIPS."""
UNTOUCHED = f"{OTHER}_000010_000020"


def _write_release(folder: Path) -> None:
    rows = []
    (folder / "data").mkdir(parents=True)
    for name, places in SHARDS.items():
        clips = {PSEUDONYMS.publish(list(CLIPS)[place]): place for place in places}
        samples = [Sample(clip, {"mp4": b"video " + clip.encode()}) for clip in sorted(clips)]
        write_shard(folder / "data" / name, samples)
        for sample in samples:
            digest = PSEUDONYMS.digest(CLIPS[PUBLISHED[sample.key]])
            rows.append(
                ManifestRow(
                    sample.key, "walk", 0, "train", "released", "", name, sample.sha256, 8, 8.0,
                    0, (), digest, (),
                )
            )  # fmt: skip
    write_manifest(rows, folder / "manifest.parquet")


def _write_list(folder: Path) -> None:
    """Write a release without pixels: other ids, and a list that names clips as the source does."""
    (folder / "lists").mkdir(parents=True)
    rows = [(clip[:11], int(clip[12:18]), int(clip[19:])) for clip in CLIPS]
    text = "".join(f"walk,{name},{start},{end},train\n" for name, start, end in rows)
    (folder / "lists/train.csv").write_text(text)
    apart = PSEUDONYMS.apart(LIST)
    rows = [
        ManifestRow(
            apart.publish(clip), "walk", 0, "train", "quarantined", "a list", "", "", 8, 8.0,
            0, (), apart.digest(sha256), (),
        )
        for clip, sha256 in CLIPS.items()
    ]  # fmt: skip
    write_manifest(rows, folder / "manifest.parquet")


def _write_work(folder: Path) -> None:
    (folder / "parts").mkdir(parents=True)
    for name, places in SHARDS.items():
        clips = sorted(list(CLIPS)[place] for place in places)
        samples = [Sample(clip, {"mp4": clip.encode()}) for clip in clips]
        index = write_shard(folder / name, samples)
        done = {s.key: Done(f"key of {s.key}", OK, "", s.sha256) for s in samples}
        write_record(folder / name, Record(index.sha256, done))
    lines = [json.dumps({"clip_id": clip}) + "\n" for clip in CLIPS]
    (folder / "journal.jsonl").write_text("".join(lines))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Path]:
    """A project with version 1.0.0 of its release, not to be changed."""
    home = tmp_path_factory.mktemp("home")
    project = tmp_path_factory.mktemp("built") / "project"
    with no_settings(home):
        box = Box(project.parent, {})
        start(box, project, str(project.parent / "store"))
        stages = {
            "ingest": {
                "cmd": "mkdir -p data && cp found.parquet data/ingest.parquet",
                "deps": ["found.parquet"],
                "outs": ["data/ingest.parquet"],
            },
            "describe": {
                "cmd": "mkdir -p release && cp -r made/* release",
                "deps": ["made"],
                "outs": [f"release/{NAME}", f"release/{LIST}"],
            },
        }
        artifacts = {name: {"path": f"release/{name}"} for name in (NAME, LIST)}
        dvc_yaml = yaml.safe_dump({"stages": stages, "artifacts": artifacts})
        (project / "dvc.yaml").write_text(dvc_yaml)
        ignored = "/made\n/found.parquet\n/data\n/release\n/work\n/source\n/keys\n"
        (project / ".gitignore").write_text(ignored)
        shutil.copy(root / "params/tiny.yaml", project / "params.yaml")
        for folder in ("keys", "source/train/walk"):
            (project / folder).mkdir(parents=True)
        (project / "keys/clip_ids.key").write_text("5c" * 32)
        rows = [
            Row(clip, "walk", "train", [], f"{clip}.mp4", sha256=s) for clip, s in CLIPS.items()
        ]
        for row in rows:
            (project / f"source/train/walk/{row.path}").write_text("video")
        write_table(rows, project / "found.parquet")
        _write_release(project / "made" / NAME)
        _write_list(project / "made" / LIST)
        _write_work(project / "work/standardize")
        reproduce(project)
        box.git("add", ".", cwd=project)
        box.git("commit", "-qm", "Build", cwd=project)
        for name in (NAME, LIST):
            with contextlib.chdir(project), pytest.raises(SystemExit) as end:
                main(["registry", "register", name, "v1.0.0"])
            assert end.value.code == 0
        shutil.rmtree(project / "made")  # what stands for the stages that make it anew
        (project / "found.parquet").unlink()
        yield project


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """A project for one test to change."""
    return Path(shutil.copytree(built, tmp_path / "project", symlinks=True))


def _m2m(project: Path, *words: str, code: int = 0) -> str:
    return run_here("takedown", *words, cwd=project, code=code)


def _git(project: Path, *words: str) -> str:
    return Box(project, {}).git(*words, cwd=project)


def _files(project: Path) -> dict[str, bytes]:
    """Return all that lies in a project but DVC's own notes and git's index."""
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in sorted(project.rglob("*"))
        if path.is_file() and ".dvc/tmp" not in str(path) and path.name != "index"
    }


def _find_cached(project: Path, content: bytes) -> list[str]:
    return [name for name, found in _files(project / ".dvc/cache").items() if content in found]


def test_a_video_is_taken_down_with_its_twin(project: Path) -> None:
    """Both of its clips, and the same bytes under another id: in nothing any more; no other is."""
    gone = [clip for clip in CLIPS if not clip.startswith(OTHER)]
    whole = (project / "params.yaml").read_text()
    said = _m2m(project, "--youtube-id", VIDEO, "--date", "2026-11-28")
    assert "the build leaves out 3 more" in said
    assert len((project / "validation/takedowns.csv").read_text().splitlines()) == 4
    expected = [
        line.replace("1.0.0", "2.0.0") if line.strip().startswith((NAME, LIST)) else line
        for line in whole.splitlines()
    ]
    assert (project / "params.yaml").read_text().splitlines() == expected != whole.splitlines()
    message = _git(project, "tag", "--list", "--format=%(contents:subject)", f"{NAME}@v1.0.0!")
    assert "taken down (request)" in message
    of_list = _git(project, "tag", "--list", "--format=%(contents:subject)", f"{LIST}@v1.0.0!")
    apart = PSEUDONYMS.apart(LIST)
    for clip_id in gone:
        assert PSEUDONYMS.publish(clip_id) in message
        assert apart.publish(clip_id) in of_list
        assert clip_id not in message + of_list
    assert not list((project / "release").glob("*/*"))
    work = project / "work/standardize"
    left = {s.key for shard in sorted(work.glob("*.tar")) for s in read_shard(shard)}
    assert left == CLIPS.keys() - set(gone)
    assert OTHER in (work / "journal.jsonl").read_text()
    for video in (VIDEO, TWIN):  # a row of the list, which is in the form of Kinetics
        assert not _find_cached(project, f"walk,{video},".encode())
    for name in [*gone, *map(PSEUDONYMS.publish, gone), *map(apart.publish, gone)]:
        assert not _find_cached(project, name.encode())
        told = [file for file, found in _files(project).items() if name.encode() in found]
        own = {f"source/train/walk/{name}.mp4"}
        assert set(told) <= {"data/ingest.parquet", *own}, told
    assert len(list((project / "source/train/walk").iterdir())) == len(CLIPS)


def test_what_does_not_hold_it_stays(project: Path) -> None:
    """Its neighbours' sample in work/, and the shard in DVC's cache that it is not in."""
    clip_id = f"{VIDEO}_000000_000010"
    shard = project / "work/standardize/train-00001-of-00002.tar"
    stamp, published = shard.stat().st_mtime_ns, PSEUDONYMS.publish(UNTOUCHED)
    sample = f"video {published}".encode()
    before = _find_cached(project, sample)
    _m2m(project, "--clip-id", PSEUDONYMS.publish(clip_id))
    assert shard.stat().st_mtime_ns == stamp
    assert _find_cached(project, sample) == before != []
    kept = read_index(project / "work/standardize/train-00000-of-00002.tar").keys
    assert kept == [f"{VIDEO}_000010_000020", f"{OTHER}_000000_000010"]


def test_a_dry_run_changes_nothing(project: Path) -> None:
    """It tells the versions and the files."""
    before = _files(project)
    said = _m2m(project, "--youtube-id", VIDEO, "--dry-run")
    assert f"{NAME}@v1.0.0" in said
    assert f"that is the clip {TWIN}_000000_000010" in said
    assert "holds it: work/standardize/train-00000-of-00002.tar" in said
    assert _files(project) == before
    assert f"{NAME}@v1.0.0!" not in _git(project, "tag")


def test_check_finds_what_is_left_and_says_what_it_did_not_see(project: Path) -> None:
    """4 while anything is there: a table, a stray copy of a shard, a file named like a clip."""
    clip_id = f"{VIDEO}_000000_000010"
    shard = project / "release" / NAME / "data/train-00000-of-00002.tar"
    stray = project / "notes/old.tar"
    stray.parent.mkdir()
    shutil.copy(shard, stray)
    with stray.open("r+b") as file:
        file.truncate(3000)  # cut off within a member
    _m2m(project, "--clip-id", clip_id)
    said = _m2m(project, "--check", code=4)
    assert "was taken down: data/ingest.parquet" in said
    assert "was taken down: notes/old.tar" in said
    assert f"not looked into: source/train/walk/{clip_id}.mp4: your own" in said
    assert "DVC's remote store" in said
    assert "the Hub" in said
    (project / "data/ingest.parquet").unlink()
    stray.unlink()
    named = stray.with_name(f"{clip_id}.mp4")
    named.write_text("video")
    assert str(named.relative_to(project)) in _m2m(project, "--check", code=4)
    named.unlink()
    assert "nothing is left" in _m2m(project, "--check")


def test_what_was_stopped_is_finished_by_the_same_command(project: Path, built: Path) -> None:
    """Stopped when the list and params.yaml were written; run once more when all is done."""
    words = ("--clip-id", f"{VIDEO}_000000_000010")
    _m2m(project, *words)
    whole = _files(project)
    stopped = Path(shutil.copytree(built, project.with_name("stopped"), symlinks=True))
    (stopped / "validation").mkdir()
    for name in ("params.yaml", "validation/takedowns.csv"):
        shutil.copy(project / name, stopped / name)
    for _ in range(2):
        _m2m(stopped, *words)
        found = _files(stopped)
        assert {n: found[n] for n in found if ".git/" not in n} == {
            n: whole[n] for n in whole if ".git/" not in n
        }
        assert f"{NAME}@v1.0.0!" in _git(stopped, "tag")


def test_a_version_that_cannot_be_looked_into_stops_it(project: Path) -> None:
    """Its manifest is not in DVC's cache, and may have the clip: nothing is changed."""
    shutil.rmtree(project / ".dvc/cache")
    before = _files(project)
    said = _m2m(project, "--youtube-id", VIDEO, code=2)
    assert said.startswith("m2m: error: ")
    assert said.count("\n") == 1
    assert "dvc pull --all-tags" in said
    assert _files(project) == before


def test_a_clip_whose_source_is_gone_is_found_by_its_id(project: Path) -> None:
    """No table has it any more, and a version does."""
    (project / "data/ingest.parquet").unlink()
    for name in _find_cached(project, f"{VIDEO}_000000_000010".encode()):
        (project / ".dvc/cache" / name).unlink()
    _m2m(project, "--clip-id", f"{VIDEO}_000000_000010")
    assert read_params(project / "params.yaml").releases[NAME].version == "2.0.0"
    assert f"{NAME}@v1.0.0!" in _git(project, "tag")


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--clip-id", "nobody_000000_000010"], "is no clip of this project"),
        (["--youtube-id", ".*"], "is no clip of this project"),
        ([], "one of --youtube-id, --clip-id, --check and --purge"),
        (["--youtube-id", VIDEO, "--clip-id", "x"], "one of --youtube-id, --clip-id, --check"),
        (["--youtube-id", VIDEO, "--reason", "Jane Doe"], "--reason is one of"),
        (["--youtube-id", VIDEO, "--date", "today"], "--date is YYYY-MM-DD"),
    ],
)
def test_a_slip_is_told_in_one_line(built: Path, words: list[str], rule: str) -> None:
    """Exit code 2, and nothing is written."""
    said = _m2m(built, *words, code=2)
    assert rule in said
    assert said.count("\n") == 1
    assert not os.path.lexists(built / "validation")
