"""Clips are dropped from the shards of a stage; all others are kept as they are."""

from pathlib import Path

from toolkit.shards import Sample, is_finished, read_shard, write_shard
from toolkit.stages.kept import Done, Record, drop_clips, find_known, read_record, write_record
from toolkit.stages.rows import FAILED, OK


def _write(shard: Path, *clips: str) -> None:
    samples = [Sample(clip, {"mp4": clip.encode()}) for clip in clips]
    index = write_shard(shard, samples)
    done = {s.key: Done(f"key of {s.key}", OK, "", s.sha256) for s in samples}
    write_record(shard, Record(index.sha256, done))


def test_a_shard_is_written_without_it_and_the_others_stay_known(tmp_path: Path) -> None:
    """Nothing has to be done again for them; a shard without the clip is not touched."""
    first, second = tmp_path / "train-0.tar", tmp_path / "train-1.tar"
    _write(first, "a", "b", "c")
    _write(second, "d")
    stamp = second.stat().st_mtime_ns
    assert drop_clips(tmp_path, {"b"}.__contains__) == [first]
    assert [sample.key for sample in read_shard(first)] == ["a", "c"]
    assert is_finished(first)
    assert set(find_known(tmp_path)) == {"key of a", "key of c", "key of d"}
    assert second.stat().st_mtime_ns == stamp


def test_a_shard_of_nothing_else_goes(tmp_path: Path) -> None:
    """With its index and what was known of it."""
    _write(tmp_path / "train-0.tar", "b")
    drop_clips(tmp_path, {"b"}.__contains__)
    assert not list(tmp_path.iterdir())


def test_a_failure_is_forgotten_too(tmp_path: Path) -> None:
    """It has no sample, but its id and its error are there."""
    shard = tmp_path / "train-0.tar"
    failures = {name: Done(name, FAILED, f"{name} is odd", "") for name in ("a", "b")}
    write_record(shard, Record("", failures))
    drop_clips(tmp_path, {"b"}.__contains__)
    assert set(read_record(shard).clips) == {"a"}
    assert not shard.exists()
