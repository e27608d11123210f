"""Whether a folder is what was released, offline and as fast as sha256: each byte is read once.

``toolkit.release.audit`` with the digests of clips taken from the indexes, which are believed where
they are what was released; and, with that, the version and the signature.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from toolkit.errors import InputError
from toolkit.progress import StartStage
from toolkit.release.audit import audit
from toolkit.release.croissant import CROISSANT, read_version
from toolkit.release.findings import Audit, Finding, sort_findings
from toolkit.release.origin import read_origin
from toolkit.release.sign import SignatureError, verify_file
from toolkit.release.sums import SIGNATURE, SUMS


def verify(
    folder: Path,
    public_key: Path | None = None,
    version: str | None = None,
    progress: StartStage | None = None,
) -> Audit:
    """Check the folder of a release, or of a download of some shards of it.

    Args:
        folder: of the release.
        public_key: of who must have signed it; None: nobody must.
        version: vX.Y.Z that it must be; None: the one that it was downloaded as, if it was.
        progress: told of each shard that was read.

    Raises:
        InputError: there is no such folder, or the key cannot be read.
    """
    done = audit(folder, progress=progress, deep=False)
    findings = [*done.findings, *_check_version(folder, version)]
    if public_key is not None and (folder / SUMS).is_file():  # else it is missing already
        findings += _check_signature(folder, public_key)
    return replace(
        done,
        findings=sort_findings(findings),
        has_version=True,
        has_signature=public_key is not None,
    )


def _check_version(folder: Path, version: str | None) -> Iterator[Finding]:
    try:
        found = f"v{read_version(folder)}"
        origin = read_origin(folder)
    except InputError as error:
        yield Finding("wrong_version", "", CROISSANT, str(error))
        return
    wanted = version or (origin.version if origin else found)
    if found != wanted:
        yield Finding("wrong_version", "", CROISSANT, f"it says {found}, not {wanted}")


def _check_signature(folder: Path, public_key: Path) -> Iterator[Finding]:
    try:
        verify_file(folder / SUMS, folder / SIGNATURE, public_key)
    except SignatureError as error:
        yield Finding("wrong_signature", "", SIGNATURE, str(error))
