"""The key of published ids is made once, and known by the release that it made."""

import os
import stat
from pathlib import Path

import pytest

from tests.described import LIST, NAME
from toolkit.errors import InputError
from toolkit.release.key import check_key, make_key
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.stages.project import Project


def test_a_key_is_for_its_owner_and_never_replaced(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask; a second one of the same name is refused, and changes none."""
    path = tmp_path / "keys/ids.key"
    before = os.umask(0)
    try:
        make_key(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    assert Pseudonyms.from_file(path).key == bytes.fromhex(content.decode().strip())
    with pytest.raises(InputError, match="is there already"):
        make_key(path)
    assert path.read_bytes() == content
    make_key(tmp_path / "other.key")
    assert (tmp_path / "other.key").read_bytes() != content


def test_a_release_tells_its_key(described: Project, tmp_path: Path) -> None:
    """Also one of a list, whose ids are others; another key is refused by name."""
    sources = described.sources_table
    for name in (NAME, LIST):
        assert check_key(described.key_file, described.release(name), sources) == (12, 12)
    make_key(tmp_path / "other.key")
    with pytest.raises(InputError, match=r"other\.key is not the key of .*none of the 12 clips"):
        check_key(tmp_path / "other.key", described.release(NAME), sources)


def test_the_command_makes_and_checks(described: Project, tmp_path: Path, run_m2m) -> None:
    """Exit code 2 where it is another key."""
    made = run_m2m("release", "key", "some.key", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "some.key").is_file()
    words = ("--check", str(described.release(NAME)), "--project", str(described.root))
    checked = run_m2m("release", "key", str(described.key_file), *words)
    assert "it has 12 of 12 clips" in checked.stdout
    other = run_m2m("release", "key", str(tmp_path / "some.key"), *words)
    assert (other.returncode, other.stderr.count("\n")) == (2, 1)
