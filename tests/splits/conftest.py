"""Lists as tests write them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from toolkit.splits.check import CheckedSet, check_splits

WriteList = Callable[..., Path]
CheckLists = Callable[..., CheckedSet]


@pytest.fixture
def write_list(tmp_path) -> WriteList:
    """Write rows as PATH;LABEL lines, or bytes as they are."""

    def write(name: str, rows: Sequence[tuple[str, object]] | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if not isinstance(rows, bytes):
            rows = "".join(f"{clip};{label}\n" for clip, label in rows).encode()
        path.write_bytes(rows)
        return path

    return write


@pytest.fixture
def check_lists(write_list) -> CheckLists:
    """Check lists of one folder, given by their splits."""

    def check(**splits: Sequence[tuple[str, object]] | bytes) -> CheckedSet:
        paths = [write_list(f"{split}.csv", rows) for split, rows in splits.items()]
        (checked,) = check_splits(paths)
        return checked

    return check
