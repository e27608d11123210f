"""``m2m takedown --purge``: what the Hub has of clips that were taken down is removed, for good.

A file stays on the Hub as long as a commit of any age names it. So the versions that hold such a
clip lose their tags first, and then all large files that no tag or branch has any more are deleted
from the Hub's store. The history is not written anew: that would move the tags of the versions that
stand, which whoever pinned one refuses (``toolkit.release.download``). What it still has of a file
that is gone is a pointer: digest and size.
"""

import glob
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from toolkit.errors import InputError
from toolkit.release.hub import (
    REPO_TYPE,
    WITHDRAWN,
    WITHDRAWN_SIGNATURE,
    HubError,
    list_tree,
    one_line_errors,
    open_hub,
    read_withdrawn,
)
from toolkit.release.publish import BRANCH
from toolkit.release.remnants import read_texts
from toolkit.release.takedown import Opened, Tell
from toolkit.versions import is_number, parse_number

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import GitRefInfo, LFSFileInfo, RepoFile

    from toolkit.release.takedown_list import TakedownList

_TAR = ".tar"
_NOTICES = {WITHDRAWN, WITHDRAWN_SIGNATURE}
"""They name clips that nobody should have any more, to who has them."""


def purge(root: Path, repo: str, tell: Tell, *, dry_run: bool = False) -> None:
    """Remove from the Hub all that it has of clips that were taken down before.

    Args:
        root: of the project, or a folder in it.
        repo: ORG/NAME on the Hub.
        tell: told of each step.
        dry_run: only tell what would be done.

    Raises:
        InputError: a version that stands there, or ``main``, has such a clip: nothing was removed.
        HubError: the Hub did not do it; the same command goes on.
    """
    takedowns = Opened.open(root).read_list()
    if not takedowns.takedowns:
        raise InputError("nothing was taken down yet: m2m takedown --clip-id or --youtube-id")
    api = open_hub()
    with one_line_errors(repo):
        refs = _list_refs(api, repo)
        trees = {ref.ref: list_tree(api, repo, ref.target_commit) for ref in refs}
        touched = list(_find_touched(api, repo, takedowns, refs, trees))
        _check_touched(api, repo, touched)
        kept = {
            file.lfs.sha256
            for ref in refs
            if ref not in touched
            for file in trees[ref.ref].values()
            if file.lfs
        }
        for ref in touched:
            tell(f"{repo}: {ref.ref} has a clip that was taken down: it goes")
            if not dry_run:
                _delete_ref(api, repo, ref)
        gone = _list_large(api, repo, kept)
        num_bytes = sum(file.size for file in gone)
        tell(f"{repo}: {len(gone)} large files, {num_bytes / 1e6:,.1f} MB, are of no version left")
        if dry_run:
            tell("nothing was changed")
            return
        api.permanently_delete_lfs_files(repo, gone, rewrite_history=False, repo_type=REPO_TYPE)
        if left := _list_large(api, repo, kept):
            raise HubError(
                f"{repo}: the Hub still has {len(left)} of them ({left[0].file_oid[:16]}…): run "
                "the same command again, and if it stays so ask the Hub's support"
            )
    standing = ", ".join(ref.name for ref in refs if ref not in touched)
    tell(
        f"{repo}: they are gone for good; nothing is left of {len(takedowns.takedowns)} clips in "
        f"{standing}"
    )


def _list_refs(api: "HfApi", repo: str) -> "list[GitRefInfo]":
    refs = api.list_repo_refs(repo, repo_type=REPO_TYPE)
    return [*refs.branches, *refs.tags]


def _find_touched(
    api: "HfApi",
    repo: str,
    takedowns: "TakedownList",
    refs: "list[GitRefInfo]",
    trees: "dict[str, dict[str, RepoFile]]",
) -> "Iterator[GitRefInfo]":
    """Yield branches and tags of which a file names such a clip, or the index of a tar does."""
    told: dict[str, bool] = {}  # the same file is looked into once
    for ref in refs:
        files = {
            name: file.blob_id
            for name, file in trees[ref.ref].items()
            if not name.endswith(_TAR) and name not in _NOTICES
        }
        new = [name for name, blob in files.items() if blob not in told]
        with TemporaryDirectory() as scratch:
            api.snapshot_download(
                repo,
                repo_type=REPO_TYPE,
                revision=ref.target_commit,
                local_dir=scratch,
                allow_patterns=[glob.escape(name) for name in new],
            )
            for name in new:
                texts = read_texts(Path(scratch, name))
                told[files[name]] = any(map(takedowns.is_told_by, texts))
        if any(told[blob] for blob in files.values()):
            yield ref


def _check_touched(api: "HfApi", repo: str, touched: "list[GitRefInfo]") -> None:
    """Check that nothing is to go but withdrawn versions, and unfinished ones."""
    withdrawn = read_withdrawn(api, repo, None)
    for ref in touched:
        is_version = ref.ref.startswith("refs/tags/") and is_number(ref.name)
        if is_version and parse_number(ref.name) in withdrawn:
            continue
        if ref.ref.startswith(f"refs/heads/{BRANCH}"):
            continue
        raise InputError(
            f"{repo}: {ref.name} has a clip that was taken down, and is no withdrawn version: "
            "publish the version without the clip first (m2m publish, m2m withdraw); a branch or "
            "tag that is not ours, delete yourself"
        )


def _delete_ref(api: "HfApi", repo: str, ref: "GitRefInfo") -> None:
    if ref.ref.startswith("refs/tags/"):
        api.delete_tag(repo, tag=ref.name, repo_type=REPO_TYPE)
    else:
        api.delete_branch(repo, branch=ref.name, repo_type=REPO_TYPE)


def _list_large(api: "HfApi", repo: str, but: set[str]) -> "list[LFSFileInfo]":
    files = api.list_lfs_files(repo, repo_type=REPO_TYPE)
    return [file for file in files if file.file_oid not in but]
