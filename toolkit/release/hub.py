"""The Hub as releases use it: a dataset repository whose tags vX.Y.Z are the versions.

``main`` holds the newest version, and ``withdrawn.json`` the versions that must not be used any
more. Nothing but a tag is ever downloaded. The token is huggingface_hub's own affair: it is read
from where ``hf auth login`` put it, and is in no message of ours.
"""

import errno
import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from toolkit.errors import FREE_SPACE, InputError
from toolkit.release.sign import sign_file, verify_file
from toolkit.versions import Number, is_number, parse_number

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

REPO_TYPE, MAIN = "dataset", "main"
WITHDRAWN, WITHDRAWN_SIGNATURE = "withdrawn.json", "withdrawn.sig"
_MAX_LIST_BYTES = 1 << 20
_NO_HUB = (
    "{}: what answered is no Hub, but perhaps a network that wants a login, or a proxy: open the "
    "Hub's page in a browser, and check HF_ENDPOINT"
)


class HubError(InputError):
    """The Hub did not do what was asked: it says no, is out of order, or cannot be reached."""


def open_hub() -> "HfApi":
    """Return huggingface_hub's client, quiet where nobody watches.

    Raises:
        InputError: it is not installed.
    """
    try:
        import huggingface_hub as hub
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as error:
        raise InputError(f"the Hub needs {error.name}: pip install 'm2m-toolkit[hub]'") from error
    hub.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    warnings.filterwarnings("ignore", "Not enough free disk space")  # our error says it
    if not sys.stderr.isatty():
        disable_progress_bars()
    return hub.HfApi(library_name="m2m-toolkit")


def list_versions(api: "HfApi", repo: str) -> dict[Number, str]:
    """Return version to commit of all tags that are versions, from the oldest number on."""
    tags = api.list_repo_refs(repo, repo_type=REPO_TYPE).tags
    versions = {parse_number(tag.name): tag.target_commit for tag in tags if is_number(tag.name)}
    return dict(sorted(versions.items()))


def find_main(api: "HfApi", repo: str) -> str | None:
    """Return the commit of ``main``; None where there is no such branch."""
    branches = api.list_repo_refs(repo, repo_type=REPO_TYPE).branches
    return next((branch.target_commit for branch in branches if branch.name == MAIN), None)


def list_tree(api: "HfApi", repo: str, revision: str) -> dict[str, "RepoFile"]:
    """Return path to what the Hub says of each file at a commit, tag or branch."""
    from huggingface_hub.hf_api import RepoFile

    tree = api.list_repo_tree(repo, recursive=True, revision=revision, repo_type=REPO_TYPE)
    return {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}


def write_withdrawn(reasons: dict[str, str], folder: Path, private_key: Path | None) -> None:
    """Write the list of withdrawn versions, and its signature where there is a key.

    Args:
        reasons: vX.Y.Z to why; it must name nobody, for everybody reads it.
        folder: where to.
        private_key: to sign it with.
    """
    text = json.dumps({"withdrawn": reasons}, indent=1, ensure_ascii=False, sort_keys=True)
    (folder / WITHDRAWN).write_text(text + "\n", encoding="utf-8")
    if private_key is not None:
        sign_file(folder / WITHDRAWN, folder / WITHDRAWN_SIGNATURE, private_key)


def read_withdrawn(api: "HfApi", repo: str, public_key: Path | None) -> dict[Number, str]:
    """Return which versions are withdrawn, and why, as ``main`` says now.

    Raises:
        InputError: the list is none, or is not signed by the key that was given.
    """
    main = find_main(api, repo)
    wanted = [WITHDRAWN, WITHDRAWN_SIGNATURE]
    found = api.get_paths_info(repo, wanted, revision=main, repo_type=REPO_TYPE) if main else []
    sizes = {entry.path: getattr(entry, "size", 0) for entry in found}
    if WITHDRAWN not in sizes:
        return {}
    if max(sizes.values()) > _MAX_LIST_BYTES:
        raise InputError(f"{repo}: {WITHDRAWN} is no list of versions: ask who publishes it")
    with TemporaryDirectory() as place:
        for name in sizes:
            api.hf_hub_download(repo, name, repo_type=REPO_TYPE, revision=main, local_dir=place)
        if public_key is not None:
            verify_file(Path(place, WITHDRAWN), Path(place, WITHDRAWN_SIGNATURE), public_key)
        try:
            said = json.loads(Path(place, WITHDRAWN).read_bytes())["withdrawn"]
            return {parse_number(version): str(reason) for version, reason in said.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{repo}: {WITHDRAWN} is no list of versions: ask who publishes it"
            ) from error


@contextmanager
def one_line_errors(repo: str) -> Iterator[None]:
    """Turn what goes wrong with the Hub, or with the disk, into an error that says what to do."""
    import httpx2
    from huggingface_hub.errors import (
        FileMetadataError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        yield
    except HFValidationError as error:
        raise InputError(f"{repo!a} is no name of a repository: ORG/NAME") from error
    except (HfHubHTTPError, httpx2.HTTPError, ConnectionError) as error:
        raise HubError(_explain(repo, error)) from error
    except (LocalEntryNotFoundError, RuntimeError) as error:  # what went wrong is its cause
        if isinstance(error.__cause__, FileMetadataError):
            raise HubError(_NO_HUB.format(repo)) from error
        if not isinstance(error.__cause__, HfHubHTTPError | httpx2.HTTPError | ConnectionError):
            raise
        raise HubError(_explain(repo, error.__cause__)) from error
    except json.JSONDecodeError as error:
        raise HubError(_NO_HUB.format(repo)) from error
    except OSError as error:
        if error.errno is None:  # huggingface_hub counts the bytes
            raise HubError(f"{repo}: a file came short: run the same command again") from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"the disk is full: {FREE_SPACE}, and run the same command again: it goes on"
            ) from error
        raise HubError(f"{repo}: {' '.join(str(error).split())}") from error


def _explain(repo: str, error: BaseException) -> str:
    from huggingface_hub.errors import HfHubHTTPError

    if not isinstance(error, HfHubHTTPError):
        return (
            f"{repo}: the Hub cannot be reached ({type(error).__name__}): run the same command "
            "again, it goes on where it stopped"
        )
    status = error.response.status_code
    if status in (401, 403, 404):
        return (
            f"{repo}: the Hub has no such dataset, or not for you ({status}): check the name, ask "
            "for access on its page, and log in:  hf auth login"
        )
    if status == 412:
        return f"{repo}: somebody else has changed it meanwhile: run the same command again"
    if status == 429 or status >= 500:
        after = error.response.headers.get("Retry-After", "")
        when = f"in {after} s" if after.isdigit() else "later"
        return f"{repo}: the Hub cannot answer now ({status}): run the same command again {when}"
    message = " ".join((error.server_message or "").split())
    return f"{repo}: the Hub refused ({status} {message})"
