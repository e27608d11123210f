"""What a review says of a release."""

import json
from pathlib import Path

import pytest

from tests.review.conftest import make_row
from toolkit.review.report import agreement, make_json, make_lines, make_report, write_page
from toolkit.review.verdicts import Verdict

RELEASED = [make_row(f"clip{i:02}", faces=0.01 * i) for i in range(40)]
HELD = [make_row(f"held{i}", status="quarantined", faces=0.6 + 0.1 * i) for i in range(3)]
ROWS = [*RELEASED, *HELD]


def _say(
    clip_id: str, verdict: str = "ok", reviewer: str = "ann", sha: str | None = None
) -> Verdict:
    (row,) = (row for row in ROWS if row.clip_id == clip_id)
    return Verdict(clip_id, reviewer, row.sample_sha256 if sha is None else sha, "", verdict, "")


ALL_FINE = [_say(row.clip_id) for row in RELEASED]


def test_nobody_seen_in_forty_clips() -> None:
    """The rate is zero, and the bound is not."""
    report = make_report("m2m-kinetics", ROWS, ALL_FINE)
    assert (report.visible.count, report.visible.total) == (0, 40)
    assert report.visible.upper_bound == pytest.approx(1 - 0.05 ** (1 / 40))
    assert (report.missed, report.suggestions, report.kappa) == ({}, [], None)


def test_what_the_checks_missed_and_what_they_held_back() -> None:
    """With the check that came nearest, and a limit that would have let fine clips through."""
    verdicts = [*ALL_FINE[:-2], _say("clip38", "occlusion_error"), _say("clip39", "person_visible")]
    verdicts += [_say("held0"), _say("held1"), _say("held2", "person_visible")]
    report = make_report("m2m-kinetics", ROWS, verdicts)
    assert (report.visible.count, report.occlusion.count, report.visible.total) == (1, 1, 40)
    assert report.missed == {"clip39": "faces 0.39 of 0.5"}
    assert report.over_flagged == {"held0": ["faces"], "held1": ["faces"]}
    (suggestion,) = report.suggestions
    assert (suggestion.check, suggestion.held_back) == ("faces", 2)
    assert suggestion.suggested == pytest.approx(0.7)  # below 0.8, which shows somebody


def test_verdicts_on_other_bytes_do_not_count() -> None:
    """A clip that was made anew must be looked at anew."""
    report = make_report("m2m-kinetics", ROWS, [*ALL_FINE[1:], _say("clip00", sha="old")])
    assert (report.stale, report.visible.total) == (["clip00"], 39)


def test_a_disagreement_counts_for_nothing_until_it_is_settled() -> None:
    """It is listed."""
    both = [_say("clip00"), _say("clip00", "other", "bob")]
    assert make_report("x", ROWS, both).undecided == ["clip00"]
    settled = make_report("x", ROWS, [*both, _say("clip00", "other", "adjudicated")])
    assert (settled.undecided, settled.visible.total) == ([], 1)


def test_kappa_by_hand() -> None:
    """20 ok-ok, 5 ok-other, 10 other-ok, 15 other-other: 0.7 seen, 0.5 by chance."""
    pairs = [("ok", "ok")] * 20 + [("ok", "other")] * 5 + [("other", "ok")] * 10
    pairs += [("other", "other")] * 15
    verdicts = [
        Verdict(f"c{i}", name, "", "", said, "")
        for i, pair in enumerate(pairs)
        for name, said in zip(("ann", "bob"), pair, strict=True)
    ]
    assert agreement(verdicts) == (50, pytest.approx(0.4))
    assert agreement(verdicts[:40]) == (20, 1)  # both only ever said ok


def test_the_report_is_json_and_a_page(tmp_path: Path) -> None:
    """Names of releases are text in it, whatever they hold."""
    report = make_report("<script>", ROWS, ALL_FINE)
    assert json.loads(make_json(report))["visible"]["total"] == 40
    write_page(report, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "<script>" not in text
    assert dict(make_lines(report))["somebody visible"] in text
