"""What an audit can find, and what it says in the end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from toolkit.manifest import ManifestRow

KINDS = {
    "changed_shard": "a tar or its index is not what was released",
    "changed_sample": "a clip's sample is not the one of the manifest",
    "swapped_sample": "a clip has the sample of another one",
    "missing_clip": "the manifest has it as released, and it is not in its shard",
    "unnamed_clip": "a shard holds it, and the manifest does not have it there",
    "unreleased_clip": "a shard holds it, although it was not released",
    "failed_check": "it was released without having passed every check",
    "wrong_counts": "the provenance counts other clips than the manifest has",
    "changed_manifest": "the manifest is not the one that was released, or is none",
    "changed_provenance": "the provenance is not the one that was released, or is none",
    "changed_file": "another file is not what was released",
    "missing_file": "a file of the release is not there",
    "extra_file": "something that is no part of the release",
    "wrong_version": "its files do not say that it is the version that was asked for",
    "wrong_signature": "it is not signed by the key that was given",
    "changed_source": "a source file is not the one that a clip was made from",
    "changed_rebuild": "a clip made again from its source is another one",
}
"""What an audit can find, and what each means; findings are listed in this order."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it must be.

    Attributes:
        kind: a name of ``KINDS``.
        clip: published id of the clip that it hits; empty where it hits none.
        file: path in the release; empty where it is about none.
    """

    kind: str
    clip: str
    file: str
    detail: str


@dataclass(frozen=True)
class Audit:
    """What an audit looked at and found.

    Attributes:
        name: of the release; empty where its provenance cannot be read.
        digest: sha256 of SHA256SUMS, which stands for the whole release; empty where it is missing.
        rows: clips that were checked: all of the manifest, or the one asked for.
        counts: of the whole manifest (``toolkit.manifest.count_clips``).
        num_shards: that were read.
        has_version, has_signature: whether the version and the signature were looked at.
        has_sources: whether source files were compared.
        num_rebuilt: clips that were made again from their source.
        findings: sorted by kind, clip and file.
    """

    name: str
    digest: str
    rows: tuple[ManifestRow, ...]
    counts: Mapping[str, int]
    num_shards: int
    findings: tuple[Finding, ...]
    has_version: bool = False
    has_signature: bool = False
    has_sources: bool = False
    num_rebuilt: int = 0

    @property
    def num_clips(self) -> int:
        """Number of clips that were checked."""
        return len(self.rows)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by kind, clip and file, each once."""
    order = list(KINDS)
    return tuple(
        sorted(set(findings), key=lambda f: (order.index(f.kind), f.clip, f.file, f.detail))
    )
