"""croissant.json: a release described for machines, by the Croissant format 1.1.

Its ``version`` is the version of the folder; all else that has one must agree with it. Source:
croissant-spec-1.1.md and croissant-rai-spec.md of mlcommons/croissant; the keys of RAI are made by
mlcroissant, those of provenance and use (sections "Provenance Representation" and "Data Use
Conditions") here, as mlcroissant has none for them.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit import __version__
from toolkit.errors import InputError
from toolkit.files import check_source, write_output
from toolkit.release.provenance import DATA, MANIFEST, PROVENANCE
from toolkit.release.sums import hash_file, list_files
from toolkit.versions import is_number

if TYPE_CHECKING:
    from toolkit.release.card import Contents

CROISSANT = "croissant.json"
_CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
_CONTEXT = {"prov": "http://www.w3.org/ns/prov#", "duo": "http://purl.obolibrary.org/obo/DUO_"}
_USES = {
    "any": [],
    "non-commercial": [("0000018", "not for profit, non commercial use only")],
    "research": [
        ("0000042", "general research use"),
        ("0000018", "not for profit, non commercial use only"),
    ],
}
"""What a licence allows -> terms of the Data Use Ontology."""
_FORMATS = {
    "mp4": "video/mp4",
    "json": "application/json",
    "cls": "text/plain",
    "safetensors": "application/octet-stream",
}
_COLUMNS = {
    "clip_id": "TEXT",
    "label": "TEXT",
    "cls": "INTEGER",
    "split": "TEXT",
    "status": "TEXT",
    "reason": "TEXT",
    "shard": "TEXT",
    "sample_sha256": "TEXT",
    "num_frames": "INTEGER",
    "fps": "FLOAT",
    "num_people": "INTEGER",
}
"""Columns of the manifest that are described, and the types that mlcroissant has for them."""


def write_croissant(folder: Path, contents: "Contents") -> None:
    """Describe what the folder of a release holds now.

    Args:
        folder: with shards, lists, manifest and provenance in their places.
        contents: what its pages tell.

    Raises:
        InputError: the folder cannot be read or written.
    """
    described = _Description(folder, contents).describe()
    text = json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False)
    with write_output(folder / CROISSANT) as partial:
        partial.write_text(text + "\n", "utf-8")


class _Description:
    """Makes the nodes of mlcroissant, which is loaded only here; they share one context."""

    def __init__(self, folder: Path, contents: "Contents") -> None:
        import mlcroissant

        self._mlc: Any = mlcroissant
        self._context = mlcroissant.Context(conforms_to=_CONFORMS_TO)
        self._folder = folder
        self._contents = contents

    def describe(self) -> dict[str, Any]:
        """Return the whole as JSON-LD."""
        facts, licence = self._contents.facts, self._contents.licence
        rai = facts.responsible
        files = [name for name in list_files(self._folder)[0] if self._is_described(name)]
        tars = [name for name in files if name.endswith(".tar")]
        metadata = self._make(
            "Metadata",
            name=self._contents.name,
            description=f"{facts.about} {facts.purpose}",
            version=self._contents.release.version,
            url=self._contents.url,
            license=[licence.url or f"{self._contents.url}/blob/main/LICENSES.md"],
            creators=[
                self._mlc.Organization(
                    ctx=self._context, name=facts.maintainer.name, url=facts.maintainer.url
                )
            ],
            date_published=facts.date_published,
            keywords=list(facts.tags),
            cite_as=f"{facts.paper.authors}: {facts.paper.title}. {facts.paper.url}",
            distribution=[*map(self._make_file, files), *self._make_sets(tars)],
            record_sets=[self._describe_manifest(), *([self._describe_clips()] if tars else [])],
            data_collection=facts.source.collected,
            data_preprocessing_protocol=rai.preprocessing,
            data_annotation_protocol=rai.annotation,
            data_annotation_platform=rai.platform,
            machine_annotation_tools=rai.tools,
            data_biases=[*rai.biases, *facts.source.biases],
            data_limitations=rai.limitations,
            data_use_cases=[*rai.uses, *(f"Not: {use}" for use in rai.not_for)],
            data_social_impact=rai.social_impact,
            personal_sensitive_information=[*rai.personal, facts.source.consent],
            data_release_maintenance_plan=rai.maintenance,
        )
        described: dict[str, Any] = metadata.to_json()
        described["@context"] |= _CONTEXT
        return described | self._tell_provenance() | {"usageInfo": self._tell_uses()}

    def _make(self, kind: str, **values: Any) -> Any:  # noqa: ANN401 - mlcroissant has no types
        return getattr(self._mlc, kind)(ctx=self._context, **values)

    @staticmethod
    def _is_described(name: str) -> bool:
        is_data = name.startswith(f"{DATA}/") and name.endswith(".tar")
        return is_data or name.startswith("lists/") or name in {MANIFEST, PROVENANCE}

    def _make_file(self, name: str) -> Any:  # noqa: ANN401
        kinds = {
            ".tar": "application/x-tar",
            ".parquet": "application/x-parquet",  # as mlcroissant reads it
            ".json": "application/json",
            ".csv": "text/csv",
            ".yaml": "application/yaml",
        }
        path = self._folder / name
        return self._make(
            "FileObject",
            id=name,
            name=name,
            content_url=name,
            content_size=f"{path.stat().st_size} B",
            encoding_formats=[kinds[path.suffix]],
            sha256=hash_file(path),
        )

    def _make_sets(self, tars: list[str]) -> list[Any]:
        """Return the parts of the samples, each kind of all tars."""
        kinds = [kind for kind in _FORMATS if kind != "safetensors" or self._contents.release.body]
        return [
            self._make(
                "FileSet",
                id=f"{kind}-files",
                name=f"{kind}-files",
                contained_in=tars,
                includes=[f"*.{kind}"],
                encoding_formats=[_FORMATS[kind]],
            )
            for kind in kinds
            if tars
        ]

    def _describe_manifest(self) -> Any:  # noqa: ANN401
        fields = [
            self._make_field(f"manifest/{name}", kind, file_object=MANIFEST, column=name)
            for name, kind in _COLUMNS.items()
        ]
        described = "A row for every clip that was taken in, released or not."
        return self._make(
            "RecordSet",
            id="manifest",
            name="manifest",
            key="manifest/clip_id",
            description=described,
            fields=fields,
        )

    def _describe_clips(self) -> Any:  # noqa: ANN401
        """Return the released clips: parts of a sample, joined with the manifest by the id."""
        key = self._make_field("clips/id", "TEXT", file_set="mp4-files", file_property="filename")
        key.source.transforms = [self._make("Transform", regex=r"([^.]+)")]
        key.references = self._make("Source", field="manifest/clip_id")
        video = self._make_field(
            "clips/video", "VIDEO_OBJECT", file_set="mp4-files", file_property="content"
        )
        joined = [
            self._make(
                "Field",
                id=f"clips/{name}",
                name=f"clips/{name}",
                data_types=[getattr(self._mlc.DataType, _COLUMNS[name])],
                source=self._make("Source", field=f"manifest/{name}"),
            )
            for name in ("label", "cls", "split", "num_frames", "fps", "num_people")
        ]
        return self._make(
            "RecordSet",
            id="clips",
            name="clips",
            description="The released clips.",
            fields=[key, video, *joined],
        )

    def _make_field(self, name: str, kind: str, **place: str) -> Any:  # noqa: ANN401
        extract = {key: place.pop(key) for key in ("column", "file_property") if key in place}
        return self._make(
            "Field",
            id=name,
            name=name,
            data_types=[getattr(self._mlc.DataType, kind)],
            source=self._make("Source", **place, extract=self._make("Extract", **extract)),
        )

    def _tell_provenance(self) -> dict[str, Any]:
        facts = self._contents.facts
        return {
            "prov:wasDerivedFrom": {
                "@type": "prov:Entity",
                "prov:label": facts.source.name,
                "url": facts.source.url,
            },
            "prov:wasGeneratedBy": {
                "@type": "prov:Activity",
                "prov:label": f"M2M Kinetics toolkit {__version__}: see {PROVENANCE}",
                "prov:used": [
                    {"@type": "prov:Entity", "prov:label": part.name, "license": part.licence}
                    for part in self._contents.components
                ],
            },
            "prov:wasAttributedTo": {
                "@type": "prov:Agent",
                "prov:label": facts.maintainer.name,
                "url": facts.maintainer.url,
            },
        }

    def _tell_uses(self) -> list[dict[str, str]]:
        defined = [
            {"@type": "DefinedTerm", "name": name, "termCode": f"DUO_{code}", "url": f"duo:{code}"}
            for code, name in _USES[self._contents.licence.allows]
        ]
        terms = [{"@type": "CreativeWork", "text": term} for term in self._contents.facts.terms]
        return defined + terms


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
