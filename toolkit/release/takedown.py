"""``m2m takedown``: a clip is taken out of everything, and that is shown.

What is done, in this order, so that the same command finishes what was stopped: the clip comes into
the list that the build obeys; the releases that had it get their next MAJOR version in params.yaml;
the versions that have it are withdrawn in the registry; and all that holds it and can be reached is
removed. ``dvc repro`` then makes the releases without it.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.clip import is_clip_id
from toolkit.errors import InputError
from toolkit.kinetics.check import list_ids
from toolkit.kinetics.table import Row, read_table
from toolkit.kinetics.tree import list_source
from toolkit.manifest import read_manifest
from toolkit.params import PARAMS, set_version
from toolkit.release.provenance import MANIFEST
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.release.remnants import clean_work, find_remnants, remove_remnant
from toolkit.release.takedown_list import TakedownList
from toolkit.stages.project import Project
from toolkit.versions import format_number, raise_number

if TYPE_CHECKING:
    from toolkit.registry import Registry, Version

Tell = Callable[[str], object]


@dataclass(frozen=True)
class Request:
    """What is to be taken down: by one of the two.

    Attributes:
        youtube_id: every clip of that video.
        clip_id: of the source, or as published.
        reason: one of ``toolkit.release.takedown_list.REASONS``.
        date: YYYY-MM-DD, or empty.
    """

    youtube_id: str = ""
    clip_id: str = ""
    reason: str = "request"
    date: str = ""


@dataclass(frozen=True)
class Found:
    """What a request means.

    Attributes:
        names: private id -> all that the clip goes by.
        versions: those that stand and have a clip -> the published ids of it.
    """

    names: Mapping[str, set[str]]
    versions: Mapping["Version", Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """What became of all clips that were taken down.

    Attributes:
        num_clips: how many were.
        left: files that still hold or name one, from the root of the project.
        unreachable: places that were not looked into, and what to do there.
    """

    num_clips: int
    left: list[str]
    unreachable: list[str]


@dataclass(frozen=True)
class Opened:
    """A project, its registry, and the names of its clips."""

    project: Project
    registry: "Registry"
    pseudonyms: Pseudonyms

    @classmethod
    def open(cls, root: Path) -> "Opened":
        """Open the project that a folder is in.

        Raises:
            ToolkitError: it is none, or has no key.
        """
        from toolkit.registry import Registry  # loads dvc

        registry = Registry(root)
        project = Project.open(registry.root)
        return cls(project, registry, Pseudonyms.from_file(project.key_file))

    @property
    def cache(self) -> Path:
        """The folder of DVC's cache."""
        return Path(self.registry.cache.path)

    def read_list(self) -> TakedownList:
        """Return what was taken down so far."""
        return TakedownList.read(self.project.takedowns, self.pseudonyms)

    def publish(self, clip_id: str) -> set[str]:
        """Return the ids under which a clip is, or may have been, published."""
        releases = {*self.project.params.releases, *self.registry.releases}
        apart = {self.pseudonyms.apart(name).publish(clip_id) for name in releases}
        return {self.pseudonyms.publish(clip_id), *apart}

    def digest(self, sha256: str) -> set[str]:
        """Return what releases may say of a private digest."""
        apart = map(self.pseudonyms.apart, self.registry.releases)
        return {sha256, *(names.digest(sha256) for names in (self.pseudonyms, *apart))}


def take_down(root: Path, request: Request, tell: Tell, *, dry_run: bool = False) -> None:
    """Take clips out of everything that can be reached.

    Args:
        root: of the project, or a folder in it.
        request: which clips, and why.
        tell: told of each step.
        dry_run: only tell what would be done.

    Raises:
        InputError: no clip is meant, or a version that stands cannot be looked into, so that nobody
            knows whether it has the clip; nothing was changed then.
    """
    opened = Opened.open(root)
    found = _find(opened, request)
    takedowns = opened.read_list().add(found.names.values(), request.reason, request.date)
    for clip_id in sorted(found.names):
        tell(f"that is the clip {clip_id}")
    releases: dict[str, set[str]] = defaultdict(set)
    for version, published in found.versions.items():
        releases[version.name] |= set(published)
        tell(f"{version.tag} has {', '.join(published)}: to be withdrawn")
    if dry_run:
        for path in find_remnants(opened.project, opened.cache, takedowns):
            tell(f"holds it: {_show(opened, path)}")
        tell("nothing was changed")
        return
    takedowns.write(opened.project.takedowns)
    tell(f"{_show(opened, opened.project.takedowns)}: the build leaves out {len(found.names)} more")
    for name in releases:
        _raise_version(opened, name, tell)
    for version in found.versions:
        published = ", ".join(sorted(releases[version.name]))
        message = f"taken down ({request.reason}): do not use {published}, and delete it"
        opened.registry.withdraw(version, message)
        tell(f"{version.tag} is withdrawn")
    _remove(opened, takedowns, tell)


def _find(opened: Opened, request: Request) -> Found:
    """Return which clips are meant, what they go by, and which versions have them."""
    manifests = dict(_read_manifests(opened.registry))
    names = _find_clips(opened, request)
    if not names and is_clip_id(request.clip_id):  # its file and its row may be gone
        possible = opened.publish(request.clip_id)
        if any(possible & ids.keys() for ids in manifests.values()):
            names = {request.clip_id: set()}
    wanted = request.youtube_id or request.clip_id
    if not names and not opened.read_list().has(wanted):
        raise InputError(
            f"{wanted!a} is no clip of this project or of a version that stands: check the id; "
            "m2m takedown --check  tells whether anything is left of those taken down before"
        )
    for clip_id in names:
        names[clip_id] |= {clip_id, *opened.publish(clip_id)}
    versions: dict[Version, Sequence[str]] = {}
    for version, ids in manifests.items():
        for clip_id, of_clip in names.items():
            for published in sorted(of_clip & ids.keys()):
                versions[version] = [*versions.get(version, ()), published]
                names[clip_id] |= ids[published]
    return Found(names, versions)


def _find_clips(opened: Opened, request: Request) -> dict[str, set[str]]:
    """Return clips of the source, present or of versions that stand: id -> digests of its file.

    The same file under another id is meant, too.
    """
    rows = [row for row in _read_sources(opened) if row.clip_id]
    of_video = re.compile(re.escape(request.youtube_id) + "_[0-9]{6}_[0-9]{6}")

    def is_meant(row: Row) -> bool:
        clip_id = row.clip_id or ""
        if request.youtube_id:
            stem = Path(row.member or row.path or "").stem
            return bool(of_video.fullmatch(clip_id) or of_video.fullmatch(stem))
        return request.clip_id in {clip_id, *opened.publish(clip_id)}

    meant = [row for row in rows if is_meant(row)]
    files = {row.sha256 for row in meant if row.sha256}
    meant += [row for row in rows if row.sha256 in files]
    names: dict[str, set[str]] = defaultdict(set)
    for row in meant:
        names[row.clip_id or ""] |= opened.digest(row.sha256) if row.sha256 else set()
    return names


def _read_sources(opened: Opened) -> Iterator[Row]:
    """Yield what stage ingest found, now and when versions were made that stand."""
    project, registry = opened.project, opened.registry
    paths = {project.sources_table}
    name = project.sources_table.relative_to(project.root).as_posix()
    for version in _list_standing(registry):
        if md5 := registry.read_md5(name, version.tag):
            paths.add(Path(registry.cache.oid_to_path(md5)))
    for path in sorted(paths):
        if path.is_file():
            yield from read_table(path)


def _list_standing(registry: "Registry") -> "list[Version]":
    return [
        version
        for release in registry.releases.values()
        for version in release.versions
        if not version.withdrawn and not release.withdrawn
    ]


def _read_manifests(registry: "Registry") -> "Iterator[tuple[Version, dict[str, set[str]]]]":
    """Yield each version that stands: published id -> the digests that only this clip has."""
    for version in _list_standing(registry):
        path = registry.locate(version.name, version.tag, MANIFEST)
        if path is None:
            raise InputError(f"{version.tag} has no {MANIFEST}: gto deprecate it first")
        yield (
            version,
            {
                row.clip_id: {row.source_digest, row.sample_sha256} - {""}
                for row in read_manifest(path)
            },
        )


def _raise_version(opened: Opened, name: str, tell: Tell) -> None:
    """Give a release the next MAJOR version after the last one registered, unless it has it."""
    release = opened.project.params.releases.get(name)
    if release is None:
        tell(f"{name} is not in {PARAMS} any more: no version of it follows")
        return
    last = opened.registry.find_release(name).versions[-1].number
    wanted = raise_number(last, "MAJOR")
    if tuple(map(int, release.version.split("."))) < wanted:
        set_version(opened.project.root / PARAMS, name, format_number(wanted)[1:])
        tell(f"{PARAMS}: releases.{name}.version is {format_number(wanted)[1:]}")


def _remove(opened: Opened, takedowns: TakedownList, tell: Tell) -> None:
    for shard in clean_work(opened.project, takedowns):
        tell(f"written without it: {_show(opened, shard)}")
    for path in find_remnants(opened.project, opened.cache, takedowns):
        if remove_remnant(path, opened.project, opened.cache, takedowns):
            tell(f"removed: {_show(opened, path)}")
        else:
            tell(f"still tells of it: {_show(opened, path)}")


def check(root: Path) -> Checked:
    """Look for clips that were taken down in all that can be reached.

    Raises:
        InputError: the list of takedowns cannot be read, or was written under another key; or a
            file cannot be read.
    """
    opened = Opened.open(root)
    takedowns = opened.read_list()
    found = find_remnants(opened.project, opened.cache, takedowns)
    return Checked(
        len(takedowns.takedowns),
        [_show(opened, path) for path in found],
        list(_list_unreachable(opened, takedowns)),
    )


def _list_unreachable(opened: Opened, takedowns: TakedownList) -> Iterator[str]:
    source = opened.project.source
    files = list_source(source).files if source.exists() else []
    for file in files:
        if any(map(takedowns.has, list_ids(file))):
            yield f"{_show(opened, source / file.path)} {file.member or ''}".rstrip() + ": your own"
    for name in opened.registry.remotes:
        yield f"DVC's remote {name}: dvc gc --workspace --cloud --remote {name}"
    yield "the history of git: reviews and notes that were committed"
    yield "the Hub: m2m takedown --purge REPO, once the version without it is there"
    yield "copies that others have, backups, and what was written outside the project"


def _show(opened: Opened, path: Path) -> str:
    root = opened.project.root
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
