"""Shards: WebDataset tars of clips, the unit of storage, work, resume and distribution.

A sample is a key and a few named parts (``mp4``, ``json``, ``cls``); in the tar they lie one after
the other as ``KEY.EXT``. The same samples always give the same bytes. Beside ``NAME.tar`` lies
``NAME.index.json``: the sha256 of the tar, and where each part is, so that one clip can be read or
checked without the others.

Tars come from anywhere: reading one opens nothing that it names, and refuses what is not a plain
file named like a part.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from toolkit.clip import CLIP_ID_RULE, is_clip_id
from toolkit.errors import InputError
from toolkit.files import check_source, write_output

_EXTENSION = re.compile(r"[a-z0-9]{1,16}")
_MODE = 0o644


class ShardError(InputError):
    """A shard is damaged, or is not what it says."""


@dataclass(frozen=True)
class Sample:
    """One clip in a shard.

    Attributes:
        key: its id; a dot would end the key, so it has none.
        parts: extension to content.
    """

    key: str
    parts: Mapping[str, bytes]

    @property
    def sha256(self) -> str:
        """The digest of the sample (``sample_sha256``)."""
        return sample_sha256(
            {name: hashlib.sha256(content).hexdigest() for name, content in self.parts.items()}
        )


@dataclass(frozen=True)
class Part:
    """Where a part of a sample is in its tar: ``size`` bytes from byte ``offset`` on."""

    key: str
    extension: str
    offset: int
    size: int
    sha256: str


@dataclass(frozen=True)
class ShardIndex:
    """What a shard holds: written beside it, before the tar gets its name.

    Attributes:
        sha256, size: of the tar.
        parts: in the order of the tar.
    """

    sha256: str
    size: int
    parts: tuple[Part, ...]

    @property
    def keys(self) -> list[str]:
        """The samples, in the order of the tar."""
        return [key for key, _ in groupby(part.key for part in self.parts)]

    @property
    def sample_digests(self) -> dict[str, str]:
        """The digest of each sample (``sample_sha256``)."""
        return {
            key: sample_sha256({part.extension: part.sha256 for part in parts})
            for key, parts in groupby(self.parts, key=lambda part: part.key)
        }


def sample_sha256(digests: Mapping[str, str]) -> str:
    """Return the digest of a sample: sha256 of a line ``EXT SHA256`` for each part, sorted.

    Args:
        digests: extension to the sha256 of the part.
    """
    lines = "".join(f"{extension} {digest}\n" for extension, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def shard_name(split: str, number: int, num_shards: int) -> str:
    """Return the name of a split's shard, such as ``train-00003-of-00012.tar``."""
    return f"{split}-{number:05d}-of-{num_shards:05d}.tar"


def index_path(shard: Path) -> Path:
    """Return where the index of a shard is."""
    return shard.with_suffix(".index.json")


def write_shard(shard: Path, samples: Iterable[Sample]) -> ShardIndex:
    """Write a tar and its index; ``shard`` is there only when both are whole.

    Args:
        shard: the tar to write.
        samples: sorted by key, each key once; parts are sorted by extension here.

    Raises:
        ShardError: a key or an extension breaks its rule, or the keys are not sorted.
        InputError: ``shard`` cannot be written.
    """
    parts: list[Part] = []
    with write_output(shard) as partial:
        with tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
            for sample in samples:
                if parts and sample.key <= parts[-1].key:
                    raise ShardError(
                        f"{shard}: {sample.key} comes after {parts[-1].key}: a shard holds each "
                        "key once, in order: sort the samples"
                    )
                for extension, content in sorted(sample.parts.items()):
                    parts.append(_add(tar, shard, sample.key, extension, content))
        return _write_index(shard, partial, parts)


def write_index(shard: Path) -> ShardIndex:
    """Write the index of a tar that is there, from the tar.

    Raises:
        ShardError: it is no shard.
    """
    parts = [
        Part(key, extension, offset, len(content), hashlib.sha256(content).hexdigest())
        for key, extension, content, offset in _read_parts(shard)
    ]
    return _write_index(shard, shard, parts)


def _write_index(shard: Path, content: Path, parts: Sequence[Part]) -> ShardIndex:
    with content.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    index = ShardIndex(sha256, content.stat().st_size, tuple(parts))
    with write_output(index_path(shard)) as partial:
        partial.write_text(json.dumps(asdict(index), indent=1) + "\n", encoding="utf-8")
    return index


def _add(tar: tarfile.TarFile, shard: Path, key: str, extension: str, content: bytes) -> Part:
    name = f"{key}.{extension}"
    if _split(name) != (key, extension):
        raise ShardError(
            f"{shard}: {name!a} is no name of a part: a key is {CLIP_ID_RULE}, an extension up to "
            "16 of a-z and 0-9"
        )
    member = tarfile.TarInfo(name)  # owner, group and time are 0 unless set
    member.size, member.mode = len(content), _MODE
    tar.addfile(member, io.BytesIO(content))
    offset = tar.offset - -(-len(content) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    return Part(key, extension, offset, len(content), hashlib.sha256(content).hexdigest())


def read_index(shard: Path) -> ShardIndex:
    """Return the index of a shard.

    Raises:
        ShardError: it is missing or is no index.
    """
    path = index_path(shard)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        parts = tuple(Part(**part) for part in values.pop("parts"))
        return ShardIndex(**values, parts=parts)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ShardError(
            f"{path} is missing or is no index of a shard ({error}): fetch it or write the shard "
            "again"
        ) from error


def read_shard(shard: Path) -> Iterator[Sample]:
    """Yield the samples of a tar, in its order; an index is not needed.

    Raises:
        ShardError: it is no tar, or holds something that is no part of a sample.
    """
    for key, parts in groupby(_read_parts(shard), key=lambda part: part[0]):
        yield Sample(key, {extension: content for _, extension, content, _ in parts})


def _read_parts(shard: Path) -> Iterator[tuple[str, str, bytes, int]]:
    """Yield key, extension, content, and the byte that it begins at."""
    check_source(shard)
    try:
        with tarfile.open(shard, "r:") as tar:
            yield from _read_members(tar, shard)
    except tarfile.TarError as error:
        raise ShardError(f"{shard} is no tar, or is cut off ({error}): fetch it again") from error


def _read_members(tar: tarfile.TarFile, shard: Path) -> Iterator[tuple[str, str, bytes, int]]:
    seen: set[str] = set()
    last_key = ""
    for member in tar:
        key, extension = _split(member.name)
        if not key or not member.isreg() or member.issparse():
            raise ShardError(
                f"{shard} holds {member.name!r}, which is no plain file named KEY.EXT: a shard "
                "holds nothing else; do not unpack it"
            )
        if member.name in seen or (key != last_key and key in seen):
            raise ShardError(f"{shard} holds {member.name} twice, or not beside its other parts")
        seen |= {member.name, key}
        last_key = key
        file = tar.extractfile(member)
        content = file.read() if file else b""
        if len(content) != member.size:
            raise tarfile.ReadError(f"{member.name} ends early")
        yield key, extension, content, member.offset_data
    with shard.open("rb") as end:
        end.seek(tar.offset)
        if end.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it has no end mark")


def _split(name: str) -> tuple[str, str]:
    """Return key and extension, both empty where the name is none of a part."""
    key, _, extension = name.partition(".")
    is_part = is_clip_id(key) and _EXTENSION.fullmatch(extension)
    return (key, extension) if is_part else ("", "")


def read_sample(shard: Path, key: str) -> Sample:
    """Return one sample, read by the index and checked against it.

    Raises:
        ShardError: it is not there, or not as the index says.
    """
    found = [part for part in read_index(shard).parts if part.key == key]
    if not found:
        raise ShardError(f"{shard} has no {key}: look for it in the manifest")
    return Sample(key, {part.extension: read_part(shard, part) for part in found})


def read_part(shard: Path, part: Part) -> bytes:
    """Return one part of a sample, checked against what the index says of it.

    Raises:
        ShardError: it is something else.
    """
    check_source(shard)
    with shard.open("rb") as file:
        file.seek(part.offset)
        content = file.read(part.size)
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise ShardError(
            f"{shard}: {part.key}.{part.extension} is not what the index says "
            f"(sha256 {part.sha256[:12]}…): fetch the shard again"
        )
    return content


def is_finished(shard: Path) -> bool:
    """Whether a shard is there, whole, and as its index says: nothing has to be done again."""
    if not shard.is_file() or not index_path(shard).is_file():
        return False
    with shard.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == read_index(shard).sha256
