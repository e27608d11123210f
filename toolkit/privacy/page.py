"""The page for an auditor: one HTML file with pictures, which loads nothing and runs nothing.

Every text may come from a release and be hostile: it goes through ``html.escape``.
"""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from toolkit import page
from toolkit.page import make_table
from toolkit.privacy.pictures import draw_histogram, draw_interval
from toolkit.privacy.remains import Remark
from toolkit.privacy.report import CheckProfile, Profile
from toolkit.review.report import Rate

_STYLE = Path(__file__).with_name("page.css")
_NUM_LABELS = 10

_KINDS = {
    "drop_1": "somebody is missing from the masks for 1 frame (too small to count)",
    "drop_2": "somebody is missing from the masks for 2 frames",
    "drop_5": "somebody is missing from the masks for 5 frames",
    "erode_2": "a mask is 2 pixels smaller than the person (too small to count)",
    "erode_5": "a mask is 5 pixels smaller than the person",
    "erode_10": "a mask is 10 pixels smaller than the person",
    "limb": "an arm or a leg is in no mask for half a second",
    "shadow": "a person's shadow is in no mask",
    "mirror": "a person in a mirror is in no mask",
    "second_person": "a second person is in no mask",
    "all": "all kinds that count",
}


def write_page(profile: Profile, out: Path) -> None:
    """Write the page."""
    parts = (
        _show_head(profile),
        _show_bounds(profile),
        _show_remarks(profile),
        _show_examples(profile),
        _show_checks(profile.checks),
        _show_planted(profile),
        _show_review(profile),
        _show_attack(profile.attack),
        _show_use(profile),
        _show_weights(profile),
        _FOOTER.format(version=escape(profile.toolkit_version)),
    )
    page.write_page(out, f"Privacy report of {profile.release}", _STYLE, parts)


_FOOTER = """<footer>M2M Kinetics toolkit {version}. Intervals and bounds are at 95%. This page
tells what the release says of itself; <span class=mono>m2m audit</span> finds out whether that is
so.</footer>"""


def _show_head(profile: Profile) -> str:
    tiles = {"clips taken in": profile.counts["ingested"], **profile.counts}
    del tiles["ingested"]
    return (
        f'<p class="soft small">Privacy report</p><h1>{escape(profile.release)}</h1>'
        '<p class="soft small">sha256 of SHA256SUMS, which stands for all of it: '
        f'<span class="mono">{escape(profile.digest)}</span></p>'
        '<div class="card tiles">'
        + "".join(
            f'<div class="tile"><b>{number:,}</b><span class="soft">{escape(name)}</span></div>'
            for name, number in tiles.items()
        )
        + '</div><p class="soft small">Every clip that was taken in is accounted for: released, '
        "quarantined by a check or for a fault of its source, or failed on the way.</p>"
    )


def _show_bounds(profile: Profile) -> str:
    planted, review = profile.recall["all"], profile.review
    by_leaks = (
        f'<div class="card bound"><span class="soft">By leaks planted on purpose</span>'
        f"<b>{_tell_bound(profile.leak_bound)}</b><p class=small>The checks caught "
        f"{planted.count} of {planted.total} leaks planted into clips of synthetic actors. This "
        "supposes that real leaks are as easy to catch as the planted ones, which nobody knows. If "
        f"all leaks were of the kind caught least often ({escape(profile.planted.weakest)}): "
        f"{_tell_bound(profile.weakest_bound)}.</p></div>"
    )
    if review:
        by_people = (
            f"<b>{_tell_bound(review.visible.upper_bound)}</b><p class=small>People looked at "
            f"{review.visible.total} released clips ({escape(profile.version)}), and saw somebody "
            f"in {review.visible.count}. This supposes that these clips are like the others, and "
            "that whoever looked saw what there was.</p>"
        )
    else:
        by_people = (
            "<b class=none>Nobody has looked at this version.</b><p class=small>So no number "
            "stands here. With <span class=mono>m2m review</span> people look at a sample, and "
            "what they saw is kept.</p>"
        )
    return (
        "<h2>How many released clips may show somebody</h2>"
        '<p class="soft">Upper bounds: the true share is below, in 19 of 20 such cases, '
        "if what each supposes is so.</p>"
        f'<div class="two">{by_leaks}<div class="card bound"><span class="soft">'
        f"By people who looked</span>{by_people}</div></div>"
    )


def _tell_bound(share: float) -> str:
    return "nothing can be said" if share >= 1 else f"at most {share:.2%}"


def _show_remarks(profile: Profile) -> str:
    def show(title: str, remarks: Sequence[Remark]) -> str:
        items = "".join(
            f"<div><dt>{escape(what)}</dt><dd>{escape(why)}</dd></div>" for what, why in remarks
        )
        return f'<div><h2>{title}</h2><div class="card"><dl>{items}</dl></div></div>'

    return (
        f'<div class="two">{show("What was removed", profile.removed)}'
        f"{show('What remains', profile.remains)}</div>"
    )


def _show_examples(profile: Profile) -> str:
    if not profile.examples:
        return ""
    pictures = "".join(
        f'<figure><img alt="A frame of a released clip" src="data:image/jpeg;base64,'
        f'{base64.b64encode(example.jpeg).decode()}"><figcaption>{escape(example.label)}, frame '
        f"{example.frame} of {escape(example.clip_id)}</figcaption></figure>"
        for example in profile.examples
    )
    return (
        '<h2>What it looks like</h2><p class="soft">The middle frames of released clips of '
        f'different classes, as they are handed on.</p><div class="pictures">{pictures}</div>'
    )


def _show_checks(checks: Sequence[CheckProfile]) -> str:
    return f'{_CHECKS}<div class="card">{"".join(map(_show_check, checks))}</div>'


_CHECKS = """<h2>What was checked</h2>
<p class="soft">Each check gives a clip one number, that of its worst frame unless it says
otherwise. Above a critical limit, or where a check cannot run, the clip is held back. The pictures
show how many clips have which value, on a logarithmic scale; clips beyond the right edge stand at
the edge.</p>
<p class="soft small legend"><span class="key released"></span>released
<span class="key quarantined"></span>quarantined <span class="key over"></span>limit</p>"""


def _show_check(check: CheckProfile) -> str:
    highest = "-" if check.highest_released is None else f"{check.highest_released:.4g}"
    held = "held" if check.held_back else ""
    not_run = f", could not run on {check.not_run}" if check.not_run else ""
    return (
        f'<div class="check"><div><h3>{escape(check.name)} <span class="badge">'
        f'{escape(check.severity)}</span> <span class="badge {held}">held back {check.held_back}'
        f'{not_run}</span></h3><p class="soft small">{escape(check.meaning)}</p></div>'
        f'<div>{draw_histogram(check)}<p class="soft small">limit {check.limit:g}, highest of a '
        f"released clip {highest}</p></div></div>"
    )


def _show_planted(profile: Profile) -> str:
    rows = [
        (
            f"{escape(kind)}<br><span class='soft small'>{escape(_KINDS.get(kind, ''))}</span>",
            f'<span class="number">{rate.count} of {rate.total}</span>',
            draw_interval(rate.low, rate.high, rate.count / max(rate.total, 1)),
            f'<span class="number">{rate.low:.1%} to {rate.high:.1%}</span>',
        )
        for kind, rate in profile.recall.items()
    ]
    newer = (
        "<p>Not among the checks when this was measured: "
        f"{escape(', '.join(profile.unmeasured))}. They can only add to what is caught.</p>"
        if profile.unmeasured
        else ""
    )
    alarms = profile.false_alarms
    return (
        "<h2>How strong the checks are</h2><p>Leaks were planted on purpose, one of each kind, "
        f"into {alarms.total} clips of <b>synthetic actors</b>, not of people: smooth skin, simple "
        "clothes, painted scenes. What holds there need not hold on film. Of the same clips "
        f"without a leak, {_tell(alarms)} were held back without need.</p>{newer}"
        f'<p class="soft mono">{escape(profile.planted.command)}</p>'
        + make_table(("leak", "caught", "share, with Wilson's 95% interval", ""), rows)
    )


def _tell(rate: Rate) -> str:
    if not rate.total:
        return "0 of 0"
    share = rate.count / rate.total
    return f"{rate.count} of {rate.total} ({share:.1%}; {rate.low:.1%} to {rate.high:.1%})"


def _show_review(profile: Profile) -> str:
    review = profile.review
    if review is None:
        return "<h2>What people saw</h2><p>Nobody has looked at this version.</p>"
    kappa = "nobody looked at a clip twice" if review.kappa is None else f"{review.kappa:.2f}"
    rows = [
        ("somebody visible", _tell(review.visible)),
        ("occlusion error: something covers what is in front of it", _tell(review.occlusion)),
        ("agreement of two people (Cohen's kappa; 1 is full)", kappa),
        ("clips that two people looked at", str(review.num_twice)),
        ("clips of which they disagree", str(len(review.undecided))),
        ("verdicts on clips that have changed since, not counted", str(len(review.stale))),
    ]
    return f"<h2>What people saw ({escape(profile.version)})</h2>" + make_table((), rows)


def _show_attack(pairs: Sequence[tuple[str, str]]) -> str:
    if not pairs:
        return ""
    rows = [(escape(key), escape(value)) for key, value in pairs]
    return (
        '<h2>An attack on it</h2><p class="soft">Somebody tried to tell who was filmed, as its '
        "author reports it.</p>" + make_table(("figure", "value"), rows)
    )


def _show_use(profile: Profile) -> str:
    kept = Rate.of(profile.counts["released"], profile.counts["ingested"])
    worst = [item for item in profile.kept.items() if item[1][0] < item[1][1]][:_NUM_LABELS]
    rows = [(escape(label or "-"), f"{num} of {total}") for label, (num, total) in worst]
    table = (
        '<p class="soft">Classes of which the smallest share is left:</p>'
        + make_table(("class", "released"), rows)
        if rows
        else ""
    )
    return (
        "<h2>What it costs</h2><p>Clips that are held back are lost to whoever trains on the "
        f"release. {kept.count:,} of {kept.total:,} were released, of {len(profile.kept):,} "
        f"classes.</p>{table}"
    )


def _show_weights(profile: Profile) -> str:
    rows = [
        (
            f"{escape(item.name)}<br><span class='soft small'>{escape(item.purpose)}</span>",
            f'<span class="number">{escape(item.licence)}</span>',
            f'<span class="mono">{escape(item.sha256)}</span>',
        )
        for item in profile.weights
    ]
    return (
        '<h2>With which models</h2><p class="soft">The weights that made and checked these clips, '
        "as the provenance of the release names them.</p>"
        + make_table(("weights", "licence", "sha256"), rows)
    )
