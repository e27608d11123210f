"""A small release of videos, of which one clip was held back, as an auditor gets it."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.review.conftest import FPS, HOSTILE, NUM_FRAMES, SHARD, make_row
from toolkit.m2m.types import BodyMotion
from toolkit.manifest import ManifestRow, count_clips, write_manifest
from toolkit.release.provenance import Dependency, make_statement, write_statement
from toolkit.release.sums import write_sums
from toolkit.shards import Sample, write_shard
from toolkit.stages.parts import pack_motions, pack_video
from toolkit.video import Timing

WEIGHTS = Dependency("centerface", {"sha256": "d" * 64}, {"licence": "MIT"})
LABELS = ("clap", HOSTILE, "{{body}}")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Three clips of plain colours, a quarantined and a failed one; label and name are hostile."""
    folder = tmp_path / "release"
    (folder / "data").mkdir(parents=True)
    samples, rows = [], []
    for number, label in enumerate(LABELS):
        frames = [np.full((64, 96, 3), 40 * number, np.uint8)] * NUM_FRAMES
        video = pack_video(frames, Timing.constant(NUM_FRAMES, FPS), 1.0, crf=23)
        poses = pack_motions([make_motion(np.zeros(10))])
        sample = Sample(f"clip{number}", {"mp4": video, "safetensors": poses})
        samples.append(sample)
        rows.append(make_row(sample.key, label=label, sample_sha256=sample.sha256))
    write_shard(folder / SHARD, samples)
    rows.append(make_row("held", status="quarantined", faces=0.9))
    rows.append(make_row("lost", status="failed", checks=()))
    write_all(folder, rows)
    return folder


def write_all(folder: Path, rows: list[ManifestRow], body: str | None = "mannequin") -> None:
    """Write manifest, provenance and sums."""
    write_manifest(rows, folder / "manifest.parquet")
    params = {"release": {"scene": "empty", "body": body, "pixels": True}}
    statement = make_statement(folder, HOSTILE, params, {}, [WEIGHTS], count_clips(rows))
    write_statement(statement, folder)
    write_sums(folder)


def make_motion(betas_10: np.ndarray) -> BodyMotion:
    """Somebody who stands still for a frame."""
    return BodyMotion(
        track_id=0,
        frames_T=np.arange(1),
        global_orient_T3=np.zeros((1, 3)),
        body_pose_T63=np.zeros((1, 63)),
        left_hand_pose_T45=np.zeros((1, 45)),
        right_hand_pose_T45=np.zeros((1, 45)),
        betas_10=betas_10,
        transl_T3=np.zeros((1, 3)),
        observed_TJ=np.ones((1, 22), bool),
    )


def write_json(path: Path, value: object) -> Path:
    """Write JSON."""
    path.write_text(json.dumps(value), "utf-8")
    return path
