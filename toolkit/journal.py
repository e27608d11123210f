"""The journal of a stage: a line for each attempt at each clip, appended as it ends.

It says what took how long and what went wrong, and is kept from run to run. What is finished is
told by the shards themselves, so losing the journal loses no work.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from toolkit.files import make_folder, write_output


@dataclass(frozen=True)
class Entry:
    """One clip in one run of a stage.

    Attributes:
        attempt: 2 where the worker died of it once.
        seconds: that the work took; 0 where the worker died.
        inputs: digests of what it was made of, by stage.
        sha256: of the sample made; empty where none was.
    """

    clip_id: str
    stage: str
    status: str
    error: str
    attempt: int
    seconds: float
    inputs: dict[str, str]
    sha256: str
    config_hash: str


def append_entry(journal: Path, entry: Entry) -> None:
    """Add a line; a line that a killed run left unfinished is ended first."""
    make_folder(journal.parent)
    with journal.open("ab+") as file:
        if file.tell() and not _ends_line(journal):
            file.write(b"\n")
        file.write(json.dumps(asdict(entry), sort_keys=True).encode() + b"\n")


def read_journal(journal: Path) -> list[Entry]:
    """Return the entries in the order they were made; unfinished lines count for nothing."""
    entries = []
    for line in journal.read_text("utf-8").splitlines() if journal.exists() else []:
        try:
            entries.append(Entry(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return entries


def drop_lines(journal: Path, is_dropped: Callable[[str], bool]) -> None:
    """Take lines out of a journal, of whatever kind; where there are none, nothing is written."""
    text = journal.read_text("utf-8", "replace") if journal.exists() else ""
    kept = [line for line in text.splitlines(keepends=True) if not is_dropped(line)]
    if "".join(kept) != text:
        with write_output(journal) as partial:
            partial.write_text("".join(kept), "utf-8")


def _ends_line(journal: Path) -> bool:
    with journal.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"
