"""Whether source files are still the ones that released clips were made from."""

from collections import defaultdict
from pathlib import Path

from toolkit.errors import InputError
from toolkit.kinetics.table import read_table
from toolkit.kinetics.tree import SourceFile, list_source, open_content
from toolkit.manifest import RELEASED, read_manifest
from toolkit.progress import StartStage
from toolkit.release.findings import Finding
from toolkit.release.provenance import MANIFEST
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.release.sums import hash_file


def audit_sources(
    folder: Path,
    sources: Path,
    root: Path,
    pseudonyms: Pseudonyms,
    clip_id: str | None = None,
    progress: StartStage | None = None,
) -> list[Finding]:
    """Compare the source files of released clips with the digests that the manifest has of them.

    A finding names a row of ``sources``, not the file: else it would lead from a published id to
    its source.

    Args:
        folder: of the release.
        sources: the table of the sources (``toolkit.kinetics.table``).
        root: the folder or tar that the table's paths are relative to.
        pseudonyms: with the key of the release.
        clip_id: published id of the only clip to look at; None for all.
        progress: told of each clip.

    Raises:
        InputError: manifest, table or root cannot be read.
    """
    rows = [row for row in read_manifest(folder / MANIFEST) if row.status == RELEASED]
    rows = [row for row in rows if clip_id in (None, row.clip_id)]
    source = list_source(root)
    files = {(file.path, file.member): file for file in source.files}
    places = defaultdict(list)
    for number, entry in enumerate(read_table(sources)):
        if entry.clip_id and entry.path:
            file = files.get((entry.path, entry.member))
            places[pseudonyms.publish(entry.clip_id)].append((number, file))
    findings = []
    advance = progress("sources", len(rows)) if progress else lambda _: None
    for row in rows:
        faults = {
            number: _compare_source(source.root, file, row.source_digest, pseudonyms)
            for number, file in places[row.clip_id]
        }
        if all(faults.values()):
            detail = "; ".join(f"row {number}: {fault}" for number, fault in faults.items())
            detail = detail or "no row of the table has this clip and a file"
            findings.append(Finding("changed_source", row.clip_id, sources.name, detail))
        advance(1)
    return findings


def _compare_source(
    root: Path, file: SourceFile | None, digest: str, pseudonyms: Pseudonyms
) -> str:
    """Return what is wrong with a source file; empty if nothing is."""
    if file is None:
        return "its file is not there"
    if file.problem:
        return f"its file is {file.problem}"
    try:
        with open_content(root, file) as content:
            sha256 = hash_file(content)
    except (InputError, OSError) as error:
        return f"its file cannot be read ({type(error).__name__})"
    return "" if pseudonyms.digest(sha256) == digest else "its file has other content"
