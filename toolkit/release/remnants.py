"""Where the files of a project still tell of clips that were taken down, and what removes them.

Every file is looked into, whatever it is for: of a tar the names of its members, of a Parquet file
all values, of any other its text. So files are found that no stage knows of any more, too.
"""

import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from toolkit.errors import InputError
from toolkit.journal import drop_lines
from toolkit.parquet import import_pyarrow
from toolkit.release.takedown_list import TakedownList
from toolkit.stages.kept import drop_clips
from toolkit.stages.project import Project

_PARQUET = b"PAR1"
_CHUNK_BYTES, _OVERLAP_BYTES = 1 << 24, 128


def find_remnants(project: Project, cache: Path, takedowns: TakedownList) -> Iterator[Path]:
    """Yield each file that tells of a clip that was taken down.

    Args:
        project: all of its folder but the source, which is the user's own, and ``.git``.
        cache: DVC's, wherever it lies.
        takedowns: what to look for.

    Raises:
        InputError: a file cannot be read, so that nobody knows.
    """
    outside = {project.source.resolve(), (project.root / ".git").resolve()}
    for path in _walk([project.root, cache], outside):
        try:
            texts = chain([path.name], read_texts(path))
            if path.is_file() and any(map(takedowns.is_told_by, texts)):
                yield path
        except OSError as error:
            raise InputError(
                f"{path}: cannot be read ({error.strerror}), and may tell of a clip that was taken "
                "down: make it readable (chmod u+r)"
            ) from error


def _walk(roots: list[Path], outside: set[Path]) -> Iterator[Path]:
    """Yield files below folders, each once; links to folders are followed, for work/ may be one."""
    seen = set(outside)
    for root in roots:
        for folder, subfolders, names in os.walk(root, followlinks=True):
            place = Path(folder).resolve()
            if place in seen:
                subfolders.clear()
                continue
            seen.add(place)
            subfolders.sort()
            yield from (Path(folder, name) for name in sorted(names))


def read_texts(path: Path) -> Iterator[str]:
    """Yield all in a file that may name a clip, in pieces; also of one that is cut off."""
    with path.open("rb") as file:
        is_parquet = file.read(len(_PARQUET)) == _PARQUET
    pa, pq = import_pyarrow()
    try:
        if is_parquet:
            for batch in pq.ParquetFile(path).iter_batches():
                yield json.dumps(batch.to_pylist(), default=str)
        else:
            with tarfile.open(path, "r:") as tar:
                yield from (member.name for member in tar)
    except (tarfile.TarError, ValueError, pa.ArrowException):
        yield from _read_raw(path)


def _read_raw(path: Path) -> Iterator[str]:
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield (rest + chunk).decode("latin-1")
            rest = chunk[-_OVERLAP_BYTES:]


def clean_work(project: Project, takedowns: TakedownList) -> list[Path]:
    """Write the shards of all stages anew without the clips; returns those that had any."""
    work = project.root / "work"
    folders = sorted({path.parent for path in (*work.glob("*/parts"), *work.glob("*/*/parts"))})
    return [shard for folder in folders for shard in drop_clips(folder, takedowns.has)]


def remove_remnant(path: Path, project: Project, cache: Path, takedowns: TakedownList) -> bool:
    """Remove a file that tells of a clip, if it can be made again; returns whether it is gone.

    A release goes as a whole, for a part of one is none; of a journal the lines that tell go.
    """
    release = project.root / "release"
    if not path.exists():  # it went with its release
        return True
    if path.is_relative_to(release) and path.parent != release:
        shutil.rmtree(release / path.relative_to(release).parts[0])
    elif path.is_relative_to(project.root / "work") and path.suffix == ".jsonl":
        drop_lines(path, takedowns.is_told_by)
    elif path.is_relative_to(project.root / "work") or path.resolve().is_relative_to(
        cache.resolve()
    ):
        path.unlink()
    else:
        return False
    return True
