"""The card says of a release what is in it, and how sure it is."""

from pathlib import Path

from tests.review.conftest import make_row
from toolkit.params import Release
from toolkit.qa.planted import load_planted
from toolkit.release.card import make_card
from toolkit.review.report import find_report
from toolkit.review.verdicts import Verdict, write_verdicts

VIDEOS = Release(scene="empty", body=None, pixels=True)
ROWS = [make_row(f"clip{i:02}") for i in range(30)]
ROWS += [make_row("held", status="quarantined", reason="faces 0.9 over 0.5 in frame 7", faces=0.9)]


def _review(folder: Path, version: str, *verdicts: Verdict) -> None:
    write_verdicts(verdicts, folder / "some" / f"{version}.csv")


def _say(clip_id: str, verdict: str = "ok", sha: str | None = None) -> Verdict:
    return Verdict(clip_id, "ann", clip_id * 2 if sha is None else sha, "wave", verdict, "")


def test_only_a_list_points_to_its_lists() -> None:
    """A release of videos has none, also where no clip came through."""
    listed = Release(scene="empty", body=None, pixels=False)
    assert "lists/" in make_card("some", listed, [], [])
    assert "lists/" not in make_card("some", VIDEOS, [], [])
    assert "no clip came through" in make_card("some", VIDEOS, [], [])


def test_how_strong_the_checks_are_is_told_with_a_bound() -> None:
    """From planted leaks always; and that these checks are newer than the figures."""
    card = make_card("some", VIDEOS, ROWS, ["wave"])
    planted = load_planted()
    assert f"{planted.counted.planted} leaks" in card
    assert planted.command in card
    assert f"at most {planted.bound(ROWS):.2%} of the released" in card
    assert "before there were" not in card
    assert "Nobody has looked at these clips yet." in card
    newer = make_row("new", checks=(type(ROWS[0].checks[0])("brandnew", 0, 1, True, 0, (), ""),))
    assert "the checks brandnew" in make_card("some", VIDEOS, [*ROWS, newer], ["wave"])


def test_without_checks_there_is_no_bound() -> None:
    """Of what shows the people filmed, and of lists, nothing of the kind is said."""
    source = Release(scene="source", body=None, pixels=True)
    rows = [make_row("a", checks=())]
    assert "How sure" not in make_card("some", source, rows, ["wave"])
    assert "How sure" not in make_card("some", VIDEOS, rows, ["wave"])


def test_the_newest_review_of_these_clips_counts(tmp_path: Path) -> None:
    """v1.10.0 is newer than v1.9.0; verdicts on other bytes, or on held clips only, are none."""
    assert find_report(tmp_path, "some", ROWS) is None
    _review(tmp_path, "v1.9.0", _say("clip00", "person_visible"))
    _review(tmp_path, "v1.10.0", _say("clip00"), _say("clip01"))
    _review(tmp_path, "v2.0.0", _say("clip00", sha="old"))
    _review(tmp_path, "v2.1.0", _say("held"))
    review = find_report(tmp_path, "some", ROWS)
    assert review is not None
    assert review[0] == "v1.10.0"
    card = make_card("some", VIDEOS, ROWS, ["wave"], review)
    assert "looked at 2 (v1.10.0): a person is visible in 0, so in at most 77.64% of all" in card
    assert card == make_card("some", VIDEOS, ROWS, ["wave"], review)
