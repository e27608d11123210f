"""Sources of a release: one that was changed is found, and no finding leads to a source."""

from dataclasses import replace

from tests.release.conftest import Release, flip
from toolkit.release.audit_sources import audit_sources


def _find_changed(release: Release) -> dict[str, str]:
    findings = audit_sources(release.folder, release.table, release.root, release.pseudonyms)
    assert {finding.kind for finding in findings} <= {"changed_source"}
    assert {finding.file for finding in findings} <= {"ingest.parquet"}
    return {finding.clip: finding.detail for finding in findings}


def test_changed_sources_are_found(release: Release) -> None:
    """A file, a member of a tar, and a file that is gone; no finding names a source."""
    assert _find_changed(release) == {}
    first, second, third = (
        release.pseudonyms.publish(f"clip{number}_000000_000010") for number in (1, 2, 3)
    )
    flip(release.root / "wave/clip1_000000_000010.mp4", 20)
    (release.root / "wave/clip2_000000_000010.mp4").unlink()
    tar = release.root / "more.tar"
    flip(tar, tar.read_bytes().index(b"video clip3"))
    assert _find_changed(release) == {
        first: "row 1: its file has other content",
        second: "row 2: its file is not there",
        third: "row 3: its file has other content",
    }
    only = audit_sources(
        release.folder, release.table, release.root, release.pseudonyms, clip_id=second
    )
    assert [finding.clip for finding in only] == [second]


def test_with_another_key_no_source_is_the_one(release: Release) -> None:
    """Nobody can confirm a source without the key."""
    other = replace(release.pseudonyms, key=b"another")
    findings = audit_sources(release.folder, release.table, release.root, other)
    assert len(findings) == 6
