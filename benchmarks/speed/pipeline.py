"""What a build cost: ``python -m benchmarks.speed pipeline PROJECT``.

Seconds come from the journals of the stages, each clip on one worker with its share of the cores;
bytes and files from what lies on disk. From these it says what more clips would take.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from toolkit.journal import read_journal

CLIPS, MANY_CORES = 100_000, 64


@dataclass(frozen=True)
class Cost:
    """Of one clip in one stage, on average."""

    stage: str
    num_clips: int
    seconds: float
    mib: float
    files: float


def measure(project: Path) -> list[Cost]:
    """Return the cost of each stage that works on clips, in the order they were run."""
    journals = sorted((project / "work").rglob("journal.jsonl"), key=lambda p: p.stat().st_mtime)
    return [_measure_stage(project / "work", journal) for journal in journals]


def _measure_stage(work: Path, journal: Path) -> Cost:
    done = {entry.clip_id: entry.seconds for entry in read_journal(journal) if not entry.error}
    files = [path for path in journal.parent.iterdir() if path.is_file() and path != journal]
    num_bytes = sum(path.stat().st_size for path in files)
    stage = journal.parent.relative_to(work).as_posix()
    num = max(1, len(done))
    return Cost(stage, len(done), mean(done.values()), num_bytes / num / 2**20, len(files) / num)


def main() -> None:
    """Print the table, and what it means for ``CLIPS`` clips."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("project", type=Path)
    project = parser.parse_args().project
    costs, num_cores = measure(project), len(os.sched_getaffinity(0))
    print("| stage | clips | s per clip | clips per hour | MiB per clip | files per clip |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for cost in costs:
        per_hour = 3600 * num_cores / cost.seconds if cost.seconds else float("inf")
        print(
            f"| {cost.stage} | {cost.num_clips} | {cost.seconds:.1f} | {per_hour:.0f} "
            f"| {cost.mib:.2f} | {cost.files:.2f} |"
        )
    seconds, mib = sum(cost.seconds for cost in costs), sum(cost.mib for cost in costs)
    files = sum(cost.files for cost in costs)
    print(f"| all | | {seconds:.1f} | {3600 * num_cores / seconds:.0f} | {mib:.2f} | {files:.2f} |")
    for cores in (num_cores, MANY_CORES):
        days = CLIPS * seconds / cores / 86_400
        print(f"\n{CLIPS} clips on {cores} cores: {days:.1f} days, {CLIPS * mib / 2**20:.2f} TiB")
