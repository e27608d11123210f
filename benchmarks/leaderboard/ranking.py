"""What a board says: means with intervals, ranks, and which ranks may as well be others.

Shape suffixes: M rows, N clips, R resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np
from numpy.typing import NDArray

from benchmarks.leaderboard.datasets import Dataset
from benchmarks.leaderboard.entries import Entry
from benchmarks.leaderboard.reported import read_reported
from benchmarks.results_file import PROTOCOLS, SUITES
from benchmarks.stats import Interval, bound_mean, resample_means
from benchmarks.tasks import paper

TASKS = {
    "paper": tuple(paper.TASKS),
    "mini": tuple(f"mini-{name.replace('_', '-')}" for name in paper.TASKS),
}
"""Columns of a suite, as in the paper's Table 1; what is more is not ranked."""
PROTOCOL_TITLES = {"finetune": "fine-tuned", "probe": "linear probe"}
MIN_SEEDS = 3


@dataclass(frozen=True)
class Row:
    """An entry under one protocol.

    Attributes:
        top1: by task; over seeds.
        mean: over the tasks of the suite; None where one is missing.
        unranked: why it has no rank; empty where it has one.
        rank, best, worst: place by the mean, and the places that it may as well have: a row that is
            not surely better or worse (paired bootstrap over clips, 95%) may change places.
        tied: whether it cannot be told from the next row.
        lead: how far it is before the next ranked row, with its interval.
        right: by task, for each clip the share of seeds that were right.
    """

    entry: Entry
    dataset: Dataset
    num_seeds: int
    top1: Mapping[str, Interval]
    mean: Interval | None
    unranked: str
    right: Mapping[str, NDArray[np.float64]]
    rank: int = 0
    best: int = 0
    worst: int = 0
    lead: Interval | None = None

    @property
    def tied(self) -> bool:
        """Whether it cannot be told from the next row."""
        return self.lead is not None and self.lead.low <= 0


@dataclass(frozen=True)
class Section:
    """The rows of a suite under one protocol, by rank, then those without one."""

    suite: str
    protocol: str
    tasks: tuple[str, ...]
    rows: Sequence[Row]


def rank_entries(entries: Sequence[Entry], datasets: Mapping[str, Dataset]) -> list[Section]:
    """Return a section for each suite and protocol that has a row, of ours or of others."""
    sections = []
    for suite in SUITES:
        for protocol in PROTOCOLS:
            rows = [
                _make_row(entry, protocol, datasets[entry.dataset])
                for entry in entries
                if entry.suite == suite and any(p == protocol for p, _ in entry.runs)
            ]
            rows = [row for row in rows if row.top1]
            if rows or read_reported(suite, protocol):
                sections.append(Section(suite, protocol, TASKS[suite], _rank(rows, TASKS[suite])))
    return sections


def tell_interval(found: Interval) -> str:
    """Return the 95% interval of a share in %; empty where one seed has none.

    Student's may end beyond what a share can be; that is cut off.
    """
    if isnan(found.low):
        return ""
    return f"{100 * max(found.low, 0):.1f} to {100 * min(found.high, 1):.1f}"


def tell_points(found: Interval) -> str:
    """Return the 95% interval of a difference in points."""
    return f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"


def _make_row(entry: Entry, protocol: str, dataset: Dataset) -> Row:
    tasks = TASKS[entry.suite]
    cells = {task: entry.runs[protocol, task] for task in tasks if (protocol, task) in entry.runs}
    top1 = {
        task: bound_mean([run.results.metrics["top1"] for run in cell.values()])
        for task, cell in cells.items()
    }
    seeds = sorted({seed for cell in cells.values() for seed in cell})
    missing = [task for task in tasks if task not in cells]
    mean = None
    if not missing:
        by_seed = [
            float(np.mean([cells[task][seed].results.metrics["top1"] for task in tasks]))
            for seed in seeds
        ]
        mean = bound_mean(by_seed)
    unranked = ""
    if missing:
        unranked = f"lacks {', '.join(missing)}"
    elif len(seeds) < MIN_SEEDS:
        unranked = f"{len(seeds)} of {MIN_SEEDS} seeds"
    right = {
        task: np.mean([run.predictions.is_right() for run in cell.values()], axis=0)
        for task, cell in cells.items()
    }
    return Row(entry, dataset, len(seeds), top1, mean, unranked, right)


def _rank(rows: Sequence[Row], tasks: Sequence[str]) -> list[Row]:
    ranked = [row for row in rows if row.mean and not row.unranked]
    ranked.sort(key=lambda row: (-(row.mean.value if row.mean else 0), row.entry.name))
    others = [row for row in rows if row not in ranked]
    if not ranked:
        return others
    means_MR = resample_means([np.stack([r.right[task] for r in ranked]) for task in tasks])
    placed = []
    for index, row in enumerate(ranked):
        gaps = [_compare(ranked, means_MR, index, other) for other in range(len(ranked))]
        placed.append(
            replace(
                row,
                rank=index + 1,
                best=1 + sum(gap.high < 0 for gap in gaps),
                worst=len(ranked) - sum(gap.low > 0 for gap in gaps),
                lead=gaps[index + 1] if index + 1 < len(ranked) else None,
            )
        )
    return placed + others


def _compare(
    ranked: Sequence[Row], means_MR: NDArray[np.float64], one: int, other: int
) -> Interval:
    """Return by how much one is better than another on the same resamples."""
    values = [row.mean.value if row.mean else 0.0 for row in (ranked[one], ranked[other])]
    low, high = np.percentile(means_MR[one] - means_MR[other], [2.5, 97.5])
    return Interval(values[0] - values[1], float(low), float(high))
