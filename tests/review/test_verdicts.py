"""Tables of verdicts: what is taken, and what is refused."""

import re
from pathlib import Path

import pytest

from toolkit.errors import InputError
from toolkit.review.verdicts import (
    Verdict,
    decide,
    merge_verdicts,
    read_verdicts,
    write_verdicts,
)

HEAD = "clip_id,sample_sha256,label,reviewer,verdict,note\n"
KNOWN = {"a": "5e", "b": "6f"}


def _verdict(clip_id: str, reviewer: str, verdict: str = "ok", note: str = "") -> Verdict:
    return Verdict(clip_id, reviewer, KNOWN.get(clip_id, ""), "wave", verdict, note)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Sorted, with the same bytes, and with no cell that a spreadsheet would run."""
    notes = ["=HYPERLINK(1)", "-2", "+1", "@x", 'two\nlines, and a "quote"', "'plain"]
    verdicts = [_verdict("a", f"ann{i}", note=note) for i, note in enumerate(notes)]
    write_verdicts(verdicts[::-1], tmp_path / "v.csv")
    text = (tmp_path / "v.csv").read_text()
    assert read_verdicts(tmp_path / "v.csv", KNOWN) == verdicts
    write_verdicts(read_verdicts(tmp_path / "v.csv"), tmp_path / "w.csv")
    assert (tmp_path / "w.csv").read_text() == text
    assert not re.search(r'(^|,)"?[=+@-]', text, re.MULTILINE)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a,5e,wave,ann,fine,", "'fine' is none of ok, person_visible"),
        ("a,5e,wave,,ok,", "reviewer '' must be letters"),
        ('a,5e,wave,"ann ""<b>",ok,', "reviewer .* must be letters"),
        ("z,5e,wave,ann,ok,", "'z' is no clip of the release"),
        ("a,6f,wave,ann,ok,", "'a' was looked at in another version"),
        ("a,5e,wave,ann,ok", "has not 6 columns"),
        ("a,5e,wave,ann,ok,,more", "has not 6 columns"),
        ("b,6f,wave,ann,ok,\nb,6f,wave,ann,other,", "ann has decided of b before"),
        (f"a,5e,wave,ann,ok,{'x' * 2001}", "the note is longer"),
        ('a,5e,wave,ann,ok,"open', "cannot be read as CSV"),
    ],
)
def test_a_line_that_breaks_a_rule_is_named(tmp_path: Path, line: str, told: str) -> None:
    """One line of text, however the table is broken."""
    (tmp_path / "v.csv").write_text(HEAD + line + "\n")
    with pytest.raises(InputError, match=told):
        read_verdicts(tmp_path / "v.csv", KNOWN)


def test_all_bad_lines_are_named(tmp_path: Path) -> None:
    """By number, so that one look mends them all."""
    (tmp_path / "v.csv").write_text(HEAD + "z,,,ann,ok,\na,5e,,ann,ok,\na,5e,,bob,no,\n")
    with pytest.raises(InputError, match=r"line 2: .*; line 4: "):
        read_verdicts(tmp_path / "v.csv", KNOWN)


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    """With the columns it should have."""
    (tmp_path / "v.csv").write_text("clip,verdict\na,ok\n")
    with pytest.raises(InputError, match="columns clip_id, sample_sha256"):
        read_verdicts(tmp_path / "v.csv")


def test_who_looks_again_changes_their_mind() -> None:
    """The later verdict stands."""
    merged = merge_verdicts([_verdict("a", "ann")], [_verdict("a", "ann", "other")])
    assert [item.verdict for item in merged] == ["other"]


def test_two_people_look_and_a_third_decides() -> None:
    """A third reviewer is refused; the adjudication settles a disagreement."""
    two = [_verdict("a", "ann"), _verdict("a", "bob", "person_visible"), _verdict("b", "ann")]
    assert decide(two) == ({"b": "ok"}, ["a"])
    with pytest.raises(InputError, match="a would have 3 reviewers"):
        merge_verdicts(two, [_verdict("a", "carl")])
    settled = merge_verdicts(two, [_verdict("a", "adjudicated", "person_visible")])
    assert decide(settled) == ({"a": "person_visible", "b": "ok"}, [])
