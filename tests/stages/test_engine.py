"""A stage over many clips: only what is missing is done, whatever happened before."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from toolkit.errors import InputError
from toolkit.files import _explain
from toolkit.journal import read_journal
from toolkit.params import Run
from toolkit.shards import Sample, index_path, read_index, read_sample, read_shard, write_shard
from toolkit.stages.engine import ClipInput, ClipStage, Job, StageError, run_stage
from toolkit.stages.kept import forget_failures
from toolkit.stages.rows import FAILED, OK, QUARANTINED, Row, read_rows, write_rows

RUN = Run(workers=1, max_failed_fraction=1.0)


def _write_id(job: Job) -> dict[str, bytes]:
    """The sample is the clip's id and a setting."""
    return {"txt": f"{job.clip_id} {job.settings.get('word', '')}".encode()}


def _copy(job: Job) -> dict[str, bytes]:
    return {"txt": job.read("first")["txt"].upper()}


def _trip(job: Job) -> dict[str, bytes]:
    """Fails, or kills its own process, by the clip's name."""
    if job.clip_id.startswith("bad") and not Path(job.settings["mended"]).exists():
        raise InputError("this one is bad: take another")
    if job.clip_id.startswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"txt": job.clip_id.encode()}


def _fill_disk(job: Job) -> dict[str, bytes]:
    """Writes to a device that is always full, where there is a mark."""
    if Path(job.settings["full"]).exists():
        try:
            Path("/dev/full").write_bytes(b"x")
        except OSError as error:
            raise InputError(_explain(error, Path("x.tar"))) from error
    return {"txt": job.clip_id.encode()}


def _stage(work=_write_id, name="first", reads=(), **settings: object) -> ClipStage:
    return ClipStage(name, work, reads, settings)


def _clips(*names: str, shard: str = "train-00000-of-00001.tar") -> list[ClipInput]:
    return [
        ClipInput(Row(name, "walk", "train", shard, OK, "", "", ""), {"source": name})
        for name in names
    ]


def _run(stage: ClipStage, clips: list[ClipInput], folder: Path, run: Run = RUN, shards=None):
    worked: list[int] = []
    rows = run_stage(
        stage, clips, folder, shards or {}, folder, run, lambda _name, _total: worked.append
    )
    return {row.clip_id: row for row in rows}, sum(worked[1:])


def _read(folder: Path) -> dict[str, str]:
    return {
        sample.key: sample.parts["txt"].decode()
        for shard in sorted(folder.glob("*.tar"))
        for sample in read_shard(shard)
    }


def _snapshot(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_a_sample_of_each_clip_in_its_shard(tmp_path: Path) -> None:
    """Each shard holds its clips, with an index; rows name digests; nothing is left in parts."""
    clips = [*_clips("b", "a"), *_clips("c", shard="val-00000-of-00001.tar")]
    rows, num_done = _run(_stage(word="x"), clips, tmp_path)
    assert num_done == 3
    assert _read(tmp_path) == {"a": "a x", "b": "b x", "c": "c x"}
    shard = tmp_path / "train-00000-of-00001.tar"
    assert rows["a"].sha256 == read_index(shard).sample_digests["a"]
    assert {row.status for row in rows.values()} == {OK}
    assert not list((tmp_path / "parts").iterdir())


def test_a_rerun_does_nothing(tmp_path: Path) -> None:
    """No clip is worked on, and no byte changes."""
    clips = _clips("a", "b")
    first, _ = _run(_stage(), clips, tmp_path)
    before = _snapshot(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.tar")}
    again, num_done = _run(_stage(), clips, tmp_path)
    assert (again, num_done) == (first, 0)
    assert _snapshot(tmp_path) == before
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.tar")}


def test_a_changed_clip_redoes_itself_and_its_shard(tmp_path: Path) -> None:
    """Of four clips in two shards one is worked on, and one shard is written."""
    other = "train-00001-of-00002.tar"
    clips = [*_clips("a", "b", shard="train-00000-of-00002.tar"), *_clips("c", "d", shard=other)]
    _run(_stage(), clips, tmp_path)
    before = (tmp_path / other).stat().st_mtime_ns
    clips[0] = replace(clips[0], digests={"source": "changed"})
    _, num_done = _run(_stage(), clips, tmp_path)
    assert num_done == 1
    assert (tmp_path / other).stat().st_mtime_ns == before
    assert [entry.clip_id for entry in read_journal(tmp_path / "journal.jsonl")][4:] == ["a"]


def test_a_changed_setting_redoes_all(tmp_path: Path) -> None:
    """And the rows say so with another config hash."""
    old, _ = _run(_stage(word="x"), _clips("a", "b"), tmp_path)
    new, num_done = _run(_stage(word="y"), _clips("a", "b"), tmp_path)
    assert num_done == 2
    assert old["a"].config_hash != new["a"].config_hash
    assert _read(tmp_path) == {"a": "a y", "b": "b y"}


def test_clips_that_go_or_come_leave_the_others(tmp_path: Path) -> None:
    """A clip less and one more: one is worked on."""
    _run(_stage(), _clips("a", "b"), tmp_path)
    _, num_done = _run(_stage(), _clips("b", "c"), tmp_path)
    assert num_done == 1
    assert _read(tmp_path) == {"b": "b ", "c": "c "}


def test_another_division_into_shards_works_on_nothing(tmp_path: Path) -> None:
    """Samples move to the new shards, and the old ones go."""
    _run(_stage(), _clips("a", "b"), tmp_path)
    halves = ["train-00000-of-00002.tar", "train-00001-of-00002.tar"]
    clips = [*_clips("a", shard=halves[0]), *_clips("b", shard=halves[1])]
    _, num_done = _run(_stage(), clips, tmp_path)
    assert num_done == 0
    assert _read(tmp_path) == {"a": "a ", "b": "b "}
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == halves


def test_clips_that_change_places_between_shards_work_on_nothing(tmp_path: Path) -> None:
    """A clip's split is corrected, and another's the other way: neither shard loses one."""
    shards = ("train-00000-of-00001.tar", "val-00000-of-00001.tar")
    for first, second in (shards, shards[::-1]):
        clips = [*_clips("a", shard=first), *_clips("b", shard=second)]
        rows, num_done = _run(_stage(), clips, tmp_path)
        assert {row.status for row in rows.values()} == {OK}
        assert list(read_index(tmp_path / first).sample_digests) == ["a"]
        assert list(read_index(tmp_path / second).sample_digests) == ["b"]
    assert num_done == 0


def test_same_bytes_for_any_number_of_workers(tmp_path: Path) -> None:
    """Shards and indexes of one worker and of two are equal."""
    clips = _clips(*"abcdef")
    made = []
    for num in (1, 2):
        folder = tmp_path / str(num)
        _run(_stage(), clips, folder, Run(workers=num, max_failed_fraction=0))
        made.append({k: v for k, v in _snapshot(folder).items() if "journal" not in k})
    assert made[0] == made[1]


def test_a_stage_reads_what_another_made(tmp_path: Path) -> None:
    """By shard and digest; what is not as that stage made it is not used."""
    first, second = tmp_path / "first", tmp_path / "second"
    rows, _ = _run(_stage(), _clips("a"), first)
    clips = [ClipInput(rows["a"], {"first": rows["a"].sha256})]
    stage = _stage(_copy, "second", ("first",))
    done, _ = _run(stage, clips, second, shards={"first": first})
    assert _read(second) == {"a": "A "}
    assert done["a"].status == OK

    write_shard(first / rows["a"].shard, [Sample("a", {"txt": b"forged"})])
    clips = [ClipInput(rows["a"], {"first": rows["a"].sha256})]
    done, _ = _run(
        _stage(_copy, "second", ("first",), word="new"), clips, second, shards={"first": first}
    )
    assert done["a"].status == FAILED
    assert "is not what first made: run  dvc repro --force --single-item first" in done["a"].reason

    (first / rows["a"].shard).unlink()
    done, _ = _run(
        _stage(_copy, "second", ("first",), word="newer"), clips, second, shards={"first": first}
    )
    assert "is gone, but a is made of it" in done["a"].reason


def test_failures_are_rows_and_the_others_go_on(tmp_path: Path) -> None:
    """One that is refused and one that kills its worker, twice: both named; the third is made."""
    stage = _stage(_trip, mended=str(tmp_path / "mended"))
    rows, _ = _run(stage, _clips("bad", "deadly", "good"), tmp_path / "work")
    assert rows["good"].status == OK
    assert rows["bad"].status == rows["deadly"].status == FAILED
    assert rows["bad"].reason == "first: this one is bad: take another"
    assert "died of it 2 times (SIGKILL" in rows["deadly"].reason
    attempts = {e.clip_id: e.attempt for e in read_journal(tmp_path / "work" / "journal.jsonl")}
    assert attempts["deadly"] == 2
    assert _read(tmp_path / "work") == {"good": "good"}


def test_a_failure_is_kept_until_it_is_forgotten(tmp_path: Path) -> None:
    """A rerun does not try it again; after ``forget_failures`` it does, and nothing else."""
    mended, folder = tmp_path / "mended", tmp_path / "work"
    stage, clips = _stage(_trip, mended=str(mended)), _clips("bad", "good")
    _run(stage, clips, folder)
    mended.touch()
    rows, num_done = _run(stage, clips, folder)
    assert (rows["bad"].status, num_done) == (FAILED, 0)
    assert forget_failures(folder) == ["bad"]
    rows, num_done = _run(stage, clips, folder)
    assert (rows["bad"].status, num_done) == (OK, 1)
    assert _read(folder) == {"bad": "bad", "good": "good"}


def test_a_full_disk_is_no_fault_of_a_clip(tmp_path: Path) -> None:
    """The stage stops in one line; when there is room, every clip is worked on."""
    full = tmp_path / "full"
    full.touch()
    stage, clips = _stage(_fill_disk, full=str(full)), _clips("a", "b")
    with pytest.raises(StageError, match=r"the disk is full: free some space.*run  dvc repro"):
        _run(stage, clips, tmp_path / "work")
    full.unlink()
    rows, num_done = _run(stage, clips, tmp_path / "work")
    assert ({row.status for row in rows.values()}, num_done) == ({OK}, 2)


def test_too_many_failures_stop_the_build_and_name_the_clips(tmp_path: Path) -> None:
    """Just as many as may fail do not; what is done is kept."""
    stage, clips = _stage(_trip, mended=str(tmp_path / "no")), _clips("bad", "good")
    with pytest.raises(StageError, match=r"1 of 2 clips failed.*bad \(first: this one is bad"):
        _run(stage, clips, tmp_path / "work", Run(workers=1, max_failed_fraction=0.4))
    rows, num_done = _run(stage, clips, tmp_path / "work", Run(workers=1, max_failed_fraction=0.5))
    assert (rows["good"].status, num_done) == (OK, 0)


def test_a_clip_set_aside_before_is_carried_through(tmp_path: Path) -> None:
    """It is not worked on, and keeps its reason."""
    (clip,) = _clips("a")
    clip = replace(clip, row=replace(clip.row, status=QUARANTINED, reason="source: truncated"))
    rows, num_done = _run(_stage(), [clip], tmp_path)
    assert (rows["a"].status, rows["a"].reason, num_done) == (QUARANTINED, "source: truncated", 0)
    assert not list(tmp_path.glob("*.tar"))


def test_parts_of_a_killed_run_are_used(tmp_path: Path) -> None:
    """Samples that were made, of a shard that was not, are not made again; half ones are."""
    stage, clips = _stage(), _clips("a", "b")
    parts = tmp_path / "parts"
    parts.mkdir()
    keys = {clip.row.clip_id: stage.key_of(clip) for clip in clips}
    write_shard(parts / f"{keys['a']}.tar", [Sample("a", {"txt": b"a "})])
    whole = (parts / f"{keys['a']}.tar").read_bytes()
    (parts / f"{keys['b']}.tar").write_bytes(whole[:700])
    (parts / f".{keys['b']}.tar.partial").write_bytes(b"half")
    _, num_done = _run(stage, clips, tmp_path)
    assert num_done == 1
    assert _read(tmp_path) == {"a": "a ", "b": "b "}
    assert not list(parts.iterdir())


@pytest.mark.parametrize("killed", ["before the tar", "before the record"])
def test_killed_while_a_shard_is_written_anew(tmp_path: Path, killed: str) -> None:
    """Index new and tar old, or both new and the record old: samples that hold are kept."""
    stage, clips = _stage(), _clips("a", "b")
    _run(stage, clips, tmp_path)
    shard = tmp_path / "train-00000-of-00001.tar"
    old_tar = shard.read_bytes()
    write_shard(shard, [Sample("a", {"txt": b"a "}), Sample("b", {"txt": b"b changed"})])
    if killed == "before the tar":
        shard.write_bytes(old_tar)
    clips[1] = replace(clips[1], digests={"source": "changed"})
    _, num_done = _run(stage, clips, tmp_path)
    assert num_done == 1
    assert _read(tmp_path) == {"a": "a ", "b": "b "}
    assert read_sample(shard, "a").parts["txt"] == b"a "


def test_a_shard_that_is_gone_is_made_again(tmp_path: Path) -> None:
    """Tar or index removed by hand: the rerun notices."""
    clips = _clips("a", "b")
    _run(_stage(), clips, tmp_path)
    shard = tmp_path / "train-00000-of-00001.tar"
    index_path(shard).unlink()
    _, num_done = _run(_stage(), clips, tmp_path)
    assert num_done == 0
    assert index_path(shard).is_file()
    shard.unlink()
    _, num_done = _run(_stage(), clips, tmp_path)
    assert num_done == 2
    assert _read(tmp_path) == {"a": "a ", "b": "b "}


def test_a_damaged_sample_is_named_and_made_again(tmp_path: Path) -> None:
    """The reader says what to remove; then that one clip is worked on, and no other."""
    first, second = tmp_path / "first", tmp_path / "second"
    clips = _clips("a", "b")
    rows, _ = _run(_stage(), clips, first)
    shard = first / rows["a"].shard
    whole = shard.read_bytes()
    shard.write_bytes(whole.replace(b"a ", b"X "))
    inputs = [ClipInput(row, {"first": row.sha256}) for row in rows.values()]
    done, _ = _run(_stage(_copy, "second", ("first",)), inputs, second, shards={"first": first})
    assert {name: row.status for name, row in done.items()} == {"a": FAILED, "b": OK}
    assert f"remove {index_path(shard)} and run" in done["a"].reason
    index_path(shard).unlink()
    _, num_done = _run(_stage(), clips, first)
    assert num_done == 1
    assert shard.read_bytes() == whole


def test_a_record_that_is_damaged_is_named(tmp_path: Path) -> None:
    """One line that says what to do."""
    _run(_stage(), _clips("a"), tmp_path)
    (record,) = tmp_path.glob("*.done.json")
    record.write_text("{")
    with pytest.raises(InputError, match="remove it, and its shard is made again"):
        _run(_stage(), _clips("a"), tmp_path)


def test_rows_are_stored_as_they_are(tmp_path: Path) -> None:
    """Sorted, and the same bytes each time; something else is refused."""
    rows = [clip.row for clip in _clips("b", "a")]
    write_rows(rows, tmp_path / "one.parquet")
    write_rows(rows[::-1], tmp_path / "two.parquet")
    assert read_rows(tmp_path / "one.parquet") == sorted(rows, key=lambda row: row.clip_id)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    (tmp_path / "two.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match="run  dvc repro"):
        read_rows(tmp_path / "two.parquet")
