"""Data sets that are known by the names of their files, and what their lists must hold."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from toolkit.splits.read import TRAIN, VAL

_VIDEO = re.compile(r"\.(mp4|m4v|mov|mkv|webm|avi|flv|ts|mpg|mpeg|wmv|ogv)$", re.IGNORECASE)
_MIN_SHARE = 0.9

_FOLDER = r"(?:(?:.*/)?(?P<label>[^/]+)/)?"
_HMDB51 = r"_[fhlu]_[cn]m_np[0-9]+_(?:ba|fr|le|ri)_(?:bad|goo|med)_[0-9]+"


@dataclass(frozen=True)
class KnownList:
    """A published list.

    Attributes:
        num_rows: by split; a list called test counts as val.
        num_classes: None where nothing but the rows is known.
    """

    name: str
    num_rows: Mapping[str, int]
    num_classes: int | None


@dataclass(frozen=True)
class DataSet:
    """A data set with names that tell what a clip shows, and where it is from.

    Attributes:
        stem: what the name of each clip looks like, without folder and extension.
        parts: of the path without extension; its groups "group" and "label" are what must not be
            shared by two splits, and the name of the class.
        group: what the group is, such as "subject".
        rule: the same in words.
        within_class: whether published lists keep groups apart within each class only.
        by_classes: whether lists of some classes are common, so that a known list is one with as
            many classes.
    """

    name: str
    title: str
    stem: re.Pattern[str]
    parts: re.Pattern[str]
    group: str
    rule: str
    lists: tuple[KnownList, ...]
    within_class: bool = False
    by_classes: bool = False


DATA_SETS = (
    DataSet(
        name="ucf101",
        title="UCF101",
        stem=re.compile(r"v_[A-Za-z]+_g[0-9]{2}_c[0-9]{2}"),
        parts=re.compile(r"(?:.*/)?v_(?P<group>(?P<label>[A-Za-z]+)_g[0-9]{2})_c[0-9]{2}"),
        group="group",
        rule="v_CLASS_gNN_cNN: clips of one class and gNN are of one video",
        lists=(
            KnownList("split 1", {TRAIN: 9537, VAL: 3783}, 101),
            KnownList("split 2", {TRAIN: 9586, VAL: 3734}, 101),
            KnownList("split 3", {TRAIN: 9624, VAL: 3696}, 101),
        ),
    ),
    DataSet(
        name="hmdb51",
        title="HMDB51",
        stem=re.compile(rf".+{_HMDB51}"),
        parts=re.compile(rf"(?:.*/)?(?P<label>[^/]+)/(?P<group>.+)_(?P=label){_HMDB51}"),
        group="source",
        rule="CLASS/SOURCE_CLASS_...: what stands before the class, as a rule a film",
        within_class=True,
        lists=(KnownList("each official split", {TRAIN: 3570, VAL: 1530}, 51),),
    ),
    DataSet(
        name="diving48",
        title="Diving48",
        stem=re.compile(r"[A-Za-z0-9_-]{11}_[0-9]{5}"),
        parts=re.compile(r"(?:.*/)?(?P<group>[A-Za-z0-9_-]{11})_[0-9]{5}"),
        group="source video",
        rule="VIDEO_NNNNN: the 11 characters of its id on YouTube",
        lists=(KnownList("the paper's list", {TRAIN: 15027, VAL: 1970}, None),),
    ),
    DataSet(
        name="ikeafa",
        title="IkeaFA",
        stem=re.compile(r"GOPR[0-9]{4}_[0-9]{5}_[0-9]{5}_[0-9]{2}"),
        parts=re.compile(rf"{_FOLDER}(?P<group>GOPR[0-9]{{4}})_[0-9]{{5}}_[0-9]{{5}}_[0-9]{{2}}"),
        group="source video",
        rule="CLASS/GOPRNNNN_...: the number that the camera gave the recording",
        lists=(KnownList("the paper's list", {TRAIN: 1781, VAL: 163}, 12),),
    ),
    DataSet(
        name="uav_human",
        title="UAV-Human",
        stem=re.compile(
            r"P[0-9]{3}S[0-9]{2}G[0-9]{2}B[0-9]{2}H[0-9]{2}"
            r"UC[0-9]{6}LC[0-9]{6}A[0-9]{3}R[0-9]_[0-9]{8}"
        ),
        parts=re.compile(r"(?:.*/)?(?P<group>P[0-9]{3})S\w+(?P<label>A[0-9]{3})R[0-9]_[0-9]{8}"),
        group="subject",
        rule="PNNNS..ANNNR..: the number after P is a person, the one after A the action",
        lists=(KnownList("the paper's list", {TRAIN: 16285, VAL: 6191}, 155),),
    ),
    DataSet(
        name="kinetics",
        title="Kinetics",
        stem=re.compile(r"[A-Za-z0-9_-]{11}_[0-9]{6}_[0-9]{6}"),
        parts=re.compile(r"(?:.*/)?(?P<group>[A-Za-z0-9_-]{11})_[0-9]{6}_[0-9]{6}"),
        group="source video",
        rule="VIDEO_START_END: the 11 characters of its id on YouTube",
        by_classes=True,
        lists=(
            KnownList("Kinetics-150 of K-NEXUS", {VAL: 7467}, 150),
            KnownList("Kinetics-150 of SynAPT", {TRAIN: 89665, VAL: 7423}, 150),
        ),
    ),
)


def recognise(paths: Iterable[str]) -> DataSet | None:
    """Return the data set whose names nine of ten paths have, whatever their folders are called."""
    stems = [find_stem(path) for path in paths]
    for known in DATA_SETS:
        if stems and sum(map(bool, map(known.stem.fullmatch, stems))) >= _MIN_SHARE * len(stems):
            return known
    return None


def find_stem(path: str) -> str:
    """Return the name of a clip, without folder and without the extension of a video."""
    return posixpath.basename(cut_extension(path))


def find_parts(known: DataSet | None, path: str) -> tuple[str | None, str | None]:
    """Return group and class as the path tells them; None for what it does not tell."""
    match = known.parts.fullmatch(cut_extension(path)) if known else None
    found = match.groupdict() if match else {}
    return found.get("group"), found.get("label")


def cut_extension(path: str) -> str:
    """Return a path with ``/`` between its parts, without the extension of a video."""
    return _VIDEO.sub("", path.replace("\\", "/"))
