"""croissant.json says what is in a release, by the official validator, and which version it is."""

import json
from pathlib import Path

import mlcroissant
import pytest

from tests.described import LABELS, LIST, NAME
from toolkit.errors import InputError
from toolkit.manifest import RELEASED, read_manifest
from toolkit.release.croissant import CROISSANT, read_version
from toolkit.release.sums import hash_file
from toolkit.stages.project import Project


@pytest.mark.parametrize("name", [NAME, LIST])
def test_the_official_validator_finds_nothing(
    described: Project, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No error, and no warning but that a date of publishing is recommended."""
    dataset = mlcroissant.Dataset(jsonld=described.release(name) / CROISSANT)
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert all("datePublished" in warning for warning in issues.warnings)
    assert all("datePublished" in message for message in caplog.messages)


def test_files_have_their_digests_and_sizes(described: Project) -> None:
    """Every tar, the manifest and the provenance; of a list, its tables too."""
    for name in (NAME, LIST):
        folder = described.release(name)
        described_files = {
            node["contentUrl"]: (node["sha256"], node["contentSize"])
            for node in json.loads((folder / CROISSANT).read_text("utf-8"))["distribution"]
            if node["@type"] == "cr:FileObject"
        }
        there = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
        data = {n for n in there if n.endswith((".tar", ".parquet")) or n.startswith("lists/")}
        assert set(described_files) == data | {"provenance.intoto.json"}
        for path, (sha256, size) in described_files.items():
            assert sha256 == hash_file(there[path])
            assert size == f"{there[path].stat().st_size} B"


def test_its_records_are_the_clips(described: Project) -> None:
    """Mlcroissant reads videos from the tars, and finds label and split in the manifest."""
    folder = described.release(NAME)
    dataset = mlcroissant.Dataset(jsonld=folder / CROISSANT)
    rows = {row.clip_id: row for row in read_manifest(folder / "manifest.parquet")}
    assert len(list(dataset.records("manifest"))) == len(rows)
    records = list(dataset.records("clips"))
    released = {row.clip_id for row in rows.values() if row.status == RELEASED}
    assert {record["clips/id"].decode() for record in records} == released
    for record in records:
        row = rows[record["clips/id"].decode()]
        assert record["clips/label"].decode() == row.label in LABELS
        assert record["clips/split"].decode() == row.split
        assert b"ftyp" in record["clips/video"][:16]


def test_it_tells_origin_terms_and_risks(described: Project) -> None:
    """PROV, use terms, and the fields of RAI, from the same facts as the card."""
    said = json.loads((described.release(NAME) / CROISSANT).read_text("utf-8"))
    assert said["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert said["prov:wasDerivedFrom"]["prov:label"] == "Synthetic actors of m2m actors"
    used = {part["prov:label"] for part in said["prov:wasGeneratedBy"]["prov:used"]}
    assert {"mannequin-x", "nanodet"} <= used
    terms = [term.get("termCode") or term["text"] for term in said["usageInfo"]]
    assert "DUO_0000042" in terms
    card = (described.release(NAME) / "README.md").read_text("utf-8")
    for limit in said["rai:dataLimitations"]:
        assert limit in card
    assert {key for key in said if key.startswith("rai:")} >= {
        "rai:dataBiases", "rai:dataUseCases", "rai:personalSensitiveInformation",
        "rai:dataReleaseMaintenancePlan", "rai:dataPreprocessingProtocol", "rai:dataSocialImpact",
    }  # fmt: skip


def test_it_has_the_version_of_the_folder(described: Project) -> None:
    """The card has the same."""
    folder = described.release(NAME)
    assert read_version(folder) == "1.0.0"
    card = (folder / "README.md").read_text("utf-8")
    assert "\nversion: 1.0.0\n" in card
    assert "\n# M2M Kinetics v1.0.0\n" in card


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"version": 1}', '{"version": "1.0"}', "[" * 100_000]
)
def test_a_version_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    """Whatever a folder from anywhere holds."""
    (tmp_path / CROISSANT).write_text(content)
    with pytest.raises(InputError, match="its version is no X"):
        read_version(tmp_path)
