"""The statement: in-toto's shape, the same bytes twice, and nothing else taken for one."""

import copy
import json
from pathlib import Path

import pytest

from toolkit import __version__
from toolkit.errors import InputError
from toolkit.release.provenance import (
    Dependency,
    config_hashes,
    make_statement,
    read_statement,
    release_name,
    statement_counts,
    subject_digests,
    write_statement,
)

COUNTS = {"ingested": 2, "released": 1, "quarantined": 1, "failed": 0}
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of a release, all of them empty, with their statement."""
    (tmp_path / "data").mkdir()
    for name in ("data/a.tar", "data/a.index.json", "manifest.parquet", "README.md"):
        (tmp_path / name).touch()
    dependencies = [
        Dependency("git", {"gitCommit": "c0ffee"}),
        Dependency("nanodet", {"sha256": "d" * 64}, {"license": "Apache-2.0"}),
    ]
    statement = make_statement(
        tmp_path, "m2m-kinetics", {"size": [432, 240]}, {"mask": "3f1c"}, dependencies, COUNTS
    )
    write_statement(statement, tmp_path)
    return tmp_path


def test_it_has_the_shape_of_slsa_provenance(folder: Path) -> None:
    """Word for word, without a time or a place."""
    home = "https://github.com/m2m-kinetics/toolkit"
    digest = {"sha256": EMPTY_SHA256}
    text = (folder / "provenance.intoto.json").read_text()
    assert json.loads(text) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": name, "digest": digest}
            for name in ("data/a.index.json", "data/a.tar", "manifest.parquet")
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": f"{home}/dvc-repro/v1",
                "externalParameters": {
                    "release": "m2m-kinetics",
                    "params": {"size": [432, 240]},
                },
                "internalParameters": {
                    "toolkit_version": __version__,
                    "config_hashes": {"mask": "3f1c"},
                },
                "resolvedDependencies": [
                    {"name": "git", "digest": {"gitCommit": "c0ffee"}},
                    {
                        "name": "nanodet",
                        "digest": {"sha256": "d" * 64},
                        "annotations": {"license": "Apache-2.0"},
                    },
                ],
            },
            "runDetails": {"builder": {"id": home}, "metadata": {"counts": COUNTS}},
        },
    }
    assert str(folder) not in text


def test_what_is_written_is_read(folder: Path) -> None:
    """And written again it has the same bytes, in whatever order its keys come."""
    statement = read_statement(folder)
    assert release_name(statement) == "m2m-kinetics"
    assert subject_digests(statement)["manifest.parquet"] == EMPTY_SHA256
    assert (config_hashes(statement), statement_counts(statement)) == ({"mask": "3f1c"}, COUNTS)
    before = (folder / "provenance.intoto.json").read_bytes()
    write_statement(dict(reversed(statement.items())), folder)
    assert (folder / "provenance.intoto.json").read_bytes() == before


def test_without_a_manifest_there_is_no_provenance(tmp_path: Path) -> None:
    """It would say nothing of the clips."""
    with pytest.raises(InputError, match="write it before the provenance"):
        make_statement(tmp_path, "x", {}, {}, [], COUNTS)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", "[" * 100_000, "\ud800"])
def test_text_that_is_no_statement(folder: Path, text: str) -> None:
    """No JSON, or JSON of another shape."""
    (folder / "provenance.intoto.json").write_text(text, errors="surrogatepass")
    with pytest.raises(InputError, match=r"provenance\.intoto\.json"):
        read_statement(folder)


_BUILD = ("predicate", "buildDefinition")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("_type",), "https://in-toto.io/Statement/v0.1"),
        (("predicateType",), "x"),
        ((*_BUILD, "buildType"), "x"),
        (("subject",), {}),
        (("subject", 0), {"name": "x", "digest": {"sha256": 1}}),
        (("subject", 0), {"name": "x", "digest": {"sha256": "e3b0"}}),
        (("subject", 0), {"name": "x", "digest": {"md5": "e3b0"}}),
        (("subject", 0), {"name": 1, "digest": {"sha256": EMPTY_SHA256}}),
        (("subject", 0, "name"), "data/a.tar"),
        ((*_BUILD, "externalParameters", "release"), None),
        ((*_BUILD, "internalParameters", "config_hashes"), {"mask": 1}),
        ((*_BUILD, "internalParameters"), []),
        (("predicate", "runDetails", "metadata", "counts"), {"released": "1"}),
        (("predicate", "runDetails"), None),
    ],
)
def test_another_shape_is_refused(
    folder: Path, place: tuple[str | int, ...], value: object
) -> None:
    """Each thing that an audit reads of it."""
    statement = copy.deepcopy(read_statement(folder))
    inner = statement
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (folder / "provenance.intoto.json").write_text(json.dumps(statement))
    with pytest.raises(InputError, match="is no in-toto statement of a release"):
        read_statement(folder)
