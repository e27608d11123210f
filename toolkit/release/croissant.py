"""croissant.json: a release described for machines, by the Croissant format 1.1.

Its ``version`` is the version of the folder; all else that has one must agree with it.
"""

import json
from pathlib import Path

from toolkit.errors import InputError
from toolkit.files import check_source, write_output
from toolkit.versions import is_number

CROISSANT = "croissant.json"


def write_croissant(folder: Path, name: str, version: str) -> None:
    """Describe what the folder of a release holds now.

    Args:
        folder: with shards and manifest in their places.
        name: of the release.
        version: X.Y.Z.
    """
    described = {
        "@context": {"@vocab": "http://schema.org/", "dct": "http://purl.org/dc/terms/"},
        "@type": "Dataset",
        "dct:conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": name,
        "version": version,
    }
    with write_output(folder / CROISSANT) as partial:
        partial.write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n", "utf-8")


def read_version(folder: Path) -> str:
    """Return the version of a release, X.Y.Z.

    Raises:
        InputError: its croissant.json is missing, or says no such version.
    """
    path = folder / CROISSANT
    check_source(path)
    try:
        version = json.loads(path.read_bytes())["version"]
    except (ValueError, RecursionError, KeyError, TypeError):
        version = None
    if not isinstance(version, str) or not is_number(f"v{version}"):
        raise InputError(f"{path}: its version is no X.Y.Z: fetch or build the release again")
    return version
