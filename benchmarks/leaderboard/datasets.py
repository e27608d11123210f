"""The data sets that a board knows: their digest, and what is known of the privacy of each.

``BOARD/datasets.json`` has a record of each version. Its digest is computed from the release, so
that an entry cannot name a version and have been trained on another one.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.clips import open_clips
from toolkit.errors import InputError
from toolkit.files import make_folder, write_output
from toolkit.privacy.report import Profile, make_profile
from toolkit.release.croissant import CROISSANT, read_version
from toolkit.release.provenance import MANIFEST, read_statement, release_name

DATASETS = "datasets.json"
_ID = re.compile(r"(?:([\w.-]+)/)?([A-Za-z0-9][\w.-]*)@v?(\d+\.\d+\.\d+)")


@dataclass(frozen=True)
class Privacy:
    """What is known of the privacy of a release (``docs/privacy.md``).

    Attributes:
        bound: at most this share of its clips shows somebody (95%): by people who looked, else by
            planted leaks.
        source: what the bound rests on.
        leaks_caught, leaks_planted: of the leaks planted on purpose.
        attack: figures of an attack, as its author reports them.
    """

    bound: float
    source: str
    leaks_caught: int = 0
    leaks_planted: int = 0
    attack: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Dataset:
    """A version of a release.

    Attributes:
        hub_id: ORGANISATION/NAME; the name alone where it is on no Hub.
        digest: of the clips that are trained on (``benchmarks.clips.ClipSet``).
        privacy: None where nobody has measured it.
    """

    name: str
    version: str
    hub_id: str
    digest: str
    privacy: Privacy | None

    @property
    def key(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"


def describe_dataset(
    dataset_id: str, folder: Path, *, reviews: Path, attack: Path | None, shows_people: bool
) -> Dataset:
    """Return the record of a release that lies here.

    Args:
        dataset_id: [ORGANISATION/]NAME@vX.Y.Z.
        folder: of the release, or of its tars alone.
        reviews: where verdicts of people are kept.
        attack: JSON of an attack, of any shape.
        shows_people: whether its clips show the people filmed, so that all may show somebody.

    Raises:
        InputError: the id has another form, or the release says another name or version of itself.
    """
    found = _ID.fullmatch(dataset_id)
    if not found:
        raise InputError(f"{dataset_id!a} is no data set: name it [ORGANISATION/]NAME@vX.Y.Z")
    organisation, name, version = found.groups()
    is_release = (folder / MANIFEST).is_file()
    own = [(release_name(read_statement(folder)), name)] if is_release else []
    if (folder / CROISSANT).is_file():
        own.append((read_version(folder), version))
    for said, told in own:
        if said != told:
            raise InputError(f"{folder} says that it is {said}, not {told}: name it as it does")
    if shows_people:
        privacy: Privacy | None = Privacy(1.0, "it shows the people filmed")
    elif is_release:
        privacy = _summarise(make_profile(folder, reviews, attack=attack))
    else:
        privacy = None
    digest = open_clips(folder, "train").digest
    hub_id = f"{organisation}/{name}" if organisation else name
    return Dataset(name, version, hub_id, digest, privacy)


def _summarise(profile: Profile) -> Privacy:
    review, planted = profile.review, profile.recall["all"]
    if review:
        visible = review.visible
        bound = visible.upper_bound
        source = f"people saw somebody in {visible.count} of {visible.total} clips"
    else:
        bound, source = profile.leak_bound, "leaks planted into clips of synthetic actors"
    attack = dict(profile.attack) or None
    return Privacy(bound, source, planted.count, planted.total, attack)


def read_datasets(board: Path) -> dict[str, Dataset]:
    """Return the data sets of a board by NAME@VERSION; none where it has no record.

    Raises:
        InputError: the record is not as ``add_dataset`` writes it.
    """
    path = board / DATASETS
    if not path.exists():
        return {}
    try:
        records: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
        found = [
            Dataset(**record | {"privacy": record["privacy"] and Privacy(**record["privacy"])})
            for record in records
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} is no record of data sets ({error}): remove it, and add them again with  "
            "python -m benchmarks.leaderboard dataset"
        ) from error
    return {dataset.key: dataset for dataset in found}


def add_dataset(board: Path, dataset: Dataset) -> None:
    """Add a data set to the record of a board; what is known of its privacy may be told anew.

    Raises:
        InputError: that version is there with another digest, or the board cannot be written.
    """
    make_folder(board)
    known = read_datasets(board)
    before = known.get(dataset.key)
    if before and before.digest != dataset.digest:
        raise InputError(
            f"{dataset.key} has the digest {before.digest} on {board}, and this is "
            f"{dataset.digest}: what changed needs another version"
        )
    known[dataset.key] = dataset
    records = [asdict(known[key]) for key in sorted(known)]
    with write_output(board / DATASETS) as partial:
        partial.write_text(json.dumps(records, indent=1) + "\n", "utf-8")
