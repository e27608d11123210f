"""Small drawings for the page, as SVG inside it; its style sheet gives the colours."""

from math import log1p

from toolkit.privacy.report import NUM_BINS, CheckProfile

_WIDTH, _HEIGHT, _AXIS = 320, 44, 14


def draw_histogram(check: CheckProfile) -> str:
    """Draw how many clips have which value, and the limit."""
    highest = log1p(max(a + b for a, b in zip(check.released, check.quarantined, strict=True)) or 1)
    step = _WIDTH / NUM_BINS
    bars = []
    for index, counts in enumerate(zip(check.released, check.quarantined, strict=True)):
        total = _HEIGHT * log1p(sum(counts)) / highest
        bottom = float(_HEIGHT)
        for name, count in zip(("released", "quarantined"), counts, strict=True):
            height = total * count / max(sum(counts), 1)
            bottom -= height
            if count:
                bars.append(
                    f'<rect class="{name}" x="{index * step:.1f}" y="{bottom:.1f}" '
                    f'width="{step - 1:.1f}" height="{height:.1f}"/>'
                )
    # A clip at the limit passes: the line stands behind its bin where the limit is 0.
    at = (check.limit / check.end or 1 / NUM_BINS) * _WIDTH
    what = (
        f"Values of {sum(check.released)} released and {sum(check.quarantined)} quarantined clips"
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + _AXIS}" role="img" aria-label="{what}">'
        f'<rect class="track" width="{_WIDTH}" height="{_HEIGHT}"/>{"".join(bars)}'
        f'<line class="limit" x1="{at:.1f}" x2="{at:.1f}" y2="{_HEIGHT}"/>'
        f'<text y="{_HEIGHT + 11}">0</text>'
        f'<text class="limit-text" x="{max(at, 14):.1f}" y="{_HEIGHT + 11}" text-anchor="middle">'
        f'{check.limit:g}</text><text x="{_WIDTH}" y="{_HEIGHT + 11}" text-anchor="end">'
        f"{check.end:g}+</text></svg>"
    )


def draw_interval(low: float, high: float, share: float) -> str:
    """Draw a share and its interval on a line from 0 to 100%."""
    x0, x1, x = (4 + 232 * value for value in (low, high, share))
    return (
        '<svg viewBox="0 0 240 12" role="img" aria-hidden="true">'
        '<rect class="track" y="4" width="240" height="4" rx="2"/>'
        f'<line class="interval" x1="{x0:.1f}" x2="{x1:.1f}" y1="6" y2="6"/>'
        f'<circle class="dot" cx="{x:.1f}" cy="6" r="4"/></svg>'
    )
