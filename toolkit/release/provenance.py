"""The provenance of a release: an in-toto statement with SLSA provenance v1.

It says which files were made, from what, by which configuration, and how many clips came through.
It names no time and no place, so that two builds of the same give the same bytes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from toolkit import __version__
from toolkit.errors import InputError
from toolkit.files import check_source, write_output
from toolkit.release.sums import hash_file, list_files

PROVENANCE, MANIFEST, DATA = "provenance.intoto.json", "manifest.parquet", "data"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
_HOME = "https://github.com/m2m-kinetics/toolkit"
_BUILD_TYPE = f"{_HOME}/dvc-repro/v1"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Dependency:
    """Something that a release was made from.

    Attributes:
        digest: algorithm ("sha256", "gitCommit") to value.
        annotations: what else is to be known, such as the licence.
    """

    name: str
    digest: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)


def make_statement(
    folder: Path,
    name: str,
    params: Mapping[str, Any],
    config_hashes: Mapping[str, str],
    dependencies: Sequence[Dependency],
    counts: Mapping[str, int],
) -> dict[str, Any]:
    """Describe how a release came about; its subjects are what ``folder`` holds now.

    Args:
        folder: with the shards, their indexes and the manifest in their places.
        name: of the release.
        params: what decided the result.
        config_hashes: stage to hash of its configuration.
        dependencies: what went in.
        counts: as ``toolkit.manifest.count_clips`` gives them.

    Raises:
        InputError: the folder has no manifest, or holds something in ``data/`` that is no file.
    """
    subjects = _find_subjects(folder)
    return {
        "_type": _STATEMENT_TYPE,
        "subject": [
            {"name": path, "digest": {"sha256": hash_file(folder / path)}} for path in subjects
        ],
        "predicateType": _PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"release": name, "params": dict(params)},
                "internalParameters": {
                    "toolkit_version": __version__,
                    "config_hashes": dict(config_hashes),
                },
                "resolvedDependencies": [_describe(dependency) for dependency in dependencies],
            },
            "runDetails": {"builder": {"id": _HOME}, "metadata": {"counts": dict(counts)}},
        },
    }


def _find_subjects(folder: Path) -> list[str]:
    plain, _ = list_files(folder)
    if MANIFEST not in plain:
        raise InputError(f"{folder} has no {MANIFEST}: write it before the provenance")
    return [path for path in plain if path == MANIFEST or path.startswith(f"{DATA}/")]


def _describe(dependency: Dependency) -> dict[str, Any]:
    return {key: value for key, value in asdict(dependency).items() if value}


def write_statement(statement: Mapping[str, Any], folder: Path) -> None:
    """Write a statement into the folder of its release."""
    text = json.dumps(statement, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with write_output(folder / PROVENANCE) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def read_statement(folder: Path) -> dict[str, Any]:
    """Read the statement of a release; what ``subject_digests`` and the like need is there.

    Raises:
        InputError: it is missing, or is no statement of this kind.
    """
    path = folder / PROVENANCE
    check_source(path)
    try:
        statement = json.loads(path.read_bytes())
        fault = _find_fault(statement)
    except (ValueError, RecursionError) as error:
        fault = f"no JSON: {error}"
    except (TypeError, KeyError, AttributeError) as error:
        fault = f"another shape: {error}"
    if fault:
        raise InputError(
            f"{path} is no in-toto statement of a release ({fault}): fetch the release again"
        )
    return dict(statement)


def _find_fault(statement: Any) -> str:  # noqa: ANN401 - whatever a file holds
    """Return what is wrong with a statement; empty if nothing is."""
    types = (statement["_type"], statement["predicateType"])
    build_type = statement["predicate"]["buildDefinition"]["buildType"]
    digests, counts = subject_digests(statement), statement_counts(statement)
    texts = (release_name(statement), *digests, *config_hashes(statement).values())
    faults = {
        "another type": (*types, build_type) != (_STATEMENT_TYPE, _PREDICATE_TYPE, _BUILD_TYPE),
        "subjects that are no list": not isinstance(statement["subject"], list),
        "a subject is named twice": len(digests) != len(statement["subject"]),
        "no sha256 of a subject": not all(map(_SHA256.fullmatch, digests.values())),
        "a name or hash that is no text": not all(isinstance(text, str) for text in texts),
        "a count that is no number": any(type(count) is not int for count in counts.values()),
    }
    return next((fault for fault, is_there in faults.items() if is_there), "")


def release_name(statement: Mapping[str, Any]) -> str:
    """Return which release it is about."""
    parameters = statement["predicate"]["buildDefinition"]["externalParameters"]
    name: str = parameters["release"]
    return name


def subject_digests(statement: Mapping[str, Any]) -> dict[str, str]:
    """Return path in the release to sha256 of each file that was made."""
    return {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}


def config_hashes(statement: Mapping[str, Any]) -> dict[str, str]:
    """Return stage to hash of its configuration."""
    parameters = statement["predicate"]["buildDefinition"]["internalParameters"]
    return dict(parameters["config_hashes"])


def statement_counts(statement: Mapping[str, Any]) -> dict[str, int]:
    """Return how many clips were taken in, and how many had each status."""
    return dict(statement["predicate"]["runDetails"]["metadata"]["counts"])
