"""The key of published ids: made once, kept out of the release and of git, and told by its ids."""

import os
import secrets
from pathlib import Path

from toolkit.errors import InputError
from toolkit.files import make_folder
from toolkit.kinetics.table import read_table
from toolkit.manifest import read_manifest
from toolkit.release.provenance import MANIFEST, read_statement, release_name
from toolkit.release.pseudonyms import Pseudonyms


def make_key(path: Path) -> None:
    """Write a new key of 32 bytes, which only its owner may read; folders are made.

    Raises:
        InputError: there is a file already, or it cannot be written.
    """
    make_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise InputError(
            f"{path} is there already, and releases may rest on it: name another file"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}): name another") from error
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
    except OSError as error:
        path.unlink()
        raise InputError(f"{path}: cannot be written ({error.strerror}): name another") from error


def check_key(path: Path, release: Path, sources: Path) -> tuple[int, int]:
    """Return how many clips of a project a release has under the ids of a key, and of how many.

    Args:
        path: of the key.
        release: its folder.
        sources: the table of the sources that it was made from (``toolkit.kinetics.table``).

    Raises:
        InputError: it has none, so that is not its key; or a file cannot be read.
    """
    pseudonyms = Pseudonyms.from_file(path)
    published = {row.clip_id for row in read_manifest(release / MANIFEST)}
    private = {row.clip_id for row in read_table(sources) if row.clip_id}
    apart = pseudonyms.apart(release_name(read_statement(release)))  # what a list of clips has
    num_found = max(
        sum(names.publish(clip_id) in published for clip_id in private)
        for names in (pseudonyms, apart)
    )
    if not num_found:
        raise InputError(
            f"{path} is not the key of {release}: none of the {len(private)} clips in {sources} "
            "has its id there: look for the key that it was made with"
        )
    return num_found, len(private)
