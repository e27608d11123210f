"""SHA256SUMS: what sha256sum writes, and no way out of the folder."""

import os
import subprocess
from pathlib import Path

import pytest

from toolkit.errors import InputError
from toolkit.release.sums import list_files, read_sums, write_sums


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.tar").write_bytes(b"tar")
    (tmp_path / "README.md").write_text("card")
    return tmp_path


def test_sha256sum_agrees(folder: Path) -> None:
    """With every line, and once a file is another one it tells so."""
    sums = write_sums(folder)
    assert list(sums) == ["README.md", "data/train.tar"]
    assert read_sums(folder) == sums
    assert write_sums(folder) == sums, "SHA256SUMS does not name itself"
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(command, cwd=folder, check=False).returncode == 0
    (folder / "README.md").write_text("cart")
    assert subprocess.run(command, cwd=folder, check=False).returncode == 1


@pytest.mark.parametrize(
    "line",
    [
        f"{'a' * 64}  ../x",
        f"{'a' * 64}  /etc/passwd",
        f"{'a' * 64}  data//x",
        f"{'a' * 64} *x",
        f"{'a' * 63}  x",
        "README.md",
        f"{'a' * 64}  README.md",
    ],
)
def test_a_line_that_breaks_the_rule_is_refused(folder: Path, line: str) -> None:
    """Paths that lead out, other forms, a path twice."""
    write_sums(folder)
    with (folder / "SHA256SUMS").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match="line 3 is not"):
        read_sums(folder)


def test_what_no_release_holds_is_refused(folder: Path) -> None:
    """Links, pipes, hidden files, names with line ends: none is followed, opened or summed."""
    (folder / "link").symlink_to("/etc")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x").write_text("x")
    (folder / "two\nlines").write_text("x")
    os.mkfifo(folder / "data" / "pipe")
    plain, strange = list_files(folder)
    assert plain == ["README.md", "data/train.tar"]
    assert strange == {
        ".hidden": "a hidden file",
        "data/pipe": "no plain file",
        "link": "a link",
        "two\\nlines": "a file with a name that cannot be written in one line",
    }
    with pytest.raises(InputError, match="which no release may hold"):
        write_sums(folder)


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    """Nothing, or a file."""
    (tmp_path / "file").write_text("x")
    for name in ("file", "nowhere"):
        with pytest.raises(InputError, match="is no folder"):
            list_files(tmp_path / name)
