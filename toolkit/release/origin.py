"""download.json: where a folder was downloaded from, and which part of the release it is.

The file is ours, not the release's: SHA256SUMS does not name it, and it is believed only in what it
says of this folder.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import InputError
from toolkit.files import check_source, write_output
from toolkit.release.provenance import DATA
from toolkit.release.sums import ORIGIN
from toolkit.shards import index_path


@dataclass(frozen=True)
class Origin:
    """Where a folder comes from.

    Attributes:
        repo: on the Hub.
        version: vX.Y.Z, a tag of it.
        commit: that the tag named.
        shards: names of the tars that were wanted; None: all of them.
    """

    repo: str
    version: str
    commit: str
    shards: tuple[str, ...] | None

    def leaves_out(self, name: str) -> bool:
        """Whether a file of the release was not to be downloaded."""
        if self.shards is None or not name.startswith(f"{DATA}/"):
            return False
        tars = [Path(DATA, shard) for shard in self.shards]
        return Path(name) not in {*tars, *map(index_path, tars)}


def write_origin(origin: Origin, folder: Path) -> None:
    """Write download.json into a folder."""
    with write_output(folder / ORIGIN) as partial:
        partial.write_text(json.dumps(asdict(origin), indent=1) + "\n", encoding="utf-8")


def read_origin(folder: Path) -> Origin | None:
    """Return where a folder was downloaded from; None where it says nothing of that.

    Raises:
        InputError: it says something else than ``write_origin``.
    """
    path = folder / ORIGIN
    if not path.exists():
        return None
    check_source(path)
    try:
        return _make_origin(**json.loads(path.read_bytes()))
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} is not what m2m download writes: download the release again"
        ) from error


def _make_origin(repo: Any, version: Any, commit: Any, shards: Any) -> Origin:  # noqa: ANN401 - JSON
    names = [] if shards is None else list(shards)
    if not all(isinstance(text, str) for text in (repo, version, commit, *names)):
        raise TypeError
    return Origin(repo, version, commit, None if shards is None else tuple(names))
