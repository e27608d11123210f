"""Which files a source holds: a tree of clips, tars of clips, or both.

Sources come from others and are not trusted. Nothing is followed out of the tree, and nothing of a
tar is written under the name that it brings. What is not looked at for such a reason is listed all
the same, with the reason.
"""

import os
import re
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from toolkit.errors import InputError, TruncatedError

UNSAFE, UNREADABLE = "unsafe", "unreadable"

_VIDEO_SUFFIX = re.compile(
    r"\.(mp4|m4v|mov|mkv|webm|avi|flv|ts|m2ts|mpg|mpeg|wmv|ogv)", re.IGNORECASE
)
_PACKED_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_PACKED = (
    "clips of a compressed tar cannot be read one by one: uncompress it first (gunzip leaves a "
    ".tar, hardly larger)"
)
_END_OF_TAR = bytes(512)
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """A clip's file, or a member of a tar.

    Attributes:
        path: of the file, relative to the root of the source, with ``/`` between its parts.
        member: its name in the tar ``path``, None where it lies in the tree itself.
        mtime_ns: of the file, or of the tar.
        offset: where a member's content begins in its tar.
        problem, detail: why it must not be looked at; empty where it may.
    """

    path: str
    member: str | None = None
    size_bytes: int = 0
    mtime_ns: int = 0
    offset: int = 0
    problem: str = ""
    detail: str = ""

    @property
    def name(self) -> PurePosixPath:
        """Path and member as one."""
        return PurePosixPath(self.path, *PurePosixPath(self.member or "").parts)

    @property
    def folder(self) -> str:
        """The folder it lies in, within its tar if in one; empty at the root."""
        return PurePosixPath(self.path if self.member is None else self.member).parent.name


@dataclass(frozen=True)
class Source:
    """What was found.

    Attributes:
        root: the folder that paths are relative to.
        files: videos by their names, and what must not be looked at; sorted by path.
        num_others: files that are no videos by their names, and hidden ones.
    """

    root: Path
    files: list[SourceFile]
    num_others: int


def list_source(path: Path) -> Source:
    """List the files of a folder, or of one tar.

    Raises:
        InputError: there is no such folder or tar, or a folder in it may not be read.
    """
    is_tar = path.is_file() and path.suffix == ".tar"
    if not is_tar and not path.is_dir():
        detail = (
            _PACKED if path.name.lower().endswith(_PACKED_TARS) else "name what holds the clips"
        )
        raise InputError(f"{path} is neither a folder nor a .tar: {detail}")
    if is_tar:
        root, found = path.parent, list(_list_tar(path, path.name))
    else:
        root, found = path, [file for inner in _walk(path) for file in _list_file(path, inner)]
    files = [file for file in found if file]
    files.sort(key=lambda file: (file.path, file.offset))
    return Source(root, files, len(found) - len(files))


@contextmanager
def open_content(root: Path, file: SourceFile) -> Iterator[Path]:
    """Give a path under which the content of ``file`` can be read while the block runs.

    A member of a tar is copied to a temporary file without a name, so that nothing is left behind.

    Raises:
        TruncatedError: the tar ends within the member.
        InputError: the tar cannot be read, or the temporary folder is full.
    """
    if file.member is None:
        yield root / file.path
        return
    with tempfile.TemporaryFile(prefix="m2m-") as copy:
        try:
            with (root / file.path).open("rb") as tar:
                tar.seek(file.offset)
                for start in range(0, file.size_bytes, _CHUNK_BYTES):
                    size = min(_CHUNK_BYTES, file.size_bytes - start)
                    if copy.write(tar.read(size)) < size:
                        raise TruncatedError(f"{file.path} ends within the member {file.member}")
            copy.flush()
        except OSError as error:
            raise InputError(
                f"{file.path}: a member cannot be copied to {tempfile.gettempdir()} "
                f"({error.strerror}): see that it can be read, and that there is room"
            ) from error
        yield Path(f"/proc/self/fd/{copy.fileno()}")


def _walk(root: Path) -> Iterator[Path]:
    """Yield files and links; links to folders are not followed."""

    def refuse(error: OSError) -> None:
        raise InputError(
            f"{error.filename}: cannot be listed ({error.strerror}): make it readable (chmod u+rx)"
        ) from error

    for folder, subfolders, names in os.walk(root, onerror=refuse):
        links = [name for name in subfolders if Path(folder, name).is_symlink()]
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        yield from (Path(folder, name) for name in (*names, *links))


def _list_file(root: Path, path: Path) -> Iterator[SourceFile | None]:
    """Yield what a path of the tree holds; None for what is no clip."""
    name = path.relative_to(root).as_posix()
    if path.is_symlink() and (fault := _find_link_fault(root, path)):
        yield SourceFile(_as_text(name), problem=UNSAFE, detail=fault)
        return
    if path.is_dir() or path.name.startswith("."):
        yield None
        return
    if path.name.lower().endswith(_PACKED_TARS):
        yield SourceFile(_as_text(name), problem=UNREADABLE, detail=_PACKED)
        return
    is_tar = path.suffix == ".tar"
    if not is_tar and not _VIDEO_SUFFIX.fullmatch(path.suffix):
        yield None
        return
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        yield SourceFile(_as_text(name), problem=UNSAFE, detail="not a regular file")
    elif _as_text(name) != name:
        yield SourceFile(_as_text(name), problem=UNSAFE, detail="its name is not UTF-8: rename it")
    elif is_tar:
        yield from _list_tar(path, name)
    else:
        yield SourceFile(name, None, status.st_size, status.st_mtime_ns)


def _find_link_fault(root: Path, link: Path) -> str:
    if not link.exists():
        return "a link that leads nowhere"
    if not link.resolve().is_relative_to(root.resolve()):
        return "a link that leads out of the source: copy there what it leads to"
    return ""


def _list_tar(path: Path, name: str) -> Iterator[SourceFile | None]:
    """Yield the members of a tar, and a finding where its list cannot be read to the end."""
    try:
        mtime_ns = path.stat().st_mtime_ns
        with tarfile.open(path, "r:", encoding="utf-8") as tar:
            end = -1
            while (info := tar.next()) is not None:
                if info.offset <= end or info.size < 0:
                    raise tarfile.ReadError(f"a broken header at byte {info.offset}")
                end = info.offset
                yield _list_member(info, name, mtime_ns)
            # tarfile takes a header that it cannot read for the end.
            with path.open("rb") as file:
                file.seek(tar.offset)
                if file.read(len(_END_OF_TAR)) != _END_OF_TAR:
                    raise tarfile.ReadError(f"no header and no end mark at byte {tar.offset}")
    except (tarfile.TarError, OSError, ValueError, ArithmeticError) as error:
        detail = f"the tar cannot be read to its end ({error}): fetch it again"
        yield SourceFile(name, problem=UNREADABLE, detail=detail)


def _list_member(info: tarfile.TarInfo, path: str, mtime_ns: int) -> SourceFile | None:
    name = PurePosixPath(info.name)
    member = _as_text(str(name))
    if name.is_absolute() or ".." in name.parts:
        detail = "a member whose name leads out of the tar"
    elif info.isdir():
        return None
    elif not info.isreg() or info.issparse():
        detail = "a member that is no plain file (a link, a device, a file with holes)"
    elif member != str(name):
        detail = "a member whose name is not UTF-8"
    elif name.name.startswith(".") or not _VIDEO_SUFFIX.fullmatch(name.suffix):
        return None
    else:
        return SourceFile(path, member, info.size, mtime_ns, info.offset_data)
    return SourceFile(path, member, problem=UNSAFE, detail=detail)


def _as_text(name: str) -> str:
    """Return a name that can be stored: bytes that are not UTF-8 are written out."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
