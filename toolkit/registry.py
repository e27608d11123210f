"""The registry of releases: their versions, what each holds, and how two of them differ.

A release is an entry of ``artifacts:`` in dvc.yaml and one output of DVC. A version of it is an
annotated git tag ``NAME@vX.Y.Z`` as gto writes them; ``NAME@vX.Y.Z!`` withdraws it. Nothing else is
stored: who clones the repository has the registry.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from dvc.exceptions import DvcException
from dvc.repo import Repo
from gto import api as gto
from gto.exceptions import GTOException
from gto.registry import GitRegistry
from pyarrow import parquet
from scmrepo.exceptions import SCMError

from toolkit.errors import InputError
from toolkit.release.croissant import CROISSANT, read_version
from toolkit.versions import (
    Clip,
    Difference,
    Number,
    check_step,
    compare,
    format_number,
    is_number,
    parse_number,
)

MANIFEST = "manifest.parquet"
PROVENANCE = "provenance.intoto.json"


@dataclass(frozen=True)
class Version:
    """One version of a release: the tag, the commit it names, and whether it was withdrawn."""

    name: str
    number: Number
    commit: str
    withdrawn: bool

    @property
    def tag(self) -> str:
        """The git tag, which ``dvc get --rev`` takes."""
        return f"{self.name}@{format_number(self.number)}"


@dataclass(frozen=True)
class Release:
    """A release that dvc.yaml names.

    Attributes:
        path: of its folder, from the root of the repository.
        versions: from the oldest number to the newest, the withdrawn ones too.
        withdrawn: the release as a whole (``gto deprecate NAME``).
    """

    name: str
    path: str
    versions: tuple[Version, ...]
    withdrawn: bool

    @property
    def newest(self) -> Version | None:
        """The highest version that still stands."""
        standing = [v for v in self.versions if not v.withdrawn and not self.withdrawn]
        return standing[-1] if standing else None


@dataclass(frozen=True)
class Content:
    """What a release holds at one commit, as dvc.lock says it.

    Attributes:
        path: from the root of the repository.
        md5: of DVC's list of the files; ends in ``.dir``.
        num_files, size_bytes: of the folder.
        files: name in the folder -> where DVC keeps it; None where the list is not in the cache.
    """

    path: str
    md5: str
    num_files: int
    size_bytes: int
    files: Mapping[str, Path] | None


class Registry:
    """The releases of the git repository that a folder is in."""

    def __init__(self, folder: Path) -> None:
        found = _git(folder, "rev-parse", "--show-toplevel")
        if found.returncode:
            raise InputError(
                f"{folder} is in no git repository, which a registry is: go to it, or git init"
            )
        self.root = Path(found.stdout.rstrip("\n"))
        for name, remedy in (("dvc.yaml", "go to a project that has one"), (".dvc", "dvc init")):
            if not (self.root / name).exists():
                raise InputError(f"{self.root} has no {name}: {remedy}")

    @cached_property
    def releases(self) -> dict[str, Release]:
        """Every release that dvc.yaml names, as it is checked out, by its name."""
        with _one_line_errors(), GitRegistry.from_url(str(self.root)) as tags:
            tagged = tags.get_artifacts()
            releases = {}
            for name, path in sorted(_artifacts(self._repo).items()):
                artifact = tagged.get(name)
                versions = artifact.get_versions(active_only=False) if artifact else []
                found = [
                    Version(name, parse_number(v.version), v.commit_hexsha, not v.is_active)
                    for v in versions
                    if v.is_registered and is_number(v.version)
                ]
                found.sort(key=lambda version: version.number)
                withdrawn = bool(found) and not artifact.is_active
                releases[name] = Release(name, path, tuple(found), withdrawn)
        return releases

    def find_release(self, name: str) -> Release:
        """Return a release.

        Raises:
            InputError: dvc.yaml names none like that.
        """
        if name not in self.releases:
            known = ", ".join(self.releases) or "none"
            raise InputError(f"dvc.yaml has no artifact {name!a}: there is {known}")
        return self.releases[name]

    def find_version(self, name: str, number: str | None = None) -> Version:
        """Return a version of a release; without a number, the newest that still stands.

        Raises:
            InputError: there is none.
        """
        release = self.find_release(name)
        if number is None and release.newest:
            return release.newest
        wanted = parse_number(number) if number else None
        for version in release.versions:
            if version.number == wanted:
                return version
        known = ", ".join(format_number(v.number) for v in release.versions) or "none"
        raise InputError(
            f"{name} has no version {number or 'that stands'} (registered: {known}): "
            f"git fetch --tags, or m2m registry register {name} vX.Y.Z"
        )

    def read_content(self, name: str, commit: str) -> Content:
        """Return what a release holds at a commit or tag.

        Raises:
            InputError: the release is not there.
        """
        with _one_line_errors(), self._repo.switch(commit):
            path = _artifacts(self._repo).get(name)
            if path is None:
                raise InputError(f"dvc.yaml of {commit} has no artifact {name!a}")
            folder = self._repo.fs.join(self._repo.root_dir, path)
            outs = [out for out in self._repo.index.outs if out.fs_path == folder]
            if not outs or not outs[0].hash_info:
                raise InputError(
                    f"dvc.lock of {commit} has no {path}: run dvc repro and commit dvc.lock"
                )
            (out,) = outs
            if not out.hash_info.isdir:
                raise InputError(f"{path} is a file, and a release is a folder: mend dvc.yaml")
            listed, where = out.get_obj(), out.cache.oid_to_path
            files = None
            if listed is not None:
                files = {"/".join(key): Path(where(oid.value)) for key, _, oid in listed}
            return Content(path, out.hash_info.value, out.meta.nfiles, out.meta.size, files)

    def read_statement(self, name: str, commit: str) -> dict[str, Any] | None:
        """Return params and counts of a release's statement; None where it has no statement.

        Raises:
            InputError: it is no such statement, or its data is not here.
        """
        path = self.locate(name, commit, PROVENANCE)
        if path is None:
            return None
        try:
            predicate = json.loads(path.read_bytes())["predicate"]
            params = dict(predicate["buildDefinition"]["externalParameters"]["params"])
            counts = dict(predicate["runDetails"]["metadata"]["counts"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{PROVENANCE} of {name} at {commit} is no statement of ours "
                f"({type(error).__name__}: {error}): run m2m audit on it"
            ) from error
        return {"params": params, "counts": counts}

    def compare(self, name: str, before: str, after: str) -> Difference:
        """Return what became of a release from one commit or tag to another.

        Raises:
            InputError: either is not there, or its data is not here.
        """
        old, new = (self.read_statement(name, commit) for commit in (before, after))
        return compare(
            self._read_clips(name, before),
            self._read_clips(name, after),
            old and old["params"],
            new and new["params"],
        )

    def register(self, name: str, number: str) -> Version:
        """Tag the commit that is checked out as a version of a release.

        Raises:
            InputError: what lies here is not what the commit says, or the number does not say
                what changed since the last version, or the release says another one of itself.
        """
        wanted = parse_number(number)
        release = self.find_release(name)
        self._check_clean(name)
        self._check_number(release, wanted)
        self._check_own_version(release, number)
        with _one_line_errors():
            gto.register(str(self.root), name, "HEAD", version=number)
        del self.releases
        return self.find_version(name, number)

    def read_md5(self, path: str, commit: str) -> str:
        """Return what dvc.lock of a commit or tag says of an output; empty where nothing."""
        with _one_line_errors(), self._repo.switch(commit):
            place = self._repo.fs.join(self._repo.root_dir, path)
            outs = [out for out in self._repo.index.outs if out.fs_path == place]
            return str(outs[0].hash_info.value or "") if outs and outs[0].hash_info else ""

    def read_withdrawn(self, name: str) -> dict[str, str]:
        """Return which versions of a release are withdrawn, and the message of their tag."""
        release = self.find_release(name)
        reasons = {}
        for version in release.versions:
            if version.withdrawn or release.withdrawn:
                tag = f"{version.tag}!" if version.withdrawn else f"{name}@deprecated"
                told = _git(self.root, "tag", "--list", "--format=%(contents:subject)", tag)
                reasons[format_number(version.number)] = told.stdout.strip()
        return reasons

    def assign_stage(self, version: Version, stage: str) -> bool:
        """Say that a version is in a stage, by a tag of gto; returns whether it was not yet."""
        number = format_number(version.number)
        with _one_line_errors():
            found = gto.find_versions_in_stage(str(self.root), version.name, stage)
            if any(other.version == number for other in found or ()):
                return False
            gto.assign(str(self.root), version.name, stage, version=number)
        return True

    def withdraw(self, version: Version, message: str) -> None:
        """Say by a tag of gto that a version must not be used, and why; everybody reads that."""
        with _one_line_errors():
            number = format_number(version.number)
            gto.deregister(str(self.root), version.name, version=number, message=message)
        self.__dict__.pop("releases", None)  # they are read anew

    @property
    def cache(self) -> Any:  # noqa: ANN401 - dvc has no types
        """DVC's cache: its ``path``, and ``oid_to_path`` of an md5."""
        return self._repo.cache.local

    @property
    def remotes(self) -> list[str]:
        """The names of DVC's remote storages."""
        return sorted(self._repo.config["remote"])

    def locate(self, name: str, commit: str, file: str) -> Path | None:
        """Return where DVC keeps a file of a release at a commit; None where it has no such.

        Raises:
            InputError: the data of the release is not here.
        """
        files = self.read_content(name, commit).files
        path = None if files is None else files.get(file)
        if files is None or (path and not path.is_file()):
            raise InputError(
                f"the data of {name} at {commit} is not in DVC's cache: run dvc pull --all-tags"
            )
        return path

    def check_content(self, name: str, commit: str) -> None:
        """Check that what lies here is what a release holds at a commit or tag.

        Raises:
            InputError: it is not.
        """
        committed = self.read_content(name, commit)
        with _one_line_errors():
            (out,) = self._repo.find_outs_by_path(str(self.root / committed.path))
            states = set(out.status().values())
            if out.hash_info.value != committed.md5:
                states.add(f"another one than dvc.lock of {commit} says")
        if states:
            raise InputError(
                f"{committed.path} is {', '.join(sorted(states))}: run dvc repro and commit "
                f"dvc.lock, or git checkout {commit} and dvc pull to have what it says"
            )

    def _check_clean(self, name: str) -> None:
        changed = _git(self.root, "status", "--porcelain", "--untracked-files=no").stdout
        if changed:
            files = ", ".join(line[3:] for line in changed.splitlines()[:3])
            raise InputError(
                f"{name}: a version is a commit, and this is not committed ({files}): git commit"
            )
        self.check_content(name, "HEAD")

    def _check_number(self, release: Release, wanted: Number) -> None:
        """Refuse a number that does not say what changed since the last version."""
        name = release.name
        self._read_clips(name, "HEAD")  # what the next version will be compared with
        if not release.versions:
            return
        last = release.versions[-1]
        if wanted <= last.number:
            raise InputError(
                f"{name}: {format_number(wanted)} is not higher than {last.tag}, the last version"
            )
        if release.withdrawn:
            raise InputError(
                f"{name} was withdrawn as a whole, which a new version would undo: name it anew, "
                f"or run  git tag --delete {name}@deprecated"
            )
        if last.withdrawn:
            check_step(last.number, wanted, "MAJOR", f"{last.tag} was withdrawn")
        else:
            difference = self.compare(name, last.tag, "HEAD")
            why = f"of the clips, since {last.tag}: {difference.summary}"
            check_step(last.number, wanted, difference.step, why)

    def _check_own_version(self, release: Release, number: str) -> None:
        """Refuse another number than the release has in its croissant.json, if it has one."""
        folder = self.root / release.path
        if not (folder / CROISSANT).exists():
            return
        own = read_version(folder)
        if f"v{own}" != number:
            raise InputError(
                f"{release.name}: {release.path}/{CROISSANT} says version {own}, not {number[1:]}: "
                f"set releases.{release.name}.version in params.yaml to {number[1:]}, run "
                f"dvc repro and commit dvc.lock, or register v{own}"
            )

    def _read_clips(self, name: str, commit: str) -> dict[str, Clip]:
        """Return the manifest of a release at a commit, by clip."""
        path = self.locate(name, commit, MANIFEST)
        if path is None:
            raise InputError(f"{name} at {commit} has no {MANIFEST}: run dvc repro again")
        columns = ["clip_id", "status", "label", "split", "sample_sha256"]
        try:
            table = parquet.read_table(path, columns=columns)
            clips, *rows = (table.column(column).to_pylist() for column in columns)
        except (pa.ArrowException, OSError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{MANIFEST} of {name} at {commit} cannot be read ({reason}): run m2m audit on it"
            ) from error
        return dict(zip(clips, map(Clip, *rows), strict=True))

    @cached_property
    def _repo(self) -> Any:  # noqa: ANN401 - dvc has no types
        with _one_line_errors():
            return Repo(str(self.root))


def _artifacts(repo: Any) -> dict[str, str]:  # noqa: ANN401 - dvc has no types
    found = repo.artifacts.read().get("dvc.yaml", {})
    return {
        name: str(PurePosixPath(artifact.path)) for name, artifact in found.items() if artifact.path
    }


def _git(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn what dvc, gto and their git library raise into errors of ours."""
    try:
        yield
    except (DvcException, GTOException, SCMError) as error:
        raise InputError(" ".join(str(error).split())) from error
