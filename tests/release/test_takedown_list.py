"""The list of takedowns knows a clip by any of its names, and names none."""

from pathlib import Path

import pytest

from toolkit.errors import InputError
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.release.takedown_list import TakedownList

PSEUDONYMS = Pseudonyms(b"k" * 32)
CLIP, OTHER, SHA256 = "abc_000000_000010", "abd_000000_000010", "5e" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A list with a clip, known by its id, its published id and its file."""
    path = tmp_path / "validation/takedowns.csv"
    names = [CLIP, PSEUDONYMS.publish(CLIP), SHA256]
    TakedownList.read(path, PSEUDONYMS).add([names], "request", "2026-11-28").write(path)
    return path


def test_a_clip_is_known_by_any_name_and_no_other_clip_is(path: Path) -> None:
    """Alone, and in the middle of a text."""
    takedowns = TakedownList.read(path, PSEUDONYMS)
    for name in (CLIP, PSEUDONYMS.publish(CLIP), SHA256):
        assert takedowns.has(name)
        assert takedowns.is_told_by(f'{{"file": "train/walk/{name}.mp4"}}')
    assert not takedowns.has(OTHER)
    assert not takedowns.is_told_by(f"train/walk/{OTHER}.mp4")


def test_the_list_names_nobody(path: Path) -> None:
    """It lies in git: no id of either kind, no digest of a file, and no published id's hash."""
    text = path.read_text("utf-8")
    for name in (CLIP, "abc", PSEUDONYMS.publish(CLIP), SHA256, PSEUDONYMS.digest(SHA256)):
        assert name not in text
    assert "request,2026-11-28" in text


def test_a_clip_is_listed_once(path: Path) -> None:
    """As where the command was stopped and runs again, when less is known of the clip."""
    takedowns = TakedownList.read(path, PSEUDONYMS)
    assert takedowns.add([[CLIP]], "law", "") == takedowns
    assert len(takedowns.add([[OTHER]], "law", "").takedowns) == 2


def test_under_another_key_it_is_refused(path: Path) -> None:
    """It would hold nothing back, and say nothing of it."""
    with pytest.raises(InputError, match="under another key"):
        TakedownList.read(path, Pseudonyms(b"o" * 32))


@pytest.mark.parametrize("text", ["", "clip,names\n", "key,reason,date,names\na,b\n", '"\n'])
def test_what_is_no_list_is_refused(path: Path, text: str) -> None:
    """One line, rather than a build that forgets a takedown."""
    path.write_text(text)
    with pytest.raises(InputError, match="restore it from git"):
        TakedownList.read(path, PSEUDONYMS)


def test_no_list_holds_nothing_back(tmp_path: Path) -> None:
    """As in a project where nobody has asked for anything."""
    assert not TakedownList.read(tmp_path / "none.csv", PSEUDONYMS).has(CLIP)
