"""A registered version of a release, put on the Hub so that nobody ever sees half of it.

Files go to a branch of their own, are compared there with the Hub's checksums, and come to ``main``
in one commit, which copies them on the Hub and names the commit that it follows: the Hub makes it
whole, or refuses it. Then the commit gets its tag, is compared again, and the version gets the
stage ``published`` in the registry. Each step looks at what is there before it does something, so
that the same command goes on where it was stopped.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from toolkit.errors import InputError, ToolkitError
from toolkit.progress import StartStage
from toolkit.release.audit import CARD, audit
from toolkit.release.croissant import CROISSANT, read_version
from toolkit.release.hub import (
    MAIN,
    REPO_TYPE,
    WITHDRAWN,
    WITHDRAWN_SIGNATURE,
    find_main,
    list_tree,
    list_versions,
    one_line_errors,
    open_hub,
    write_withdrawn,
)
from toolkit.release.sign import sign_file
from toolkit.release.sums import SIGNATURE, SUMS, UNSUMMED
from toolkit.stages.project import Project
from toolkit.versions import format_number

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from toolkit.registry import Registry, Version

PUBLISHED = "published"
BRANCH = "publish-"
"""With a version after it: the branch to which that is uploaded."""
GIT_ATTRIBUTES = ".gitattributes"
_LARGE = ("*.tar", "*.parquet", "data/*.index.json", "lists/*.csv")
"""What the Hub is to keep as large files: a commit can copy them without sending them, and all that
names a clip can be removed for good (``toolkit.release.purge``)."""
_OURS = {GIT_ATTRIBUTES, WITHDRAWN, WITHDRAWN_SIGNATURE}

Tell = Callable[[str], object]


@dataclass(frozen=True)
class Publication:
    """A version that may be published.

    Attributes:
        folder: of the release.
        files: path to size in bytes.
    """

    registry: "Registry"
    version: "Version"
    folder: Path
    files: dict[str, int]

    @property
    def number(self) -> str:
        """The version, vX.Y.Z, which is its tag on the Hub too."""
        return format_number(self.version.number)


def prepare(
    root: Path,
    name: str,
    number: str,
    progress: StartStage | None = None,
    private_key: Path | None = None,
) -> Publication:
    """Check that a version of a release may be published.

    Args:
        root: of the project, or a folder in it.
        name: of the release.
        number: vX.Y.Z.
        progress: told of each shard that was read.
        private_key: that it is to be signed with; tried here.

    Raises:
        InputError: it may not, or the key is none; one line says why.
    """
    from toolkit.registry import Registry  # loads dvc

    registry = Registry(root)
    project = Project.open(registry.root)
    wanted = project.find_release(name)
    if wanted.shows_people and wanted.pixels:
        raise InputError(f"{name} shows the people filmed, and is never published")
    version = registry.find_version(name, number)
    if version.withdrawn or registry.find_release(name).withdrawn:
        raise InputError(f"{version.tag} was withdrawn: publish the version that replaces it")
    registry.check_content(name, version.tag)
    folder = registry.root / registry.find_release(name).path
    _check_version(folder, number)
    if private_key is not None:
        with TemporaryDirectory() as place:
            sign_file(folder / SUMS, Path(place, SIGNATURE), private_key)
    done = audit(folder, progress=progress)
    if not done.ok:
        raise InputError(
            f"{folder}: the audit found {len(done.findings)} things, such as "
            f"{done.findings[0].kind} in {done.findings[0].file} ({done.findings[0].detail}): "
            f"run  m2m audit {folder}"
        )
    if done.name != name:
        raise InputError(f"{folder} says that it is {done.name!a}, not {name}: run dvc repro")
    _check_gate(registry, version, done.counts["ingested"])
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    sizes = {name: path.stat().st_size for name, path in files.items() if path.is_file()}
    return Publication(registry, version, folder, dict(sorted(sizes.items())))


def _check_version(folder: Path, number: str) -> None:
    own = f"v{read_version(folder)}"
    if own != number:
        raise InputError(f"{folder / CROISSANT} says {own}, not {number}: publish {own}")
    card = (folder / CARD).read_text("utf-8")
    if not re.search(rf"(?<![\d.])v?{re.escape(number[1:])}(?![\d]|\.\d)", card):
        raise InputError(f"{folder / CARD} does not say that it is {number}: run dvc repro")


def _check_gate(registry: "Registry", version: "Version", num_clips: int) -> None:
    """Check that the gate looked at each clip of this version, and held nothing against it."""
    name = f"data/{version.name}/validation.json"
    path, remedy = registry.root / name, "run dvc repro, and register what it makes"
    try:
        content = path.read_bytes()
        found = json.loads(content)
        stopping = [fault for fault in found["faults"] if fault["stops"]]
        facts = (found["release"], found["clips"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no record of a gate ({error}): {remedy}") from error
    if stopping:
        raise InputError(f"{path}: the gate stopped {len(stopping)} clips: {remedy}")
    if facts != (version.name, num_clips):
        raise InputError(
            f"{path} is of {facts[1]} clips of {facts[0]}, and {version.tag} has {num_clips}: "
            f"{remedy}"
        )
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != registry.read_md5(
        name, version.tag
    ):
        raise InputError(f"{path} is not the one that {version.tag} was made with: {remedy}")


def publish(
    publication: Publication, repo: str, private_key: Path | None = None, tell: Tell = print
) -> str:
    """Put a version on the Hub, or finish what was begun; returns its commit there.

    A repository that is not there yet is made private: who may see it is decided on its page.

    Args:
        publication: what ``prepare`` returned.
        repo: ORG/NAME on the Hub.
        private_key: to sign with; None: it is not signed.
        tell: told of each step.

    Raises:
        HubError: the Hub did not do it; the same command goes on.
        InputError: the Hub has this version with other content, or a newer one.
    """
    api = open_hub()
    with one_line_errors(repo):
        api.create_repo(repo, repo_type=REPO_TYPE, private=True, exist_ok=True)
        versions = list_versions(api, repo)
        commit = versions.get(publication.version.number)
        if commit is None:
            if versions and max(versions) > publication.version.number:
                raise InputError(
                    f"{repo} has {format_number(max(versions))} already, and main is never put "
                    "back: register a higher number"
                )
            commit = _publish_new(api, publication, repo, private_key, tell)
        _verify(api, repo, publication.number, publication.folder, _OURS | UNSUMMED)
        tell(f"{repo} {publication.number} is commit {commit}, and each file is as it is here")
        _delete_branch(api, repo, _branch(publication))
    if publication.registry.assign_stage(publication.version, PUBLISHED):
        tell(f"{publication.version.tag} is in stage {PUBLISHED}: git push --tags")
    return commit


def _branch(publication: Publication) -> str:
    return f"{BRANCH}{publication.number}"


def _publish_new(
    api: "HfApi", publication: Publication, repo: str, private_key: Path | None, tell: Tell
) -> str:
    branch = _branch(publication)
    title = f"{publication.version.name} {publication.number}"
    staging = publication.folder.with_name(f".{publication.folder.name}.publish")
    _stage(publication, staging, private_key)
    api.create_branch(repo, branch=branch, repo_type=REPO_TYPE, exist_ok=True)
    # First, for the Hub goes by what the branch has already.
    api.upload_file(
        path_or_fileobj=staging / GIT_ATTRIBUTES,
        path_in_repo=GIT_ATTRIBUTES,
        repo_id=repo,
        repo_type=REPO_TYPE,
        revision=branch,
        commit_message=title,
    )
    uploaded = api.upload_folder(
        repo_id=repo,
        folder_path=staging,
        repo_type=REPO_TYPE,
        revision=branch,
        commit_message=title,
        delete_patterns="*",
    )
    _verify(api, repo, uploaded.oid, staging)
    tell(f"uploaded to branch {branch}, and each file is as it is here")
    commit = _merge(api, repo, uploaded.oid, title)
    _verify(api, repo, commit, staging)
    tell(f"{MAIN} is {title}")
    api.create_tag(repo, tag=publication.number, revision=commit, repo_type=REPO_TYPE)
    shutil.rmtree(staging)
    return commit


def _stage(publication: Publication, staging: Path, private_key: Path | None) -> None:
    """Make a folder of all that goes to the Hub: the release, linked, and what it lacks there."""
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(publication.folder, staging, copy_function=_link)
    lines = [f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _LARGE]
    (staging / GIT_ATTRIBUTES).write_text("".join(lines), encoding="utf-8")
    if private_key is not None:
        sign_file(staging / SUMS, staging / SIGNATURE, private_key)
    reasons = publication.registry.read_withdrawn(publication.version.name)
    if reasons:
        write_withdrawn(reasons, staging, private_key)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or a disk without links
        shutil.copyfile(source, target)


def _merge(api: "HfApi", repo: str, uploaded: str, title: str) -> str:
    """Make ``main`` the same as a commit, by one commit; returns it."""
    from huggingface_hub import CommitOperationCopy, CommitOperationDelete

    main = find_main(api, repo)
    if main is None:
        raise InputError(f"{repo} has no branch {MAIN}: make it on its page")
    new, old = (list_tree(api, repo, revision) for revision in (uploaded, main))
    changed = [p for p in new if p not in old or old[p].blob_id != new[p].blob_id]
    operations: list[Any] = [CommitOperationDelete(path) for path in sorted(old.keys() - new)]
    operations += [CommitOperationCopy(p, p, src_revision=uploaded) for p in changed]
    if not operations:
        return main
    done = api.create_commit(
        repo, operations, commit_message=title, repo_type=REPO_TYPE, parent_commit=main
    )
    return str(done.oid)


def _verify(
    api: "HfApi", repo: str, revision: str, folder: Path, but: Collection[str] = ()
) -> None:
    """Compare each file on the Hub with that of a folder; ``but`` names files that may differ."""
    found = api.verify_repo_checksums(
        repo, repo_type=REPO_TYPE, revision=revision, local_dir=folder
    )
    wrong = {mismatch["path"] for mismatch in found.mismatches}
    wrong |= {*found.missing_paths, *found.extra_paths}
    if wrong := wrong.difference(but):
        raise ToolkitError(
            f"{repo} at {revision} is not what was published: {len(wrong)} files are not those of "
            f"{folder} (such as {min(wrong)}). A version is never replaced: if it had a tag "
            "already, withdraw it and register a higher one; else run the same command again"
        )


def _delete_branch(api: "HfApi", repo: str, branch: str) -> None:
    refs = api.list_repo_refs(repo, repo_type=REPO_TYPE)
    if branch in {found.name for found in refs.branches}:
        api.delete_branch(repo, branch=branch, repo_type=REPO_TYPE)


def publish_withdrawn(
    root: Path, name: str, repo: str, private_key: Path | None = None, tell: Tell = print
) -> None:
    """Put the list of withdrawn versions of a release on the Hub, as the registry has it.

    Raises:
        InputError: there is no such release, or the Hub did not do it.
    """
    from huggingface_hub import CommitOperationAdd

    from toolkit.registry import Registry

    registry = Registry(root)
    reasons = registry.read_withdrawn(name)
    staging = registry.root / "release" / f".{name}.withdrawn"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    write_withdrawn(reasons, staging, private_key)
    operations = [CommitOperationAdd(path.name, path) for path in sorted(staging.iterdir())]
    with one_line_errors(repo):
        open_hub().create_commit(
            repo, operations, commit_message=f"Withdrawn versions of {name}", repo_type=REPO_TYPE
        )
    shutil.rmtree(staging)
    tell(f"{repo}: withdrawn {', '.join(reasons) or 'none'}")
