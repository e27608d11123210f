"""What a review says of a release: how often somebody is visible, and what the checks missed."""

import html
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from toolkit.files import write_output
from toolkit.manifest import QUARANTINED, RELEASED, CheckValue, ManifestRow
from toolkit.qa.bounds import upper_bound, wilson_interval
from toolkit.review.verdicts import (
    ADJUDICATED,
    OCCLUSION,
    OK,
    VISIBLE,
    Verdict,
    decide,
    read_verdicts,
)
from toolkit.versions import format_number, parse_number


@dataclass(frozen=True)
class Rate:
    """How many clips of those that were looked at.

    Attributes:
        low, high: 95% interval of the share (Wilson).
        upper_bound: one-sided 95% (Clopper and Pearson).
    """

    count: int
    total: int
    low: float
    high: float
    upper_bound: float

    @classmethod
    def of(cls, count: int, total: int) -> "Rate":
        """Work out the bounds."""
        return cls(count, total, *wilson_interval(count, total), upper_bound(count, total))


@dataclass(frozen=True)
class Suggestion:
    """A limit that would have fitted the review better.

    Attributes:
        held_back: clips that this check alone held back, and somebody found to be fine.
        limit: what it is.
        suggested: up to which it could be raised without releasing a clip with somebody visible.
    """

    check: str
    held_back: int
    limit: float
    suggested: float


@dataclass(frozen=True)
class Report:
    """What came of a review.

    Attributes:
        visible, occlusion: of the released clips that were looked at and decided.
        kappa: Cohen's, of the clips that two people looked at; None without any.
        missed: released, and somebody is visible: clip to the check that came nearest.
        over_flagged: quarantined, and nobody is visible: clip to the checks that failed.
        undecided: two people disagree.
        stale: verdicts on other bytes than the release's: not counted.
    """

    release: str
    visible: Rate
    occlusion: Rate
    reviewers: Mapping[str, int]
    num_twice: int
    kappa: float | None
    missed: Mapping[str, str]
    over_flagged: Mapping[str, Sequence[str]]
    suggestions: Sequence[Suggestion]
    undecided: Sequence[str]
    stale: Sequence[str]


def make_report(release: str, rows: Sequence[ManifestRow], verdicts: Sequence[Verdict]) -> Report:
    """Compare what people said of clips with what the checks said.

    Args:
        release: its name.
        rows: of its manifest.
        verdicts: of clips of the release.
    """
    of_clips = {row.clip_id: row for row in rows}
    fresh = [v for v in verdicts if _is_fresh(v, of_clips)]
    decided, undecided = decide(fresh)
    found = [(of_clips[clip_id], verdict) for clip_id, verdict in decided.items()]
    looked = [verdict for row, verdict in found if row.status == RELEASED]
    counts = Counter(looked)
    fine = [r for r, said in found if r.status == QUARANTINED and said in (OK, OCCLUSION)]
    seen = [row for row, verdict in found if verdict == VISIBLE]
    num_twice, kappa = agreement(fresh)
    return Report(
        release,
        Rate.of(counts[VISIBLE], len(looked)),
        Rate.of(counts[OCCLUSION], len(looked)),
        dict(sorted(Counter(v.reviewer for v in fresh).items())),
        num_twice,
        kappa,
        {row.clip_id: _find_nearest(row) for row in seen if row.status == RELEASED},
        {row.clip_id: [check.name for check in row.checks if check.blocks] for row in fine},
        _suggest(fine, seen),
        undecided,
        sorted({v.clip_id for v in verdicts} - {v.clip_id for v in fresh}),
    )


def find_report(
    folder: Path, release: str, rows: Sequence[ManifestRow], version: str | None = None
) -> tuple[str, Report] | None:
    """Return the newest version in which somebody looked at clips as they still are.

    Args:
        folder: where verdicts are kept, by release and version.
        release: its name.
        rows: of its manifest.
        version: look at this one only.

    Returns:
        The version and what came of it; None where nobody has looked.

    Raises:
        InputError: a table of verdicts is none, or has no version as its name.
    """
    paths = [folder / release / f"{version}.csv"] if version else (folder / release).glob("*.csv")
    tables = {parse_number(path.stem): path for path in paths}
    for number, path in sorted(tables.items(), reverse=True):
        report = make_report(release, rows, read_verdicts(path))
        if report.visible.total:
            return format_number(number), report
    return None


def _is_fresh(verdict: Verdict, rows: Mapping[str, ManifestRow]) -> bool:
    row = rows.get(verdict.clip_id)
    return row is not None and row.sample_sha256 == verdict.sample_sha256


def agreement(verdicts: Sequence[Verdict]) -> tuple[int, float | None]:
    """Return how many clips two people looked at, and Cohen's kappa of what they said.

    kappa = (p_o - p_e) / (1 - p_e): p_o the share of clips of which both say the same, p_e the
    share that chance would give, from how often each of the two roles says what. Which of two
    people is the first is told by their names.

    Returns:
        None for kappa where nobody looked twice; 1 where both only ever said the same one thing.
    """
    said: dict[str, dict[str, str]] = defaultdict(dict)
    for item in verdicts:
        if item.reviewer != ADJUDICATED:
            said[item.clip_id][item.reviewer] = item.verdict
    pairs = [tuple(v for _, v in sorted(by.items())) for by in said.values() if len(by) == 2]
    if not pairs:
        return 0, None
    observed = sum(first == second for first, second in pairs) / len(pairs)
    firsts, seconds = (Counter(side) for side in zip(*pairs, strict=True))
    expected = sum(firsts[name] * seconds[name] for name in firsts) / len(pairs) ** 2
    return len(pairs), 1.0 if expected == 1 else (observed - expected) / (1 - expected)


def _find_nearest(row: ManifestRow) -> str:
    """Return the check that came nearest to its limit."""

    def ratio(check: CheckValue) -> float:
        return check.value / check.limit if check.limit > 0 else 0.0

    nearest = max(row.checks, key=ratio, default=None)
    return f"{nearest.name} {nearest.value:.3g} of {nearest.limit:g}" if nearest else ""


def _suggest(fine: Sequence[ManifestRow], seen: Sequence[ManifestRow]) -> list[Suggestion]:
    """Find limits that held back clips without anybody, and could be higher.

    Args:
        fine: quarantined clips with nobody visible.
        seen: clips with somebody visible.
    """
    alone: dict[str, list[CheckValue]] = defaultdict(list)
    for row in fine:
        failed = [check for check in row.checks if check.blocks]
        if len(failed) == 1 and failed[0].value == failed[0].value:
            alone[failed[0].name].append(failed[0])
    suggestions = []
    for name, checks in sorted(alone.items()):
        of_seen = [check for row in seen for check in row.checks if check.name == name]
        lowest = min((check.value for check in of_seen if check.blocks), default=float("inf"))
        values = [check.value for check in checks if check.value < lowest]
        if values:
            suggestions.append(Suggestion(name, len(values), checks[0].limit, max(values)))
    return suggestions


def make_json(report: Report) -> str:
    """Return the report as JSON."""
    return json.dumps(asdict(report), indent=2) + "\n"


def make_lines(report: Report) -> list[tuple[str, str]]:
    """Return the report as pairs of what and how much, for a terminal and a page."""
    kappa = "nobody looked at a clip twice" if report.kappa is None else f"{report.kappa:.2f}"
    lines = [
        ("somebody visible", _tell(report.visible)),
        ("  at most (95%)", f"{report.visible.upper_bound:.2%} of all released clips"),
        ("occlusion error", _tell(report.occlusion)),
        ("verdicts", ", ".join(f"{name} {n}" for name, n in report.reviewers.items()) or "none"),
        ("agreement (Cohen's kappa)", f"{kappa}, {report.num_twice} clips twice"),
    ]
    lines += [(f"missed: {clip}", f"nearest was {why}") for clip, why in report.missed.items()]
    lines += [
        (f"over-flagged: {clip}", ", ".join(why)) for clip, why in report.over_flagged.items()
    ]
    for found in report.suggestions:
        told = f"{found.limit:g} held back {found.held_back} fine clips"
        told += f", {found.suggested:.3g} would not have"
        lines.append((f"limit of {found.check}", told))
    lines += [("undecided", f"{clip}: two people disagree") for clip in report.undecided]
    lines += [("stale", f"{clip}: it has changed since") for clip in report.stale]
    return lines


def _tell(rate: Rate) -> str:
    share = f"{rate.count / rate.total:.1%}" if rate.total else "-"
    return f"{rate.count} of {rate.total} ({share}; 95% interval {rate.low:.1%} to {rate.high:.1%})"


def write_page(report: Report, out: Path) -> None:
    """Write the report as an HTML page that needs nothing else."""
    rows = "".join(
        f"<tr><th>{html.escape(what)}</th><td>{html.escape(much)}</td></tr>\n"
        for what, much in make_lines(report)
    )
    title = f"Review of {html.escape(report.release)}"
    with write_output(out) as partial:
        partial.write_text(_PAGE.format(title=title, rows=rows), "utf-8")


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .5rem .75rem; border-bottom: 1px solid #8884 }}
th {{ font-weight: 600; width: 22rem; overflow-wrap: anywhere; white-space: pre-wrap }}
</style>
<h1>{title}</h1>
<p>Released clips that somebody looked at, and what they saw. Clips that were picked because they
are nearest a limit count too, so the shares are rather too high than too low.</p>
<table>
{rows}</table>
</html>
"""
