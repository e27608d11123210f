"""Published ids: the same for who has the key, nothing for who has not; the key stays secret."""

import hashlib
import hmac
from pathlib import Path

import pytest

from toolkit.errors import InputError
from toolkit.release.pseudonyms import Pseudonyms

KEY = "0123456789abcdefABCDEF9876543210"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with the shortest key."""
    path = tmp_path / "ids.key"
    path.write_text(KEY + "\n")
    return path


def test_names_are_keyed_hashes(key_file: Path) -> None:
    """As the format says, so that another program can compute them."""
    names = Pseudonyms.from_file(key_file)
    expected = hmac.new(bytes.fromhex(KEY), b"a_000000_000010", hashlib.sha256).hexdigest()
    assert names.publish("a_000000_000010") == expected[:20]
    expected = hmac.new(bytes.fromhex(KEY), b"e3b0", hashlib.sha256).hexdigest()
    assert names.digest("e3b0") == expected


def test_another_key_gives_other_names(key_file: Path) -> None:
    """One digit is enough."""
    names = Pseudonyms.from_file(key_file)
    key_file.write_text(KEY[:-1] + "1")
    other = Pseudonyms.from_file(key_file)
    assert names.publish("a") != other.publish("a")
    assert names.digest("a") != other.digest("a")


@pytest.mark.parametrize(
    "text", ["", KEY[:-1], KEY[:-2], KEY[:-1] + "g", f"{KEY}\n{KEY}", KEY * 200]
)
def test_what_is_no_key_is_refused_and_not_told(key_file: Path, text: str) -> None:
    """Too short, an odd number of digits, no hex, two lines: it may be a key with a slip in it."""
    key_file.write_text(text)
    with pytest.raises(InputError) as error:
        Pseudonyms.from_file(key_file)
    assert KEY[:6] not in str(error.value)


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    """With the file that was asked for."""
    with pytest.raises(InputError, match=r"m2m release key .*ids\.key"):
        Pseudonyms.from_file(tmp_path / "ids.key")


def test_the_key_is_never_shown(key_file: Path) -> None:
    """Not in a trace, not in a log."""
    shown = repr(Pseudonyms.from_file(key_file)).lower()
    assert KEY.lower() not in shown
    assert str(bytes.fromhex(KEY)).lower() not in shown
