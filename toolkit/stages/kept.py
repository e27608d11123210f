"""What a stage keeps from run to run: the outcome of each clip, by the key that it holds for."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from toolkit.errors import InputError
from toolkit.files import write_output
from toolkit.shards import (
    ShardError,
    index_path,
    is_finished,
    read_index,
    read_sample,
    write_index,
    write_shard,
)
from toolkit.stages.rows import FAILED, OK, tell_again

_RECORD = ".done.json"


@dataclass(frozen=True)
class Done:
    """The outcome for a clip: ``shard`` holds its sample where there is one."""

    key: str
    status: str
    reason: str
    sha256: str
    shard: Path | None = None


@dataclass(frozen=True)
class Record:
    """What NAME.done.json says: the tar's digest, and the outcome of each clip by its id."""

    sha256: str
    clips: dict[str, Done]


def list_shards(folder: Path) -> list[Path]:
    """Return the shards of which something is known, sorted; one of no sample has no tar."""
    records = sorted(folder.glob(f"*{_RECORD}"))
    return [path.with_name(path.name.removesuffix(_RECORD) + ".tar") for path in records]


def forget_shard(shard: Path) -> None:
    """Remove a shard and what is known of it."""
    remove_shard(shard)
    _record_path(shard).unlink(missing_ok=True)


def forget_failures(folder: Path) -> list[str]:
    """Forget that clips failed, so that the next run tries them again; returns their ids."""
    forgotten = []
    for shard in list_shards(folder):
        record = read_record(shard)
        failed = [clip_id for clip_id, done in record.clips.items() if done.status == FAILED]
        if failed:
            kept = {name: done for name, done in record.clips.items() if name not in failed}
            write_record(shard, replace(record, clips=kept))
        forgotten += failed
    return forgotten


def drop_clips(folder: Path, is_dropped: Callable[[str], bool]) -> list[Path]:
    """Write shards anew without some clips, and forget these; returns the shards that had any."""
    touched = []
    for shard in list_shards(folder):
        record = read_record(shard)
        samples = _find_samples(shard, record.sha256)
        if not any(map(is_dropped, {*record.clips, *samples})):
            continue
        touched.append(shard)
        clips = {name: done for name, done in record.clips.items() if not is_dropped(name)}
        left = [name for name in sorted(samples) if not is_dropped(name)]
        if not clips:
            forget_shard(shard)
            continue
        sha256 = ""
        if left:
            sha256 = write_shard(shard, (read_sample(shard, name) for name in left)).sha256
        else:
            remove_shard(shard)
        write_record(shard, Record(sha256, clips))
    return touched


def find_known(folder: Path) -> dict[str, Done]:
    """Return every outcome that is kept, by key."""
    known = {}
    for shard in list_shards(folder):
        record = read_record(shard)
        digests = _find_samples(shard, record.sha256)
        for clip_id, done in record.clips.items():
            if done.status != OK or digests.get(clip_id) == done.sha256:
                known[done.key] = replace(done, shard=shard if done.status == OK else None)
    for part in (folder / "parts").glob("*.tar"):
        if index_path(part).is_file() and is_finished(part):
            ((_, sha256),) = read_index(part).sample_digests.items()
            known[part.stem] = Done(part.stem, OK, "", sha256, part)
    return known


def _find_samples(shard: Path, sha256: str) -> Mapping[str, str]:
    """Return the digest of each sample that a shard holds.

    A run that was killed while it wrote the shard anew may have left the new index beside the old
    tar: then the tar tells.
    """
    if not shard.is_file():
        return {}
    if index_path(shard).is_file() and read_index(shard).sha256 == sha256:
        return read_index(shard).sample_digests
    return write_index(shard).sample_digests


def read_kept(shard: Path, clip_id: str, sha256: str, stage: str) -> Mapping[str, bytes]:
    """Return the parts of a clip's sample, if it is the one that is asked for.

    Args:
        shard: of the stage that made it.
        clip_id: of the clip.
        sha256: of the sample.
        stage: its name.

    Raises:
        ShardError: it is not there, damaged, or another one; the line says what to do.
    """
    again = tell_again(stage)
    if not shard.is_file():
        raise ShardError(f"{shard} is gone, but {clip_id} is made of it: {again}")
    try:
        sample = read_sample(shard, clip_id)
    except ShardError as error:
        raise ShardError(
            f"{shard}: {clip_id} is damaged: remove {index_path(shard)} and {again}"
        ) from error
    if sample.sha256 != sha256:
        raise ShardError(f"{shard}: {clip_id} is not what {stage} made: {again}")
    return sample.parts


def read_record(shard: Path) -> Record:
    """Return what is known of a shard: nothing where it was never finished."""
    path = _record_path(shard)
    if not path.exists():
        return Record("", {})
    try:
        values = json.loads(path.read_text("utf-8"))
        return Record(values["sha256"], {k: Done(**done) for k, done in values["clips"].items()})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}): remove it, and its shard is made again"
        ) from error


def write_record(shard: Path, record: Record) -> None:
    """Say what a shard holds: the last thing that is written of it."""
    with write_output(_record_path(shard)) as partial:
        text = json.dumps(asdict(record), indent=1, sort_keys=True)
        partial.write_text(f"{text}\n", "utf-8")


def without_places(clips: Mapping[str, Done]) -> dict[str, Done]:
    """Return outcomes as a record has them: they are where the record is."""
    return {clip_id: replace(done, shard=None) for clip_id, done in clips.items()}


def remove_shard(shard: Path) -> None:
    """Remove a tar and its index, if they are there."""
    shard.unlink(missing_ok=True)
    index_path(shard).unlink(missing_ok=True)


def _record_path(shard: Path) -> Path:
    return shard.with_suffix(_RECORD)


def part_path(folder: Path, key: str) -> Path:
    """Return where a sample waits for the others of its shard."""
    return folder / "parts" / f"{key}.tar"
