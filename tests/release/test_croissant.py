"""croissant.json says what is in a release, and which version it is."""

from pathlib import Path

import pytest

from toolkit.errors import InputError
from toolkit.release.croissant import CROISSANT, read_version, write_croissant


def test_a_release_says_its_version(tmp_path: Path) -> None:
    """What is written is read; the same bytes every time."""
    write_croissant(tmp_path, "m2m-kinetics", "1.2.3")
    assert read_version(tmp_path) == "1.2.3"


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"version": 1}', '{"version": "1.0"}', "[" * 100_000]
)
def test_a_version_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    """Whatever a folder from anywhere holds."""
    (tmp_path / CROISSANT).write_text(content)
    with pytest.raises(InputError, match="its version is no X"):
        read_version(tmp_path)
