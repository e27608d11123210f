"""Which clips are made again: the release decides, and nobody else.

That they come out the same is tested on a real build: tests/pipelines/test_audit_built.py.
"""

from toolkit.manifest import ManifestRow
from toolkit.release.findings import Audit
from toolkit.stages.rebuild import choose_clips


def _make_audit(digest: str) -> Audit:
    rows = tuple(
        ManifestRow(
            clip_id=f"{number:04x}",
            label="wave",
            cls=0,
            split="train",
            status="released" if number % 2 else "quarantined",
            reason="",
            shard="",
            sample_sha256="",
            num_frames=8,
            fps=8.0,
            num_people=1,
            checks=(),
            source_digest="",
            chain=(),
        )
        for number in range(40)
    )
    return Audit("m2m-kinetics", digest, rows, {}, 1, ())


def test_the_digest_of_the_release_chooses() -> None:
    """A rerun chooses the same, more begins with the same, and another release chooses others."""
    chosen = choose_clips(_make_audit("5e"), 5)
    assert choose_clips(_make_audit("5e"), 5) == chosen
    assert choose_clips(_make_audit("5e"), 9)[:5] == chosen
    assert choose_clips(_make_audit("5f"), 5) != chosen


def test_only_released_clips_are_chosen() -> None:
    """Each once, and all of them where more are asked for."""
    chosen = choose_clips(_make_audit("5e"), 100)
    assert {row.status for row in chosen} == {"released"}
    assert len({row.clip_id for row in chosen}) == len(chosen) == 20
