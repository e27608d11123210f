"""Which clips of a release somebody looks at: some of each class, and those nearest a limit."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from toolkit.errors import InputError
from toolkit.files import check_source, write_output
from toolkit.manifest import QUARANTINED, RELEASED, ManifestRow

CLASS, NEAREST, HELD = "class", "nearest", "quarantined"
"""Why a clip is in a sample: by chance of its class (from which rates are told), because it is
nearest a limit, or to see what the checks held back."""


@dataclass(frozen=True)
class Pick:
    """A clip that somebody is to look at.

    Attributes:
        sample_sha256: of the sample that is looked at; empty where it is in no shard.
        stratum: why it was picked.
        because: the check whose limit it is nearest; empty for the others.
    """

    clip_id: str
    label: str
    sample_sha256: str
    stratum: str
    because: str = ""


COLUMNS = tuple(field.name for field in fields(Pick))


def pick_clips(
    rows: Sequence[ManifestRow], *, per_class: int, nearest: int, quarantined: int, seed: int
) -> list[Pick]:
    """Pick clips: the same for the same release and seed, each of them once.

    Args:
        rows: of the manifest.
        per_class: released clips of each class (the paper, appendix B.2: 5 of each of 150).
        nearest: released clips besides, nearest below the limit of a check.
        quarantined: clips that a check held back, any.
        seed: of the choice.
    """
    rng = np.random.default_rng(seed)
    released = sorted((r for r in rows if r.status == RELEASED), key=lambda row: row.clip_id)
    held = sorted(
        (r for r in rows if r.status == QUARANTINED and r.checks), key=lambda row: row.clip_id
    )
    by_class: dict[str, list[ManifestRow]] = defaultdict(list)
    for row in released:
        by_class[row.label].append(row)
    picks = {
        row.clip_id: _pick(row, CLASS)
        for _, of_class in sorted(by_class.items())
        for row in _draw(rng, of_class, per_class)
    }
    margins = sorted((*_find_margin(row), row.clip_id) for row in released if row.checks)
    found = {row.clip_id: row for row in released}
    for _, check, clip_id in [m for m in margins if m[2] not in picks][:nearest]:
        picks[clip_id] = _pick(found[clip_id], NEAREST, check)
    picks |= {row.clip_id: _pick(row, HELD) for row in _draw(rng, held, quarantined)}
    return sorted(picks.values(), key=lambda pick: pick.clip_id)


def _pick(row: ManifestRow, stratum: str, because: str = "") -> Pick:
    return Pick(row.clip_id, row.label, row.sample_sha256, stratum, because)


def _draw(
    rng: np.random.Generator, rows: Sequence[ManifestRow], number: int
) -> Iterable[ManifestRow]:
    return (rows[i] for i in rng.permutation(len(rows))[:number])


def _find_margin(row: ManifestRow) -> tuple[float, str]:
    """Return how far a clip is below the limit it is nearest, as a share of it, and the check."""
    margins = [
        ((check.limit - check.value) / check.limit, check.name)
        for check in row.checks
        if check.limit > 0
    ]
    return min(margins, default=(1.0, ""))


def write_picks(picks: Iterable[Pick], path: Path) -> None:
    """Write a sample as CSV."""
    with write_output(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(map(asdict, picks))


def read_picks(path: Path) -> list[Pick]:
    """Read what ``write_picks`` wrote.

    Raises:
        InputError: it is something else.
    """
    check_source(path)
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        try:
            if tuple(table.fieldnames or ()) == COLUMNS:
                return [Pick(**row) for row in table]
        except (csv.Error, UnicodeDecodeError, TypeError):
            pass
    raise InputError(
        f"{path}: is no sample of clips (columns {', '.join(COLUMNS)}): make one with  "
        "m2m review sample"
    )
