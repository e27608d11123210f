"""A tar of very many members, each well-formed, with a name of its own, and empty."""

import tarfile
from pathlib import Path

import numpy as np

_DIGITS = 10
_MANY = 100_000


def write_bomb(path: Path, num_members: int) -> None:
    """Write a tar of empty members 0000000000.mp4, 0000000001.mp4, ..."""
    member = tarfile.TarInfo("0" * _DIGITS + ".mp4")
    member.mode = 0o644
    header = np.frombuffer(member.tobuf(tarfile.USTAR_FORMAT), np.uint8)
    total = int(header[148:154].tobytes(), 8)
    with path.open("wb") as file:
        for begin in range(0, num_members, _MANY):
            numbers = np.arange(begin, min(begin + _MANY, num_members))[:, None]
            digits = numbers // 10 ** np.arange(_DIGITS)[::-1] % 10
            sums = (total + digits.sum(1, keepdims=True)) // 8 ** np.arange(6)[::-1] % 8
            blocks = np.tile(header, (len(numbers), 1))
            blocks[:, :_DIGITS] += digits.astype(np.uint8)
            blocks[:, 148:154] = ord("0") + sums
            file.write(blocks)
        file.write(bytes(2 * tarfile.BLOCKSIZE))
        file.write(bytes(-file.tell() % tarfile.RECORDSIZE))
