"""What may be read, where output may go, and output that appears whole or not at all."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.errors import FREE_SPACE, InputError


def check_paths(source: Path, *outs: Path) -> None:
    """Check before any work that ``source`` can be read, and each of ``outs`` written beside it.

    Raises:
        InputError: One line that names the path, what is wrong with it and what to do.
    """
    check_source(source)
    for index, out in enumerate(outs):
        check_out(out)
        if out.exists() and out.samefile(source):
            raise InputError(
                f"OUT {out} is IN {source} itself: IN is never changed, name another OUT"
            )
        if out.resolve() in (other.resolve() for other in outs[:index]):
            raise InputError(f"{out} is to be written twice: give each output a name of its own")


def check_source(source: Path) -> None:
    """Check that ``source`` is a local, readable file that is not empty.

    Raises:
        InputError: One line that says what to do.
    """
    try:
        status = source.stat()
    except OSError as error:
        raise InputError(
            f"{source}: cannot be read ({error.strerror}): check the path (a local file)"
        ) from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{source} is a folder: name one video file in it")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{source} is not a regular file: copy the video to a file first")
    if status.st_size == 0:
        raise InputError(f"{source} is empty: fetch or copy it again")
    if not os.access(source, os.R_OK):
        raise InputError(f"{source} may not be read: change its permissions (chmod u+r)")


def check_out(out: Path) -> None:
    """Check that a file can be made at ``out``; one that is there already will be replaced.

    Raises:
        InputError: One line that says what to do.
    """
    try:
        is_there, is_file, is_folder = out.exists(), out.is_file(), out.is_dir()
    except OSError as error:
        raise InputError(_explain(error, out)) from error
    folder = out.parent
    if is_folder:
        raise InputError(f"OUT {out} is a folder: name a file in it")
    if is_there and not is_file:
        raise InputError(f"OUT {out} is not a regular file: name another OUT")
    if not folder.exists():
        raise InputError(f"the folder of OUT {out} does not exist: make it (mkdir -p {folder})")
    if not folder.is_dir():
        raise InputError(f"{folder}, the folder of OUT {out}, is a file: name another OUT")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"the folder of OUT {out} may not be written: name another OUT")


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where there is none.

    Raises:
        InputError: One line that says what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be made ({error.strerror}): name another one"
        ) from error


@contextmanager
def write_output(out: Path) -> Iterator[Path]:
    """Give a hidden path beside ``out`` to write to, and rename it to ``out`` at the end.

    ``out`` is either what it was before or complete. The hidden file, ``.NAME.partial``, is
    removed when the block fails; one that a killed run left behind is taken over by the next run.

    Raises:
        InputError: Another run is writing ``out``, the disk is full, or the folder is not
            writable; one line that says what to do.
    """
    partial = out.with_name(f".{out.name}.partial")
    try:
        lock = _open_locked(partial, out)
        try:
            yield partial
            os.fsync(lock)
            partial.replace(out)
            _sync_folder(out.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        finally:
            os.close(lock)
    except OSError as error:
        raise InputError(_explain(error, out)) from error


def _open_locked(partial: Path, out: Path) -> int:
    """Open ``partial`` empty and hold its lock, so that two runs never write the same file."""
    while True:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, partial):
                os.ftruncate(descriptor, 0)
                return descriptor
        except BlockingIOError as error:
            os.close(descriptor)
            raise InputError(
                f"another run is writing {out}: wait for it or name another OUT"
            ) from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its owner has just renamed or removed it: begin again


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(error: OSError, path: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: the disk is full: {FREE_SPACE} or write to another disk"
    if error.errno == errno.EFBIG:
        return f"{path}: larger than this system lets a file be (ulimit -f): raise the limit"
    return f"{path}: cannot be written ({error.strerror}): name another OUT"
