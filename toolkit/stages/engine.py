"""Runs a stage over all clips: shard by shard, only what is not there yet, on all cores.

A clip's *key* is a hash of all that decides its result: the stage's configuration, its models, and
what it is made of. A sample whose key is known already is kept; so a rerun continues, a changed
clip redoes itself and rewrites one shard, and a changed parameter redoes the stages that read it.

work/STAGE/NAME.tar, NAME.index.json    a shard (``toolkit.shards``)
work/STAGE/NAME.done.json               the key and outcome of each of its clips, written last
work/STAGE/parts/KEY.tar                samples of a shard that is not whole yet
work/STAGE/journal.jsonl                ``toolkit.journal``
"""

import hashlib
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from toolkit import __version__
from toolkit.errors import FREE_SPACE, ToolkitError
from toolkit.execute import Outcome
from toolkit.execute.local import LocalExecutor
from toolkit.files import make_folder
from toolkit.journal import Entry, append_entry
from toolkit.kinetics.tree import SourceFile
from toolkit.params import Run
from toolkit.progress import StartStage
from toolkit.shards import (
    Sample,
    write_shard,
)
from toolkit.stages.kept import (
    Done,
    Record,
    find_known,
    forget_shard,
    list_shards,
    part_path,
    read_kept,
    read_record,
    remove_shard,
    without_places,
    write_record,
)
from toolkit.stages.parts import Parts
from toolkit.stages.rows import FAILED, OK, Row

_NUM_NAMED = 5


class StageError(ToolkitError):
    """Too many clips of a stage failed."""


@dataclass(frozen=True)
class ClipInput:
    """A clip that a stage is to work on, or that a stage before has set aside.

    Attributes:
        row: what became of it in the stage before.
        digests: of what its result is made of, by the name of the stage it comes from.
        source: its file, for the stage that reads the source.
    """

    row: Row
    digests: Mapping[str, str]
    source: SourceFile | None = None


@dataclass(frozen=True)
class Job:
    """What the work on one clip gets: read-only, and small enough to be sent to a worker.

    Attributes:
        settings: of the stage.
        shards: where the sample of each stage that it reads is.
        root: of the source.
    """

    clip_id: str
    settings: Mapping[str, Any]
    shards: Mapping[str, Path]
    digests: Mapping[str, str]
    source: SourceFile | None
    root: Path

    def read(self, stage: str) -> Mapping[str, bytes]:
        """Return the clip's sample of an earlier stage.

        Raises:
            ShardError: it is not there, or not what that stage made.
        """
        return read_kept(self.shards[stage], self.clip_id, self.digests[stage], stage)


@dataclass(frozen=True)
class ClipStage:
    """A stage that makes a sample of each clip.

    Attributes:
        name: of the stage; ``RELEASE/STAGE`` where each release has its own.
        work: a function of a module: the sample's parts.
        reads: the stages whose samples it reads.
        settings: all values that decide the result, ready for JSON.
        models: name of the weights it uses to their sha256.
    """

    name: str
    work: Callable[[Job], Parts]
    reads: tuple[str, ...]
    settings: Mapping[str, Any]
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def config_hash(self) -> str:
        """The sha256 of all that decides the result, apart from the clip."""
        decisive = [self.name, __version__, dict(self.settings), dict(self.models)]
        return _hash_json(decisive)

    def key_of(self, clip: ClipInput) -> str:
        """Return what must be the same for a sample to still hold."""
        return _hash_json([self.config_hash, clip.row.clip_id, dict(clip.digests)])


def run_stage(
    stage: ClipStage,
    clips: Sequence[ClipInput],
    folder: Path,
    shards: Mapping[str, Path],
    root: Path,
    run: Run,
    start_stage: StartStage,
) -> list[Row]:
    """Make the sample of each clip that is ok and not there yet, and return a row a clip.

    Args:
        stage: what to do.
        clips: all clips of the build.
        folder: of the stage's shards.
        shards: folder of the shards of each stage that it reads.
        root: of the source.
        run: how many workers, and how much may fail.
        start_stage: ``toolkit.progress``.

    Raises:
        StageError: more clips failed than may; what is done is kept.
    """
    make_folder(folder / "parts")
    work = _StageRun(stage, clips, folder)
    todo = work.list_todo()
    work.save_movers()
    advance = start_stage(stage.name, len(work.keys))
    advance(len(work.keys) - len(todo))
    num_waiting = Counter(clip.row.shard for clip in todo.values())
    for name in work.by_shard.keys() - num_waiting.keys():
        work.write(name)
    tasks = {name: work.make_task(clip, shards, root) for name, clip in todo.items()}
    for outcome in LocalExecutor(run.workers).run(_do, tasks) if tasks else ():
        clip = todo[outcome.key]
        work.take(clip, outcome)
        advance(1)
        num_waiting[clip.row.shard] -= 1
        if not num_waiting[clip.row.shard]:
            work.write(clip.row.shard)
    work.remove_others()
    rows = [work.make_row(clip) for clip in clips]
    _check_failures(stage.name, clips, rows, run.max_failed_fraction)
    return rows


@dataclass(frozen=True)
class _Task:
    """Sent to a worker: the sample goes to ``out``."""

    work: Callable[[Job], Parts]
    job: Job
    out: Path


class _StageRun:
    """What is wanted of a stage, by clip and shard, and what is known of it, by key."""

    def __init__(self, stage: ClipStage, clips: Sequence[ClipInput], folder: Path) -> None:
        self._stage, self._folder = stage, folder
        self._known = find_known(folder)
        self.by_shard: dict[str, list[ClipInput]] = defaultdict(list)
        for clip in sorted(clips, key=lambda clip: clip.row.clip_id):
            self.by_shard[clip.row.shard].append(clip)
        self.keys = {
            clip.row.clip_id: stage.key_of(clip) for clip in clips if clip.row.status == OK
        }

    def list_todo(self) -> dict[str, ClipInput]:
        """Return the clips whose outcome is not known, shard by shard."""
        return {
            clip.row.clip_id: clip
            for _, of_shard in sorted(self.by_shard.items())
            for clip in of_shard
            if clip.row.status == OK and self.keys[clip.row.clip_id] not in self._known
        }

    def save_movers(self) -> None:
        """Copy samples that go to another shard of this division, before it is written anew."""
        for name, clips in self.by_shard.items():
            for clip in clips:
                clip_id, key = clip.row.clip_id, self.keys.get(clip.row.clip_id, "")
                done, part = self._known.get(key), part_path(self._folder, key)
                if not done or not done.shard or done.shard in (part, self._folder / name):
                    continue
                if done.shard.name in self.by_shard:
                    write_shard(part, [self._read(clip_id, done)])
                    self._known[key] = replace(done, shard=part)

    def make_task(self, clip: ClipInput, shards: Mapping[str, Path], root: Path) -> _Task:
        paths = {name: path / clip.row.shard for name, path in shards.items()}
        clip_id, settings = clip.row.clip_id, self._stage.settings
        job = Job(clip_id, settings, paths, clip.digests, clip.source, root)
        return _Task(self._stage.work, job, part_path(self._folder, self.keys[clip_id]))

    def take(self, clip: ClipInput, outcome: Outcome[str]) -> None:
        """Note what became of a clip.

        Raises:
            StageError: the disk is full, which is no fault of the clip.
        """
        if FREE_SPACE in outcome.error:
            raise StageError(f"{outcome.error}, then run  dvc repro  again: what is done is kept")
        key = self.keys[clip.row.clip_id]
        done = Done(key, FAILED, outcome.error, "")
        if outcome.result is not None:
            done = Done(key, OK, "", outcome.result, part_path(self._folder, key))
        self._known[key] = done
        entry = Entry(
            clip.row.clip_id,
            self._stage.name,
            done.status,
            done.reason,
            outcome.num_attempts,
            round(outcome.seconds, 3),
            dict(clip.digests),
            done.sha256,
            self._stage.config_hash,
        )
        append_entry(self._folder / "journal.jsonl", entry)

    def write(self, name: str) -> None:
        """Write a shard, unless it holds just what is wanted already."""
        shard = self._folder / name
        wanted = {
            clip.row.clip_id: self._known[self.keys[clip.row.clip_id]]
            for clip in self.by_shard[name]
            if clip.row.status == OK
        }
        samples = {clip_id: done for clip_id, done in wanted.items() if done.shard}
        is_there = all(done.shard == shard for done in samples.values())
        if not is_there or read_record(shard).clips != without_places(wanted):
            sha256 = ""
            if samples:
                sha256 = write_shard(shard, itertools.starmap(self._read, samples.items())).sha256
            else:
                remove_shard(shard)
            write_record(shard, Record(sha256, without_places(wanted)))
        for done in wanted.values():
            remove_shard(part_path(self._folder, done.key))

    def _read(self, clip_id: str, done: Done) -> Sample:
        assert done.shard  # noqa: S101 - it is ok
        return Sample(clip_id, read_kept(done.shard, clip_id, done.sha256, self._stage.name))

    def remove_others(self) -> None:
        """Remove shards of another division, and parts that nothing asked for."""
        for shard in list_shards(self._folder):
            if shard.name not in self.by_shard:
                forget_shard(shard)
        for part in (self._folder / "parts").iterdir():
            part.unlink()

    def make_row(self, clip: ClipInput) -> Row:
        row = replace(clip.row, sha256="", config_hash=self._stage.config_hash)
        if clip.row.status != OK:
            return row
        done = self._known[self.keys[clip.row.clip_id]]
        reason = f"{self._stage.name}: {done.reason}" if done.reason else ""
        return replace(row, status=done.status, reason=reason, sha256=done.sha256)


def _do(task: _Task) -> str:
    """Make a sample, and return its digest."""
    import cv2

    cv2.setNumThreads(1)  # OpenCV's flow depends on the number; frames run side by side instead
    sample = Sample(task.job.clip_id, task.work(task.job))
    write_shard(task.out, [sample])
    return sample.sha256


def _check_failures(
    name: str, clips: Sequence[ClipInput], rows: Sequence[Row], max_fraction: float
) -> None:
    num_tried = sum(clip.row.status == OK for clip in clips)
    failed = [
        row
        for clip, row in zip(clips, rows, strict=True)
        if clip.row.status == OK and row.status == FAILED
    ]
    if len(failed) > max_fraction * num_tried:
        named = "; ".join(f"{row.clip_id} ({row.reason})" for row in failed[:_NUM_NAMED])
        more = f"; and {len(failed) - _NUM_NAMED} more" if len(failed) > _NUM_NAMED else ""
        raise StageError(
            f"{name}: {len(failed)} of {num_tried} clips failed, more than run.max_failed_fraction "
            f"{max_fraction:g} allows: {named}{more}. What is done is kept: mend the cause and "
            "run  m2m retry  or raise the limit and run  dvc repro"
        )


def _hash_json(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
