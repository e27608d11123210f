"""Lists of classes in files, and whether two that share a name are the same list.

Two different Kinetics-150 exist: K-NEXUS's and SynAPT's, which have 60 classes in common. Numbers
measured on one say nothing of the other.
"""

import csv
import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from toolkit.errors import InputError
from toolkit.files import check_source

MIXED = "mixed_kinetics_150"
"""The name of the warning."""
NUM_KINETICS_150 = 150
_PAPER_SHA256 = "d1f0d9781ee128b1af2b3f08537bd18bdad461a385618b365020fc6f233ab4d8"
"""``digest_labels`` of the paper's list, which this toolkit does not carry."""


class MixedKinetics150Warning(UserWarning):
    """Lists that are both called Kinetics-150 are not the same."""


@dataclass(frozen=True)
class Overlap:
    """Two lists beside each other: how many classes each has, and how many both have."""

    one: str
    other: str
    num_one: int
    num_other: int
    num_both: int


def read_labels(path: Path) -> tuple[str, ...]:
    """Read the labels of a file, sorted.

    It is a table (CSV) with a column ``label``, as the paper's ``kinetics/val.csv``, in which a
    label may be in many rows; or the ``classes.json`` of a build or a release; or text with one
    label a line, each of them once.

    Raises:
        InputError: it cannot be read, names no class, or names one twice; one line.
    """
    check_source(path)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({error}): name a list") from error
    if path.suffix == ".json":
        labels = _read_json(path, text)
    else:
        rows = list(csv.reader(text.splitlines()))
        heads = rows[0] if rows else []
        if "label" in heads:
            column = heads.index("label")
            found = {row[column].strip() for row in rows[1:] if len(row) > column}
            labels = sorted(found - {""})
        else:
            labels = [line.strip() for line in text.splitlines() if line.strip()]
    _check_labels(path, labels)
    return tuple(sorted(labels))


def _read_json(path: Path, text: str) -> list[str]:
    try:
        labels = json.loads(text)["classes"]
        return [str(label) for label in labels]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f'{path}: has no list "classes": name a classes.json') from error


def _check_labels(path: Path, labels: Sequence[str]) -> None:
    if not labels:
        raise InputError(f"{path}: names no class: name a list that does")
    seen: set[str] = set()
    for label in labels:
        if label in seen:
            raise InputError(f"{path}: class '{label}' is there twice: remove one of the lines")
        seen.add(label)


def digest_labels(labels: Sequence[str]) -> str:
    """Return the sha256 of a list: of its labels, sorted, each with a line end."""
    return hashlib.sha256("".join(f"{label}\n" for label in sorted(labels)).encode()).hexdigest()


def name_list(labels: Sequence[str]) -> str:
    """Return what a list is known as, or an empty text."""
    return "Kinetics-150 of K-NEXUS" if digest_labels(labels) == _PAPER_SHA256 else ""


def compare_lists(lists: Mapping[str, Sequence[str]]) -> list[Overlap]:
    """Return each two lists beside each other."""
    return [
        Overlap(one, other, len(set(a)), len(set(b)), len(set(a) & set(b)))
        for (one, a), (other, b) in combinations(lists.items(), 2)
    ]


def find_mixed(lists: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each two lists of 150 classes that are not the same."""
    return [
        f"{MIXED}: {pair.one} and {pair.other} are both of 150 classes, and share {pair.num_both}: "
        "these are different data sets (K-NEXUS's and SynAPT's share 60); compare results of one"
        for pair in compare_lists(lists)
        if pair.num_one == pair.num_other == NUM_KINETICS_150 and pair.num_both < NUM_KINETICS_150
    ]


def warn_if_mixed(lists: Mapping[str, Sequence[str]]) -> None:
    """Warn (``MixedKinetics150Warning``) where a benchmark is about to mix them.

    Args:
        lists: what they are called in the benchmark, to their labels.
    """
    for line in find_mixed(lists):
        warnings.warn(line, MixedKinetics150Warning, stacklevel=2)
