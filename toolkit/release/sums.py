"""SHA256SUMS of a release: a digest of every file, as ``sha256sum`` writes and checks them."""

import hashlib
import os
import re
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Self

from toolkit.errors import InputError
from toolkit.files import check_source, write_output

SUMS, SIGNATURE, ORIGIN = "SHA256SUMS", "release.sig", "download.json"
UNSUMMED = frozenset({SUMS, SIGNATURE, ORIGIN})
"""What SHA256SUMS does not name: itself, its signature, and where a folder was downloaded from."""

_NUM_READERS = 2
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def list_files(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return what a release folder holds; links are not followed, and nothing is opened.

    Returns:
        Plain files, sorted, as paths in the folder; and everything else with what it is.

    Raises:
        InputError: it is no folder, or cannot be listed.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: name the folder of a release")
    plain: list[str] = []
    strange: dict[str, str] = {}
    folders = [folder]
    try:
        while folders:
            for entry in os.scandir(folders.pop()):
                name = Path(entry.path).relative_to(folder).as_posix()
                if what := _find_strangeness(entry):
                    strange[as_text(name)] = what
                elif entry.is_dir():
                    folders.append(Path(entry.path))
                else:
                    plain.append(name)
    except OSError as error:
        raise InputError(
            f"{error.filename}: cannot be listed ({error.strerror}): make it readable (chmod u+rx)"
        ) from error
    return sorted(plain), dict(sorted(strange.items()))


def _find_strangeness(entry: "os.DirEntry[str]") -> str:
    if entry.is_symlink():
        return "a link"
    if entry.name.startswith("."):
        return "a hidden file"
    if not entry.name.isprintable() or "\\" in entry.name:
        return "a file with a name that cannot be written in one line"
    if not entry.is_dir() and not entry.is_file():
        return "no plain file"
    return "" if os.access(entry.path, os.R_OK) else "a file that may not be read"


def hash_file(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Digests:
    """The sha256 of files in a folder, computed on threads while something else is done.

    Use it in a ``with``: at its end, what was not asked for is given up.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(_NUM_READERS)
        self._found: dict[str, Future[str]] = {}

    def start(self, names: Iterable[str]) -> None:
        """Begin with some files, in their order; then each is there when it is asked for."""
        for name in names:
            if name not in self._found:
                self._found[name] = self._pool.submit(hash_file, self._folder / name)

    def __getitem__(self, name: str) -> str:
        self.start([name])
        return self._found[name].result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def write_sums(folder: Path) -> dict[str, str]:
    """Write SHA256SUMS of every file in ``folder`` but UNSUMMED, sorted by path, and return them.

    Raises:
        InputError: the folder holds what a release must not: a link, a device, a hidden file.
    """
    plain, strange = list_files(folder)
    for name, what in strange.items():
        raise InputError(f"{folder}: {name} is {what}, which no release may hold: remove it")
    sums = {name: hash_file(folder / name) for name in plain if name not in UNSUMMED}
    with write_output(folder / SUMS) as partial:
        lines = (f"{sha256}  {name}\n" for name, sha256 in sums.items())
        partial.write_text("".join(lines), encoding="utf-8")
    return sums


def read_sums(folder: Path) -> dict[str, str]:
    """Read SHA256SUMS: path in the folder to sha256.

    Raises:
        InputError: there is none, or it is not as ``write_sums`` writes it.
    """
    path = folder / SUMS
    check_source(path)
    sums: dict[str, str] = {}
    for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").split("\n"), 1):
        if not line:
            continue
        found = _LINE.fullmatch(line)
        if not found or found[2] in sums or not _is_inside(found[2]):
            raise InputError(
                f"{path}: line {number} is not '<sha256>  <path in this folder>', each path once: "
                "fetch the release again"
            )
        sums[found[2]] = found[1]
    return sums


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    is_hidden = any(part.startswith(".") for part in path.parts)  # ".." too
    return str(path) == name and not path.is_absolute() and not is_hidden


def as_text(name: str) -> str:
    """Return a name with everything but printable characters written out."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)
