"""A version of a release, fetched from the Hub, checked, and only then where it was asked for.

What is fetched is the commit of a tag. Which commit that was is remembered, so that a tag that was
moved is refused. All that comes is checked against SHA256SUMS, and that against the key of who
publishes, where the user has it; nothing is believed before.
"""

import glob
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import platformdirs

from toolkit.errors import FREE_SPACE, InputError, ToolkitError
from toolkit.files import check_source, make_folder, write_output
from toolkit.manifest import RELEASED, ManifestRow, read_manifest
from toolkit.models import cache_dir
from toolkit.progress import StartStage
from toolkit.release.findings import Audit
from toolkit.release.hub import (
    REPO_TYPE,
    list_tree,
    list_versions,
    one_line_errors,
    open_hub,
    read_withdrawn,
)
from toolkit.release.origin import Origin, read_origin, write_origin
from toolkit.release.provenance import DATA, MANIFEST
from toolkit.release.sign import verify_file
from toolkit.release.sums import SIGNATURE, SUMS, hash_file, read_sums
from toolkit.release.verify import verify
from toolkit.versions import format_number, parse_number

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

ORGANISATION = "m2m-kinetics"
_REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_CLIENT_FILES = ".cache"
"""Where huggingface_hub notes how far a download is."""

Tell = Callable[[str], object]


class DamagedError(ToolkitError):
    """What the Hub gave is not the release that it names."""

    exit_code = 4


@dataclass(frozen=True)
class Wanted:
    """What is to be downloaded.

    Attributes:
        splits, classes: whose clips; None: all.
        public_key: of who must have signed it; None: nobody must.
    """

    repo: str
    version: str | None = None
    splits: Collection[str] | None = None
    classes: Collection[str] | None = None
    public_key: Path | None = None


@dataclass(frozen=True)
class _Plan:
    """A version on the Hub, and which of its files are wanted.

    Attributes:
        sizes: path to size in bytes.
    """

    origin: Origin
    sizes: dict[str, int]


def find_repo(name: str) -> str:
    """Return the repository of a name: itself if it is ORG/NAME, else that of our organisation.

    Raises:
        InputError: it is no such name.
    """
    organisation = os.environ.get("M2M_HUB_ORG") or ORGANISATION
    repo = name if "/" in name else f"{organisation}/{name}"
    if not _REPO.fullmatch(repo):
        raise InputError(f"{name!a} is no release on the Hub: name it NAME or ORG/NAME")
    return repo


def download(
    wanted: Wanted,
    to: Path | None = None,
    tell: Tell = print,
    progress: StartStage | None = None,
    *,
    dry_run: bool = False,
) -> Path:
    """Fetch a version of a release, or some of its shards, and return the folder.

    The folder appears when all of it is there and checked. Until then it is a hidden one beside it,
    and the same command goes on with that.

    Args:
        wanted: which release, and what of it.
        to: the folder to make; None: NAME-VERSION here.
        tell: told what will be done, and what is to be known.
        progress: told of each shard that was checked.
        dry_run: only tell.

    Raises:
        HubError: the Hub did not give it; the same command goes on.
        DamagedError: what it gave is not the release; nothing of that is kept.
        InputError: there is no such version, or it was withdrawn, or its tag was moved; or the
            folder cannot be made.
    """
    api = open_hub()
    with one_line_errors(wanted.repo):
        version, commit = _choose_version(api, wanted, tell)
        out = to or Path(f"{wanted.repo.rpartition('/')[2]}-{version}")
        if dry_run:
            with TemporaryDirectory() as scratch:
                plan = _plan(api, wanted, version, commit, Path(scratch))
            _tell_plan(plan, tell, each=True)
            return out
        if out.exists():
            return _check_there(out, wanted, version, commit, tell)
        place = out.resolve().with_name(f".{out.resolve().name}.partial")
        make_folder(place)
        plan = _plan(api, wanted, version, commit, place)
        _tell_plan(plan, tell)
        _remove_others(place, plan.sizes)
        _check_space(plan, place)
        _fetch(api, plan.origin, plan.sizes, place)
    _check(place, wanted, plan, progress)
    place.rename(out)
    return out


def fetch_release(name: str, version: str) -> Path:
    """Return the folder of a version among the cached ones; it is downloaded if it is not there.

    Args:
        name: NAME or ORG/NAME.
        version: vX.Y.Z.

    Raises:
        InputError: as ``download``.
    """
    repo, number = find_repo(name), format_number(parse_number(version))
    folder = cache_dir() / "releases" / f"{repo.replace('/', '--')}-{number}"
    if not folder.is_dir():
        make_folder(folder.parent)
        download(Wanted(repo, number), folder, lambda _: None)
    return folder


def _choose_version(api: "HfApi", wanted: Wanted, tell: Tell) -> tuple[str, str]:
    """Return tag and commit of the version that is wanted, and tell what is to be known of it."""
    versions = list_versions(api, wanted.repo)
    withdrawn = read_withdrawn(api, wanted.repo, wanted.public_key)
    standing = [number for number in versions if number not in withdrawn]
    newest = max(standing, default=None)
    number = parse_number(wanted.version) if wanted.version else newest
    if number is None or number not in {*versions, *withdrawn}:  # a tag may be gone for good
        known = ", ".join(map(format_number, standing)) or "none"
        raise InputError(
            f"{wanted.repo} has no version {wanted.version or 'that stands'}: there is {known}"
        )
    version = format_number(number)
    if number in withdrawn:
        raise InputError(
            f"{wanted.repo} {version} was withdrawn{_because(withdrawn[number])}: do not use it "
            f"any more; take {format_number(newest) if newest else 'the next, when there is one'}"
        )
    if newest and newest > number:
        tell(f"there is a newer version, {format_number(newest)}")
    _remember(wanted.repo, version, versions[number])
    return version, versions[number]


def _because(reason: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in reason)
    return f" ({shown[:200]})" if shown else ""


def _remember(repo: str, version: str, commit: str) -> None:
    """Note which commit a tag names, and refuse one that names another one than before."""
    folder = Path(platformdirs.user_data_dir("m2m")) / "tags"
    make_folder(folder)
    path = folder / f"{repo.replace('/', '--')}.json"
    try:
        known = json.loads(path.read_bytes()) if path.exists() else {}
        before = known.get(version, commit)
    except (ValueError, AttributeError):
        raise InputError(f"{path} is not what was written there: remove it") from None
    if before != commit:
        raise InputError(
            f"{repo}: the tag {version} was moved, from commit {before[:12]} to {commit[:12]}, and "
            "a version is never replaced: ask who publishes it why, and do not use it until you "
            f"know; if it is right, remove {path}"
        )
    if version not in known:
        with write_output(path) as partial:
            partial.write_text(json.dumps({**known, version: commit}, indent=1) + "\n", "utf-8")


def _plan(api: "HfApi", wanted: Wanted, version: str, commit: str, place: Path) -> _Plan:
    """Fetch what says what there is into ``place``, and return what is to be fetched."""
    origin = Origin(wanted.repo, version, commit, None)
    tree = list_tree(api, wanted.repo, commit)
    records = [name for name in (SUMS, SIGNATURE) if name in tree]
    if SUMS not in records:
        raise DamagedError(f"{wanted.repo} {version} has no {SUMS}: it is no release")
    _fetch(api, origin, records, place)
    if wanted.public_key is not None:
        verify_file(place / SUMS, place / SIGNATURE, wanted.public_key)
    sums = read_sums(place)
    _check_tree(origin, tree, sums)
    shards = None
    if wanted.splits is not None or wanted.classes is not None:
        _fetch(api, origin, [MANIFEST], place)
        check_source(place / MANIFEST)
        if hash_file(place / MANIFEST) != sums.get(MANIFEST):
            raise DamagedError(f"{wanted.repo} {version}: {MANIFEST} is not what {SUMS} says")
        rows = read_manifest(place / MANIFEST)
        shards = _choose_shards(rows, wanted.splits, wanted.classes)
    origin = Origin(wanted.repo, version, commit, shards)
    files = [*records, *(name for name in sums if not origin.leaves_out(name))]
    return _Plan(origin, {name: tree[name].size for name in files})


def _check_tree(origin: Origin, tree: dict[str, "RepoFile"], sums: dict[str, str]) -> None:
    """Check, before anything large is fetched, that the Hub has what the release consists of."""
    for name, sha256 in sums.items():
        file = tree.get(name)
        if file is None or (file.lfs is not None and file.lfs.sha256 != sha256):
            what = "is another one there" if file else "is not there"
            raise DamagedError(
                f"{origin.repo} {origin.version}: {name} {what}: tell who publishes it"
            )


def _choose_shards(
    rows: Iterable[ManifestRow], splits: Collection[str] | None, classes: Collection[str] | None
) -> tuple[str, ...]:
    """Return the tars that hold a clip of the splits and classes that are wanted."""
    rows = [row for row in rows if row.status == RELEASED]
    for what, wanted, known in (
        ("split", splits, {row.split for row in rows}),
        ("class", classes, {row.label for row in rows}),
    ):
        if missing := set(wanted or ()) - known:
            some = ", ".join(sorted(known)[:10])
            raise InputError(f"no clip has the {what} {min(missing)!a}: there is {some}")
    chosen = {
        row.shard
        for row in rows
        if (splits is None or row.split in splits) and (classes is None or row.label in classes)
    }
    return tuple(sorted(chosen))


def _tell_plan(plan: _Plan, tell: Tell, *, each: bool = False) -> None:
    origin, num_bytes = plan.origin, sum(plan.sizes.values())
    if each:
        for name, size in sorted(plan.sizes.items()):
            tell(f"{size:>14,}  {name}")
    tell(
        f"{origin.repo} {origin.version} (commit {origin.commit[:12]}): {len(plan.sizes)} files, "
        f"{num_bytes / 1e6:,.1f} MB"
    )


def _check_space(plan: _Plan, place: Path) -> None:
    there = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    needed, free = sum(plan.sizes.values()) - there, shutil.disk_usage(place).free
    if needed > free:
        raise InputError(
            f"{place.parent}: {needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB free: "
            f"{FREE_SPACE}, or name another disk with --to"
        )


def _remove_others(place: Path, wanted: Collection[str]) -> None:
    """Remove what an earlier run fetched for another part of the release, or did not finish."""
    for path in place.rglob("*"):
        name = path.relative_to(place)
        is_left = name.parts[0] != _CLIENT_FILES or path.suffix == ".incomplete"
        if path.is_file() and is_left and name.as_posix() not in wanted:
            path.unlink()


def _fetch(api: "HfApi", origin: Origin, names: Iterable[str], place: Path) -> None:
    api.snapshot_download(
        origin.repo,
        repo_type=REPO_TYPE,
        revision=origin.commit,
        local_dir=place,
        allow_patterns=[glob.escape(name) for name in names],
    )


def _check(place: Path, wanted: Wanted, plan: _Plan, progress: StartStage | None) -> None:
    """Make a release of what was fetched; where it is none, remove what is wrong of it."""
    shutil.rmtree(place / _CLIENT_FILES, ignore_errors=True)
    write_origin(plan.origin, place)
    done = verify(place, wanted.public_key, plan.origin.version, progress)
    if not done.ok:
        for name in {finding.file for finding in done.findings} & plan.sizes.keys():
            (place / name).unlink(missing_ok=True)
        raise DamagedError(_tell_damage(plan.origin, done))


def _tell_damage(origin: Origin, done: Audit) -> str:
    first = done.findings[0]
    return (
        f"{origin.repo} {origin.version}: what came is not what was released ({first.file}: "
        f"{first.detail}; {len(done.findings)} findings): run the same command again, and if it "
        "stays so tell who publishes it"
    )


def _check_there(out: Path, wanted: Wanted, version: str, commit: str, tell: Tell) -> Path:
    """Return a folder that is there already, if it is what is wanted."""
    origin = read_origin(out) if out.is_dir() else None
    if origin is None or (origin.repo, origin.version, origin.commit) != (
        wanted.repo,
        version,
        commit,
    ):
        raise InputError(f"{out} is there already, and is something else: name another with --to")
    rows = read_manifest(out / MANIFEST)
    shards = _choose_shards(rows, wanted.splits, wanted.classes)
    if left_out := [shard for shard in shards if origin.leaves_out(f"{DATA}/{shard}")]:
        raise InputError(
            f"{out} is there already, without {left_out[0]}: name another folder with --to"
        )
    done = verify(out, wanted.public_key, version)
    if not done.ok:
        raise DamagedError(f"{_tell_damage(origin, done)}; remove {out} first")
    tell(f"{out} is there already, and whole")
    return out
