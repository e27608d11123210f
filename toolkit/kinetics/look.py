"""What the content of each file is, found by decoding it whole; what is found already is kept."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TextIO

from toolkit.errors import InputError, TruncatedError, VideoError
from toolkit.execute import Outcome
from toolkit.execute.local import LocalExecutor
from toolkit.files import check_source
from toolkit.kinetics.content import DECODE_SIZE, HASH_METHOD, duration_s, hash_content
from toolkit.kinetics.tree import UNREADABLE, Source, SourceFile, open_content
from toolkit.video import decode

TRUNCATED, ZERO_BYTE = "truncated", "zero_byte"
_NOT_WRITTEN = "{}: cannot be written ({}): free some space, or name another OUT"


@dataclass(frozen=True)
class Look:
    """What one file holds.

    Attributes:
        sha256: of its bytes; None where they cannot be read, or there are none.
        num_frames, duration_s, fps, width, height: as decoded; None where that fails.
        content_hash: ``toolkit.kinetics.content``.
        problem, detail: why it cannot be decoded; empty where it can.
    """

    sha256: str | None = None
    num_frames: int | None = None
    duration_s: float | None = None
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    content_hash: str | None = None
    problem: str = ""
    detail: str = ""


def look_at_all(source: Source, journal: Path, progress: Callable[[int], None]) -> list[Look]:
    """Look at every file on all cores, but for those that ``journal`` knows already.

    Args:
        source: what to look at.
        journal: a file that grows by a line a file looked at. A run that was stopped is continued
            from it, as long as path, size and time of change of a file are still the same.
        progress: called with the number of files just finished.

    Raises:
        InputError: the journal cannot be written, or the temporary folder is full.
    """
    known = _read_journal(journal)
    for file in source.files:
        if file.problem:
            known[_key(file)] = Look(problem=file.problem, detail=file.detail)
    todo = [file for file in source.files if _key(file) not in known]
    progress(len(source.files) - len(todo))
    tasks = {_key(file): file for file in todo}
    with _open_journal(journal) as lines:
        # Untrusted videos are decoded in other processes: what crashes a decoder is a finding.
        for outcome in LocalExecutor().run(partial(look_at, source.root), tasks):
            known[outcome.key] = look = take_outcome(outcome)
            _append(lines, json.dumps([outcome.key, asdict(look)]))
            progress(1)
    return [known[_key(file)] for file in source.files]


def take_outcome(outcome: Outcome[Look]) -> Look:
    """Return what is known of a file after its task.

    Raises:
        InputError: the task could not be done, which says nothing of the file.
    """
    if outcome.result is not None:
        return outcome.result
    if outcome.has_died:
        return Look(problem=UNREADABLE, detail=f"crashes the decoder: {outcome.error}")
    raise InputError(outcome.error)


def look_at(root: Path, file: SourceFile) -> Look:
    """Decode one file whole, of those that have no problem yet.

    Raises:
        InputError: the temporary folder is full.
    """
    if file.size_bytes == 0:
        return Look(problem=ZERO_BYTE)
    try:
        with open_content(root, file) as path:
            return _decode(path, str(file.name))
    except TruncatedError as error:  # the tar ends before the member does
        return Look(problem=TRUNCATED, detail=str(error))


def _decode(path: Path, name: str) -> Look:
    try:
        check_source(path)
        with path.open("rb") as content:
            look = Look(sha256=hashlib.file_digest(content, "sha256").hexdigest())
    except (InputError, OSError) as error:
        return Look(problem=UNREADABLE, detail=str(error).replace(str(path), name))
    try:
        clip = decode(path, DECODE_SIZE)
    except VideoError as error:
        problem = TRUNCATED if isinstance(error, TruncatedError) else UNREADABLE
        return replace(look, problem=problem, detail=str(error).replace(str(path), name))
    except InputError:
        raise  # no room for its frames: that says nothing of the file
    except Exception as error:  # noqa: BLE001 - whatever one file does, the others are looked at
        return replace(look, problem=UNREADABLE, detail=f"{type(error).__name__}: {error}")
    return replace(
        look,
        num_frames=len(clip.frames),
        duration_s=duration_s(clip.timing),
        fps=float(clip.fps),
        width=clip.info.width,
        height=clip.info.height,
        content_hash=hash_content(clip),
    )


def _key(file: SourceFile) -> str:
    """Return what must be the same for a look to still hold."""
    return json.dumps([HASH_METHOD, *astuple(file)])


def _read_journal(journal: Path) -> dict[str, Look]:
    """Return what is known; lines that a killed run left unfinished count for nothing."""
    known = {}
    try:
        lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{journal}: cannot be read ({error}): remove it to begin anew") from error
    for line in lines:
        try:
            key, look = json.loads(line)
            known[key] = Look(**look)
        except (ValueError, TypeError):
            continue
    return known


def _open_journal(journal: Path) -> TextIO:
    try:
        file = journal.open("a", encoding="utf-8")
    except OSError as error:
        raise InputError(_NOT_WRITTEN.format(journal, error.strerror)) from error
    if file.tell():
        file.write("\n")  # ends the line that a killed run left unfinished
    return file


def _append(journal: TextIO, line: str) -> None:
    """Write a line that stays, even if this process is killed right after."""
    try:
        journal.write(f"{line}\n")
        journal.flush()
    except OSError as error:
        raise InputError(_NOT_WRITTEN.format(journal.name, error.strerror)) from error
