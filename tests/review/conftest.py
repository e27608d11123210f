"""A small release with real videos, and its review page."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.release.conftest import describe
from toolkit.manifest import CheckValue, ManifestRow, write_manifest
from toolkit.qa.checks import CRITICAL
from toolkit.review.page import write_review_page
from toolkit.review.sample import Pick
from toolkit.shards import Sample, write_shard
from toolkit.stages.parts import pack_video
from toolkit.video import Timing

NUM_FRAMES, FPS = 12, 8
HOSTILE = '"><script>window.hit=1</script><img src=x onerror="window.hit=1">'
SHARD = "data/train-00000-of-00001.tar"


def make_row(clip_id: str, **values: object) -> ManifestRow:
    """A released clip whose check of faces says 0.1, its worst frame being 7."""
    status, faces = values.get("status", "released"), values.pop("faces", 0.1)
    check = CheckValue("faces", faces, 0.5, faces <= 0.5, 7, (10.0, 5.0, 40.0, 30.0), CRITICAL)
    fine = CheckValue("hands", 0.0, 0.6, True, 0, (), CRITICAL)
    return ManifestRow(
        **{
            "clip_id": clip_id,
            "label": "wave",
            "cls": 0,
            "split": "train",
            "status": status,
            "reason": "",
            "shard": Path(SHARD).name if status == "released" else "",
            "sample_sha256": clip_id * 2 if status == "released" else "",
            "num_frames": NUM_FRAMES,
            "fps": float(FPS),
            "num_people": 1,
            "checks": (check, fine),
            "source_digest": "",
            "chain": (),
            **values,
        }
    )


@dataclass(frozen=True)
class Reviewed:
    """A release folder, what its manifest says, and a sample of all its clips."""

    folder: Path
    rows: list[ManifestRow]
    picks: list[Pick]


@pytest.fixture(scope="package")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    """Three clips that get brighter from frame to frame; the label of one is hostile."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "data").mkdir()
    samples, rows = [], []
    for number, label in enumerate(("clap", HOSTILE, "=bow")):
        frames = [np.full((64, 96, 3), 20 * i + number, np.uint8) for i in range(NUM_FRAMES)]
        video = pack_video(frames, Timing.constant(NUM_FRAMES, FPS), 1.0, crf=23)
        sample = Sample(f"clip{number}", {"mp4": video})
        samples.append(sample)
        rows.append(make_row(sample.key, label=label, sample_sha256=sample.sha256))
    write_shard(folder / SHARD, samples)
    write_manifest(rows, folder / "manifest.parquet")
    describe(folder, rows)
    picks = [Pick(row.clip_id, row.label, row.sample_sha256, "class") for row in rows]
    return Reviewed(folder, rows, picks)


@pytest.fixture
def make_page(reviewed: Reviewed, tmp_path: Path) -> Callable[[], Path]:
    """Return a function that writes the page of all clips."""

    def make() -> Path:
        write_review_page(
            reviewed.folder,
            reviewed.rows,
            reviewed.picks,
            tmp_path / "page",
            None,
            lambda _num_done: None,
            name="m2m-kinetics",
            with_source=False,
        )
        return tmp_path / "page" / "index.html"

    return make
