"""The list of clips that were taken down: the build obeys it, and it names nobody.

A line a clip in ``validation/takedowns.csv``, which belongs in git. A name that a clip goes by (its
id, each published id, the sha256 of its file, what manifests say of it) is there as a keyed digest:
who has the key of the project can tell whether a name is in the list, and nobody can read one from
it.
"""

import csv
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.errors import InputError
from toolkit.files import make_folder, write_output
from toolkit.release.pseudonyms import Pseudonyms

HEADER = ("key", "reason", "date", "names")
REASONS = ("request", "rights", "law", "error")
_NAME = re.compile(r"[A-Za-z0-9_-]{14,80}")
"""What a clip can go by: no id of a clip is shorter (``toolkit.clip``), and no digest longer."""
_ROW = re.compile(r"([A-Za-z0-9_-]{11}),([0-9]{1,6}),([0-9]{1,6})")
"""How lists in the form of Kinetics name a clip: youtube_id, time_start, time_end."""


@dataclass(frozen=True)
class Takedown:
    """A clip that is in nothing any more.

    Attributes:
        names: keyed digests of all that it goes by, sorted.
        reason: one of ``REASONS``.
        date: YYYY-MM-DD, as the user gave it; empty where it was not given.
    """

    names: tuple[str, ...]
    reason: str
    date: str


@dataclass(frozen=True)
class TakedownList:
    """What was taken down, and whether a name is one of it."""

    pseudonyms: Pseudonyms
    takedowns: tuple[Takedown, ...] = ()
    _digests: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Gather the digests of all."""
        names = frozenset(name for takedown in self.takedowns for name in takedown.names)
        object.__setattr__(self, "_digests", names)

    @classmethod
    def read(cls, path: Path, pseudonyms: Pseudonyms) -> "TakedownList":
        """Read the list of a project; one that is not there is empty.

        Args:
            path: of the list.
            pseudonyms: those of the project, under which its ids are published.

        Raises:
            InputError: it is no such list, or was written under another key, so that it would hold
                nothing back.
        """
        own = pseudonyms.apart("takedown")
        if not path.exists():
            return cls(own)
        try:
            header, *rows = csv.reader(path.read_text("utf-8").splitlines(), strict=True)
            found = [dict(zip(HEADER, row, strict=True)) for row in rows]
        except (OSError, ValueError, csv.Error) as error:
            raise InputError(f"{path}: cannot be read ({error}): restore it from git") from error
        if tuple(header) != HEADER:
            raise InputError(f"{path}: its columns are not {','.join(HEADER)}: restore it from git")
        if any(row["key"] != _mark_key(own) for row in found):
            raise InputError(
                f"{path} was written under another key than ids.key_file, and would hold nothing "
                "back: put that key back, or take the clips down again and remove the old lines"
            )
        return cls(
            own,
            tuple(
                Takedown(tuple(row["names"].split()), row["reason"], row["date"]) for row in found
            ),
        )

    def add(self, clips: Iterable[Collection[str]], reason: str, date: str) -> "TakedownList":
        """Return the list with more clips, each by all that it goes by; what is there stays."""
        digests = [sorted({self._digest(name) for name in names}) for names in clips]
        added = tuple(
            Takedown(tuple(names), reason, date)
            for names in digests
            if not self._digests.issuperset(names)
        )
        return TakedownList(self.pseudonyms, self.takedowns + added)

    def write(self, path: Path) -> None:
        """Write the list, which is there whole or as it was."""
        make_folder(path.parent)
        mark = _mark_key(self.pseudonyms)
        with write_output(path) as partial, partial.open("w", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(HEADER)
            writer.writerows([mark, t.reason, t.date, " ".join(t.names)] for t in self.takedowns)

    def has(self, name: str) -> bool:
        """Whether an id or a digest is a name of a clip that was taken down."""
        return bool(self._digests) and self._digest(name) in self._digests

    def is_told_by(self, text: str) -> bool:
        """Whether a text holds a name of a clip that was taken down."""
        names = (*_NAME.findall(text), *(f"{i}_{a:0>6}_{b:0>6}" for i, a, b in _ROW.findall(text)))
        return bool(self._digests) and any(map(self.has, names))

    def _digest(self, name: str) -> str:
        return self.pseudonyms.digest(name)


def _mark_key(own: Pseudonyms) -> str:
    """Return what tells a key from others, and nothing of it."""
    return own.digest("key")[:16]
