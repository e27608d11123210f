"""How strong the checks are: leaks planted on purpose into clips of synthetic actors, and caught.

The figures ship in ``planted_leaks.json``, which ``python -m benchmarks.stages.summary`` writes.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from toolkit.errors import ConfigError
from toolkit.files import write_output
from toolkit.manifest import QUARANTINED, RELEASED, ManifestRow
from toolkit.qa.bounds import leak_bound

FILE = "planted_leaks.json"
NOT_COUNTED = ("drop_1", "erode_2", "unfilled", "undrawn")
"""Planted and told, but not counted: too small a leak to ask for, or no failure of the masks."""

_ALL = "planted_caught"
_CLEAN = "clean_quarantined"


class Leaks(NamedTuple):
    """How many were planted, and how many of them were caught."""

    caught: int
    planted: int


@dataclass(frozen=True)
class Planted:
    """What came of planted leaks.

    Attributes:
        command: what measured it, with the seed of the clips.
        checks: those that there were then.
        kinds: kind of leak to how many.
        clean_clips: clips without a leak.
        clean_quarantined: those of them that the checks held back all the same.
    """

    command: str
    checks: tuple[str, ...]
    kinds: Mapping[str, Leaks]
    clean_clips: int
    clean_quarantined: int

    @property
    def counted(self) -> Leaks:
        """All kinds together, without those that are not counted."""
        of_kinds = [leaks for kind, leaks in self.kinds.items() if kind not in NOT_COUNTED]
        return Leaks(*map(sum, zip(*of_kinds, strict=True))) if of_kinds else Leaks(0, 0)

    @property
    def weakest(self) -> str:
        """The kind of which the smallest share is caught, of those that count."""
        shares = {k: n.caught / n.planted for k, n in self.kinds.items() if k not in NOT_COUNTED}
        return min(shares, key=lambda kind: shares[kind], default="")

    def bound(self, rows: Iterable[ManifestRow], kind: str | None = None) -> float:
        """Bound the share of the released clips that show somebody (``bounds.leak_bound``).

        Args:
            rows: of the manifest; those that no check has measured do not count.
            kind: as if all leaks were of this one; None: as they were planted.
        """
        status = [row.status for row in rows if row.checks]
        held, released = status.count(QUARANTINED), status.count(RELEASED)
        caught, planted = self.kinds[kind] if kind else self.counted
        return leak_bound(held, held + released, caught, planted)


@cache
def load_planted() -> Planted:
    """Return planted_leaks.json."""
    values = json.loads(resources.files("toolkit.qa").joinpath(FILE).read_text("utf-8"))
    kinds = {kind: Leaks(**counts) for kind, counts in values["kinds"].items()}
    return Planted(**{**values, "kinds": kinds, "checks": tuple(values["checks"])})


def from_benchmark(result: Any) -> Planted:  # noqa: ANN401 - whatever a file holds
    """Return the figures in what ``python -m benchmarks.stages --json`` wrote.

    Raises:
        ConfigError: it is something else.
    """
    try:
        values, settings = result["privacy"], result["settings"]
        options = " ".join(f"--{k} {settings[k]}" for k in ("profile", "clips", "seed"))
        counts = {
            name: (round(value["mean"] * value["num_clips"]), int(value["num_clips"]))
            for name, value in values.items()
        }
        checks = [name.removeprefix(f"{_CLEAN}_by_") for name in counts if f"{_CLEAN}_by_" in name]
        kinds = {
            name.removeprefix(f"{_ALL}_"): Leaks(*count)
            for name, count in counts.items()
            if name.startswith(f"{_ALL}_")
            and not name.startswith((f"{_ALL}_by_", f"{_ALL}_only_by_"))
        }
        quarantined, clips = counts[_CLEAN]
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"no figures of planted leaks ({type(error).__name__}: {error}): name what  "
            "python -m benchmarks.stages --json  wrote"
        ) from error
    command = f"python -m benchmarks.stages {options}"
    return Planted(command, tuple(checks), kinds, clips, quarantined)


def write_planted(planted: Planted, path: Path) -> None:
    """Write figures as ``load_planted`` reads them."""
    values = {
        "command": planted.command,
        "checks": list(planted.checks),
        "kinds": {kind: leaks._asdict() for kind, leaks in planted.kinds.items()},
        "clean_clips": planted.clean_clips,
        "clean_quarantined": planted.clean_quarantined,
    }
    with write_output(path) as partial:
        partial.write_text(json.dumps(values, indent=1) + "\n", "utf-8")
