"""The report as one HTML file, which loads nothing and runs nothing.

Every text may come from a source and be hostile: it goes through ``html.escape``.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from toolkit import page
from toolkit.knexus.report import Chance, MethodResult, Place, Report, SeedResult, tell
from toolkit.page import make_table

_STYLE = Path(__file__).with_name("page.css")
_SIDE, _MARGIN = 320, 12


def write_page(report: Report, out: Path) -> None:
    """Write the page."""
    parts = (
        _show_head(report),
        _NOTES,
        *(_show_k(report, chance) for chance in report.chance),
        _FOOTER.format(
            digest=escape(report.embeddings_sha256), version=escape(report.toolkit_version)
        ),
    )
    page.write_page(out, "Choice of classes", _STYLE, parts)


_NOTES = """<h2>How to read it</h2>
<ul>
<li><b>RESOUND bias</b>, log M &minus; log 1/k in nats: how far a classifier that sees one frame of
a video tells k classes apart, above chance. 0: not at all. log k: always, so that nobody who trains
on them needs to look at movement. Lower is better.</li>
<li>M is the mean recall by the nearest class mean, cross-validated; beside it stands the recall of
a linear probe on the same frozen embeddings.</li>
<li><b>p lower</b> is the share of random subsets of k classes whose bias is as low or lower, of
the worst seed: below 0.05, every seed chose classes that are less biased than chance. Above 0.95
they are more biased than chance.</li>
<li><b>knexus</b> and <b>kmeans</b> choose one class of each group of similar classes. Classes that
are unlike each other are easier to tell apart by a frame, not harder: where the table shows a
higher bias than chance, that is why. What these two do well is to cover what the source shows,
which the mean similarity tells.</li>
<li><b>knexus-b1</b>, the paper's appendix B.1 as it is written, groups classes whose bias is the
same number. The text of section 3.1 speaks of clusters of similar classes, and that they are not:
compare the similarity within its clusters with that of all classes. Its bias is one of each class
among all classes, too, and says nothing of the subset that is chosen.</li>
<li>The paper's published script is <b>kmeans</b>: it computes a bias, and does not use it. What it
calls bias has the mean <b>similarity</b> of classes in the place of M, which is no performance.
Unlike classes have less of that; <b>p unlike</b> tells how few random subsets are as unlike, of the
worst seed.</li>
<li><b>resound-greedy</b> lowers the bias itself. It looks for classes that frames cannot tell
apart, so it prefers those that look the same, and those with poor videos. It chooses by the very
recall that stands under <b>bias</b>, which flatters it where videos are few: go by the probe.</li>
</ul>"""

_FOOTER = """<footer>sha256 of the class means: <span class=mono>{digest}</span><br>
M2M Kinetics toolkit {version}.</footer>"""


def _show_head(report: Report) -> str:
    tiles = {
        "classes": f"{report.num_classes:,}",
        "videos embedded": f"{report.num_videos:,}",
        "bias of all classes": f"{report.all_classes.bias_means:.2f}",
        "recall of all classes": f"{report.all_classes.recall_means:.1%}",
    }
    shown = "".join(
        f'<div class="tile"><b>{value}</b><span class="soft">{name}</span></div>'
        for name, value in tiles.items()
    )
    given = ""
    if report.given:
        found, num_here = report.given, len(report.given.classes)
        given = (
            f"<p>{escape(report.given_name)}: {num_here} of its {report.num_given} classes are in "
            f"the source. Their bias is {found.subset.bias_means:.3f} nats, p lower "
            f"{found.p_lower:.3f} among random subsets of {num_here}.</p>"
        )
    return (
        '<p class="soft small">K-NEXUS</p><h1>Choice of classes</h1><p class="soft small">'
        f"Encoder {escape(report.encoder)}, {escape(report.frame)} frame of each video</p>"
        f'<div class="card tiles">{shown}</div>{given}'
    )


def _show_k(report: Report, chance: Chance) -> str:
    results = [result for result in report.methods if result.k == chance.k]
    rows = [_show_row(result) for result in results]
    alike = tell(report.all_classes.similarity)
    return (
        f"<h2>{chance.k} of {report.num_classes} classes</h2>"
        f'<p class="soft">Chance: {chance.num_subsets:,} random subsets have a bias of '
        f"{chance.mean:.3f} &plusmn; {chance.spread:.3f} nats. Mean similarity of all classes: "
        f"{alike}, of random subsets: {tell(chance.similarity)}.</p>"
        + make_table(_HEADS, rows)
        + '<p class="soft small"><span class="key on"></span>chosen '
        '<span class="key off"></span>dropped. Each dot is a class, by the two directions in which '
        "classes differ most; point at one for its name.</p>"
        + f'<div class="maps">{"".join(_show_map(result, report.places) for result in results)}'
        + "</div>"
        + f'<div class="card">{"".join(map(_show_classes, results))}</div>'
    )


_HEADS = (
    "method",
    "bias",
    "of all seeds",
    "p lower",
    "recall",
    "probe",
    "bias by probe",
    "similarity",
    "p unlike",
    "within clusters",
    "stability",
    "in the list",
    "in random",
)


def _show_row(result: MethodResult) -> Sequence[str]:
    first = result.seeds[0].subset
    in_list = tell(result.overlap_given)
    if result.chance_given is not None:
        in_list += f" ({tell(result.chance_given)} by chance)"
    biases = [found.subset.bias_means for found in result.seeds]
    unlike = [found.p_unlike for found in result.seeds if found.p_unlike is not None]
    return (
        escape(result.method),
        f"{first.bias_means:.3f}",
        f"{min(biases):.3f} to {max(biases):.3f}" if len(biases) > 1 else "-",
        f"{max(found.p_lower for found in result.seeds):.3f}",
        f"{first.recall_means:.3f}",
        "-" if first.recall_probe is None else f"{first.recall_probe:.3f}",
        "-" if first.bias_probe is None else f"{first.bias_probe:.3f}",
        tell(first.similarity),
        "-" if not unlike else f"{max(unlike):.3f}",
        tell(result.within_similarity),
        tell(result.stability),
        in_list,
        tell(result.overlap_random),
    )


def _show_map(result: MethodResult, places: Sequence[Place]) -> str:
    chosen = set(result.seeds[0].classes)
    reach = _SIDE / 2 - _MARGIN
    dots = "".join(
        f'<circle class="{"chosen" if place.label in chosen else "dropped"}" '
        f'cx="{_SIDE / 2 + reach * place.x:.1f}" cy="{_SIDE / 2 - reach * place.y:.1f}" r="4">'
        f"<title>{escape(place.label)} ({place.num_videos})</title></circle>"
        for place in sorted(places, key=lambda place: place.label in chosen)
    )
    return (
        f'<div class="card pad"><h3>{escape(result.method)}</h3>'
        f'<svg viewBox="0 0 {_SIDE} {_SIDE}" role="img" aria-label="{len(chosen)} of {len(places)} '
        f'classes chosen"><rect class="frame" width="{_SIDE}" height="{_SIDE}" rx="8"/>{dots}</svg>'
        "</div>"
    )


def _show_classes(result: MethodResult) -> str:
    first = result.seeds[0]
    if result.clusters:
        items = [_show_cluster(cluster, first) for cluster in result.clusters]
        what = f"{len(items)} clusters, the chosen class first"
    else:
        items = [f"<b>{escape(label)}</b>" for label in first.classes]
        what = f"{len(items)} classes, without clusters"
    listed = "".join(f"<li>{item}</li>" for item in items)
    return f"<details><summary>{escape(result.method)}: {what}</summary><ol>{listed}</ol></details>"


def _show_cluster(cluster: Sequence[str], first: SeedResult) -> str:
    chosen = [label for label in cluster if label in first.classes]
    others = [escape(label) for label in cluster if label not in first.classes]
    return ", ".join([*(f"<b>{escape(label)}</b>" for label in chosen), *others])
