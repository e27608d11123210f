"""Where every byte of a shard belongs, so that a damaged byte names the clip that it hits.

A shard is written in one way only (``toolkit.shards``): for each part a header, its content,
zeros up to a block; at the end zeros. What differs from that was changed.
"""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from toolkit.clip import is_clip_id
from toolkit.shards import Part, ShardError, ShardIndex, index_path, read_index, read_shard

_BLOCK = tarfile.BLOCKSIZE
_MODE = 0o644
_CHUNK_BYTES = 1 << 20
_SIZE_AT, _SUM_AT = 124, 148


def _make_empty_header() -> bytes:
    member = tarfile.TarInfo("")
    member.mode = _MODE
    return member.tobuf(tarfile.USTAR_FORMAT)


_EMPTY = _make_empty_header()
_EMPTY_SUM = int(_EMPTY[_SUM_AT : _SUM_AT + 6], 8) - 11 * ord("0")  # without a size
_MAX_PARTS, _MAX_PART_BYTES, _MIN_CLIPS = 16, 1024, 1000
"""Of a clip; of a part in an index; and clips that are always read of a tar."""


def read_parts(shard: Path) -> Iterator[Part]:
    """Yield what a tar holds, in its order, at the offsets where a written shard has it.

    Raises:
        ShardError: as ``toolkit.shards.read_shard``.
    """
    end = 0
    for sample in read_shard(shard):
        for extension, content in sample.parts.items():
            sha256 = hashlib.sha256(content).hexdigest()
            part = Part(sample.key, extension, end + _BLOCK, len(content), sha256)
            yield part
            end = _end_of(part)


def count_max_parts(num_clips: int) -> int:
    """Return how many parts a tar may have, by the clips that the manifest has in it.

    Where that is few, it may have more: then what is too much can be named clip by clip.
    """
    return _MAX_PARTS * max(num_clips, _MIN_CLIPS)


def read_safe_index(shard: Path, num_clips: int) -> ShardIndex:
    """Return the index of a shard, with nothing in it that leads out of the tar.

    Args:
        shard: the tar.
        num_clips: that the manifest has in it; a far larger index is not read.

    Raises:
        ShardError: it is missing, too large, no index, or leads out of the tar.
    """
    path = index_path(shard)
    if path.is_file() and path.stat().st_size > _MAX_PART_BYTES * count_max_parts(num_clips):
        raise ShardError(f"{path} is too large for the index of {num_clips} clips")
    try:
        index = read_index(shard)
    except RecursionError as error:
        raise ShardError(f"{index_path(shard)} is no index of a shard (nested too deep)") from error
    size = shard.stat().st_size
    if not isinstance(index.sha256, str):
        raise ShardError(f"{index_path(shard)} has no sha256 of its tar")
    for part in index.parts:
        names_are_text = isinstance(part.key, str) and isinstance(part.extension, str)
        sizes_are_numbers = type(part.offset) is int and type(part.size) is int
        if (
            not (names_are_text and sizes_are_numbers and is_clip_id(part.key))
            or not part.extension.isascii()
            or min(part.offset - _BLOCK, part.size) < 0
            or part.offset + part.size > size
        ):
            raise ShardError(f"{index_path(shard)} names a part that its tar cannot hold")
    return index


def hash_parts(shard: Path, parts: Iterable[Part]) -> Iterator[Part]:
    """Yield parts with the sha256 of what is at their places in the tar."""
    with shard.open("rb") as file:
        for part in parts:
            file.seek(part.offset)
            yield replace(part, sha256=hashlib.sha256(file.read(part.size)).hexdigest())


def find_damage(shard: Path, parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
    """Yield key and what is wrong for each part that is not written as a shard is.

    The key is empty for what comes after the last part. Contents are not looked at.
    """
    end = 0
    with shard.open("rb") as file:
        for part in parts:
            file.seek(part.offset - _BLOCK)
            if part.offset != end + _BLOCK or file.read(_BLOCK) != _make_header(part):
                yield (
                    part.key,
                    f"the header of {part.key}.{part.extension} is not as it was written",
                )
            content_end, end = part.offset + part.size, _end_of(part)
            file.seek(content_end)
            if any(file.read(end - content_end)):
                yield part.key, f"there are bytes behind {part.key}.{part.extension}"
        file.seek(end)
        padded = -(-(end + 2 * _BLOCK) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE
        rest = iter(lambda: file.read(_CHUNK_BYTES), b"")
        if shard.stat().st_size != padded or any(any(chunk) for chunk in rest):
            yield "", "it does not end after its last part as a shard does"


def _end_of(part: Part) -> int:
    return part.offset + -(-part.size // _BLOCK) * _BLOCK


def _make_header(part: Part) -> bytes:
    """Return what tarfile writes before a part: name, size and sum in an else empty header."""
    name, size = f"{part.key}.{part.extension}".encode(), f"{part.size:011o}".encode()
    total = _EMPTY_SUM + sum(name) + sum(size)
    filled = name.ljust(_SIZE_AT, b"\0")[:100] + _EMPTY[100:_SIZE_AT] + size
    return filled + _EMPTY[len(filled) : _SUM_AT] + f"{total:06o}".encode() + _EMPTY[_SUM_AT + 6 :]
