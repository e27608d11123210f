"""The board as one HTML file, which loads nothing and runs nothing.

Every text may come from an entry and be hostile: it goes through ``html.escape``.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from html import escape
from math import ceil, floor, isnan, log10
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.leaderboard.ranking import (
    MIN_SEEDS,
    PROTOCOL_TITLES,
    Row,
    Section,
    tell_interval,
    tell_points,
)
from benchmarks.leaderboard.reported import Reported, read_reported
from benchmarks.stats import Interval
from toolkit import __version__, page
from toolkit.page import make_table

_STYLE = Path(__file__).with_name("page.css")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 420, 260, 34, 34
_BAND = 90
"""Width of the place, px, for what has no figure of privacy."""
_AXIS, _LEAST = "at most so many clips show somebody (95%)", 1e-3
"""The axis of privacy, and where it begins; it is logarithmic."""


def write_board_page(sections: Sequence[Section], out: Path) -> None:
    """Write the page.

    Raises:
        InputError: ``out`` cannot be written.
    """
    parts = [_HEAD, *map(_show_section, sections), _FOOTER.format(version=escape(__version__))]
    page.write_page(out, "Leaderboard", _STYLE, parts)


_HEAD = f"""<p class="soft small">M2M Kinetics</p><h1>Leaderboard: what privacy costs</h1>
<p>Top-1 of VideoMAE that was pre-trained and aligned on a release, on other data sets, beside how
many clips of that release may show somebody.</p>
<ul class="small">
<li>Means over seeds, with Student's 95% interval; fewer than {MIN_SEEDS} seeds get no rank.</li>
<li>A rank is a place by the mean. The places below it are those that the row may as well have:
clips are drawn anew, in pairs (bootstrap, 95%), and <span class="badge tied">tied</span> says that
a row cannot be told from the next one. Which seeds were taken is not in that, but in the interval
of the mean.</li>
<li>Each row is held to its predictions, to its recipe, and to the digest of the release.</li>
</ul>"""

_FOOTER = """<footer>M2M Kinetics toolkit {version}.
<span class=mono>python -m benchmarks.leaderboard check</span> works all of it out again.
</footer>"""


def _show_section(section: Section) -> str:
    heads = ("rank", "entry", "mean", "next", "may show somebody", *map(escape, section.tasks))
    rows = [_show_row(row, section.tasks) for row in section.rows]
    reported = read_reported(section.suite, section.protocol)
    rows += [_show_reported(row, section.tasks) for row in reported]
    note = (
        '<p class="soft small">"Reported" rows are what others have published, with other data and '
        "protocols. They are not reproduced here, and have no rank.</p>"
        if reported
        else ""
    )
    return (
        f"<h2>Suite {escape(section.suite)}, {PROTOCOL_TITLES[section.protocol]}</h2>"
        f"{_draw(section.rows)}{make_table(heads, rows)}{note}"
    )


def _show_row(row: Row, tasks: Sequence[str]) -> list[str]:
    if row.rank:
        span = f"{row.best} to {row.worst}" if row.best != row.worst else "sure"
        rank = f'{row.rank}<span class="soft">{span}</span>'
    else:
        rank = "-"
    details = [row.dataset.key, f"recipe {row.entry.recipe}, {row.num_seeds} seeds"]
    if row.unranked:
        details.append(f"no rank: {row.unranked}")
    privacy = row.dataset.privacy
    leaks = (
        f"; planted leaks caught: {privacy.leaks_caught} of {privacy.leaks_planted}"
        if privacy and privacy.leaks_planted
        else ""
    )
    return [
        rank,
        f'<span class="name">{escape(row.entry.name)}</span>'
        + "".join(f'<span class="soft">{escape(detail)}</span>' for detail in details),
        _show_share(row.mean),
        _show_lead(row),
        f'{privacy.bound:.2%}<span class="soft why">{escape(privacy.source)}{leaks}</span>'
        if privacy
        else '<span class="soft">not measured</span>',
        *(_show_share(row.top1.get(task)) for task in tasks),
    ]


def _show_share(found: Interval | None) -> str:
    if found is None:
        return ""
    return f'{100 * found.value:.1f}<span class="soft">{tell_interval(found)}</span>'


def _show_lead(row: Row) -> str:
    if row.lead is None:
        return ""
    told = '<span class="badge tied">tied</span>' if row.tied else f"+{100 * row.lead.value:.1f}"
    return f'{told}<span class="soft">{tell_points(row.lead)}</span>'


def _show_reported(row: Reported, tasks: Sequence[str]) -> list[str]:
    source = f"not reproduced; {row.source}, {row.url}"
    return [
        '<span class="badge">reported</span>',
        f'<span class="name">{escape(row.name)}</span><span class="soft">{escape(source)}</span>',
        "",
        "",
        "",
        *(f"{row.top1[task]:.1f}" if task in row.top1 else "" for task in tasks),
    ]


def _draw(rows: Sequence[Row]) -> str:
    """Draw the mean of each row over how many clips may show somebody; up and left is better."""
    shown = [(row, row.mean) for row in rows if row.mean]
    if not shown:
        return ""
    ends = [
        value
        for _, mean in shown
        for value in (mean.value, mean.low, mean.high)
        if not isnan(value)
    ]
    step = next(s for s in (0.05, 0.1, 0.2) if s == 0.2 or max(ends) - min(ends) <= 5 * s)
    ticks = np.arange(floor(min(ends) / step), ceil(max(ends) / step) + 1) * step
    ticks = ticks[(ticks > -step / 2) & (ticks < 1 + step / 2)]
    low, high = float(ticks[0]), float(ticks[-1])

    def find_y(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return 8 + (_HEIGHT - _BOTTOM - 8) * (1 - share)

    marks: dict[float, list[tuple[Row, Interval]]] = defaultdict(list)
    for row, mean in shown:
        marks[_find_x(row)].append((row, mean))
    points = []
    for x, there in sorted(marks.items()):
        apart = min(17.0, (_BAND - 18) / max(len(there) - 1, 1))
        for index, (row, mean) in enumerate(there):
            at = min(x + (index - (len(there) - 1) / 2) * apart, _WIDTH - 9.0)
            points.append(_draw_point(row, mean, at, find_y(mean.value), find_y))
    return (
        f'<div class="card pad chart"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'aria-label="Mean top-1 of each row over the share of clips that may show somebody">'
        f"{_draw_axes(ticks, find_y)}{''.join(points)}</svg></div>"
    )


def _find_x(row: Row) -> float:
    privacy = row.dataset.privacy
    if privacy is None:
        return _WIDTH - _BAND / 2
    share = log10(max(privacy.bound, _LEAST) / _LEAST) / log10(1 / _LEAST)
    return _LEFT + 10 + (_WIDTH - _LEFT - _BAND - 20) * share


def _draw_axes(ticks: NDArray[np.float64], find_y: Callable[[float], float]) -> str:
    foot, end = _HEIGHT - _BOTTOM, _WIDTH - _BAND
    parts = [
        f'<rect class="band" x="{end}" y="8" width="{_BAND}" height="{foot - 8}"/>',
        f'<text class="middle" x="{end + _BAND / 2}" y="{foot + 13}">unknown</text>',
        f'<text class="middle" x="{(_LEFT + end) / 2}" y="{_HEIGHT - 4}">{_AXIS}</text>',
    ]
    for value in ticks:
        y = find_y(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="end" x="{_LEFT - 4}" y="{y + 3:.1f}">{100 * value:.0f}</text>')
    for share, name in ((1e-3, "0.1%"), (1e-2, "1%"), (1e-1, "10%"), (1.0, "100%")):
        x = _LEFT + 10 + (end - _LEFT - 20) * log10(share / _LEAST) / log10(1 / _LEAST)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="{foot}"/>')
        parts.append(f'<text class="middle" x="{x:.1f}" y="{foot + 13}">{name}</text>')
    return "".join(parts)


def _draw_point(
    row: Row, mean: Interval, x: float, y: float, find_y: Callable[[float], float]
) -> str:
    bar = (
        ""
        if isnan(mean.low)
        else f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{find_y(mean.low):.1f}" '
        f'y2="{find_y(mean.high):.1f}"/>'
    )
    name = f"{escape(row.entry.name)}: {100 * mean.value:.1f}"
    kind = "point" if row.rank else "point unranked"
    return (
        f'{bar}<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="7.5"><title>{name}</title>'
        f'</circle><text class="mark" x="{x:.1f}" y="{y + 3:.1f}">{row.rank or "-"}</text>'
    )
