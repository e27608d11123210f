"""What all clips together say: means, intervals and worst clips, as a table, JSON and a page.

    python -m benchmarks.stages.summary RESULT.json

writes the table of docs/quality.md, and toolkit/qa/planted_leaks.json, from what
``python -m benchmarks.stages --json`` wrote.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.stages.evaluate import METRICS, Values
from benchmarks.stages.occlusion import describe_auroc
from benchmarks.stages.run import Metric
from toolkit.qa.planted import FILE, from_benchmark, write_planted

Summary = dict[str, dict[str, dict[str, Any]]]
"""Stage to metric to mean, worst, ci95, num_clips and worst_clip."""

NUM_RESAMPLES = 2000
_ROOT = Path(__file__).resolve().parents[2]
PAGE = _ROOT / "docs/quality.md"
_BETWEEN_MARKS = re.compile(r"(?<=<!-- stages -->\n).*(?=<!-- /stages -->)", re.DOTALL)
_HEADER = ("metric", "goal", "mean", "95% interval", "worst clip", "clips", "baseline")


def metric_of(stage: str, name: str) -> Metric:
    """Return the metric that a key is, or is a breakdown of: the longest that it begins with."""
    best = max((key for key in METRICS[stage] if name.startswith(key)), key=len)
    return METRICS[stage][best]


def summarise(by_clip: Mapping[str, Values]) -> Summary:
    """Summarise the values of all clips; a metric counts the clips that it applies to.

    The interval is of the mean: percentiles of the means of clips drawn with replacement. The area
    under the ROC is of all clips at once, and has no worst one.
    """
    summary: Summary = {}
    for stage in METRICS:
        names = {name: None for values in by_clip.values() for name in values.get(stage, ())}
        order = [*(name for name in METRICS[stage] if name in names)]
        order += sorted(set(names) - set(order))
        for name in order:
            clips = {
                clip_id: values[stage][name]
                for clip_id, values in sorted(by_clip.items())
                if np.isfinite(values.get(stage, {}).get(name, np.nan))
            }
            if clips:
                summary.setdefault(stage, {})[name] = _describe(clips, metric_of(stage, name))
    if areas := describe_auroc([values.get("occlusion", {}) for values in by_clip.values()]):
        summary["occlusion"] |= areas
    return summary


def _describe(clips: Mapping[str, float], metric: Metric) -> dict[str, Any]:
    values_N = np.array(list(clips.values()))
    rng = np.random.default_rng(0)
    drawn_RN = rng.integers(len(values_N), size=(NUM_RESAMPLES, len(values_N)))
    interval = np.percentile(values_N[drawn_RN].mean(1), (2.5, 97.5))
    worst_clip = (min if metric.best == "high" else max)(clips, key=lambda clip_id: clips[clip_id])
    return {
        "mean": float(values_N.mean()),
        "worst": clips[worst_clip],
        "ci95": [float(end) for end in interval],
        "num_clips": len(clips),
        "worst_clip": worst_clip,
    }


def rows(result: Mapping[str, Any], stage: str, *, breakdowns: bool) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table of one stage: its metrics, or what breaks them down."""
    for name, ours in result.get(stage, {}).items():
        if (name not in METRICS[stage]) != breakdowns:
            continue
        metric = metric_of(stage, name)
        has_goal = metric.goal is not None and not breakdowns
        theirs = result.get("baseline", {}).get(stage, {}).get(name)
        yield (
            f"{stage}.{name}",
            _judged(ours["mean"], metric) if has_goal else "",
            _number(ours["mean"]),
            " to ".join(_number(end) for end in ours["ci95"]),
            _number(ours["worst"]) if "worst" in ours else "",
            str(ours["num_clips"]),
            _number(theirs["mean"]) if theirs else "",
        )


def table(result: Mapping[str, Any]) -> Table:
    """Return the table for a terminal."""
    drawn = Table(*_HEADER)
    for stage in METRICS:
        for row in rows(result, stage, breakdowns=False):
            drawn.add_row(*row)
        for name, *values in rows(result, stage, breakdowns=True):
            drawn.add_row(f"  {name.removeprefix(stage)}", *values, style="dim")
        drawn.add_section()
    return drawn


def with_table(page: str, result: Mapping[str, Any]) -> str:
    """Return a Markdown page with its tables written anew."""
    settings = ", ".join(f"{name} {value}" for name, value in result["settings"].items())
    main, broken_down = (
        [row for stage in METRICS for row in rows(result, stage, breakdowns=breakdowns)]
        for breakdowns in (False, True)
    )
    meanings = [
        (f"{stage}.{name}", f"{metric.meaning} ({metric.best} is good)")
        for stage, metrics in METRICS.items()
        for name, metric in metrics.items()
    ]
    lines = ["", f"Settings: {settings}.", "", *_markdown(_HEADER, main)]
    lines += ["", "## What the figures are", "", *_markdown(("metric", "what it is"), meanings)]
    lines += ["", "## Broken down", "", *_markdown(_HEADER, broken_down), "", ""]
    return _BETWEEN_MARKS.sub(lambda _match: "\n".join(lines), page)


def _markdown(header: tuple[str, ...], body: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *body)]


def _judged(mean: float, metric: Metric) -> str:
    goal = metric.goal or 0.0
    sign = "≥" if metric.best == "high" else "≤"
    is_held = mean >= goal if metric.best == "high" else mean <= goal
    return f"{sign} {goal:g} {'✓' if is_held else '✗'}"


def _number(value: float) -> str:
    """Four digits or so: enough to tell 0.995 from 0.9999, and no more of a large number."""
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.4f}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), found), "utf-8")
    write_planted(from_benchmark(found), _ROOT / "toolkit/qa" / FILE)
