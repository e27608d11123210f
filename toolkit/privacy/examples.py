"""A frame each of a few released clips: what a release looks like."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from toolkit.errors import InputError
from toolkit.manifest import RELEASED, ManifestRow
from toolkit.shards import Sample, read_sample
from toolkit.stages.parts import unpack_motions, unpack_video

_NUM_SHOWN = 6
_QUALITY = 80


@dataclass(frozen=True)
class Example:
    """A released clip.

    Attributes:
        frame: which of its frames is shown: the one in the middle.
        num_bodies: with poses.
        has_shapes: whether a body has a shape of its own (SMPL-X betas that are not zero).
        jpeg: the frame.
    """

    clip_id: str
    label: str
    frame: int
    num_bodies: int
    has_shapes: bool
    jpeg: bytes


def read_examples(folder: Path, rows: Sequence[ManifestRow]) -> list[Example]:
    """Read a few released clips, of different classes and with people in them where there are.

    Args:
        folder: of the release.
        rows: of its manifest.

    Raises:
        InputError: a clip is not there, or not the one of the manifest.
    """
    released = [row for row in rows if row.status == RELEASED and row.shard]
    released.sort(key=lambda row: (row.num_people <= 0, row.clip_id), reverse=True)
    of_labels = {row.label: row for row in released}  # the last is the first with people
    chosen = sorted(of_labels.values(), key=lambda row: (row.num_people <= 0, row.clip_id))
    return [_read(folder, row) for row in chosen[:_NUM_SHOWN]]


def _read(folder: Path, row: ManifestRow) -> Example:
    sample: Sample = read_sample(folder / "data" / row.shard, row.clip_id)
    if sample.sha256 != row.sample_sha256 or "mp4" not in sample.parts:
        raise InputError(
            f"{row.clip_id}: its sample is not the one of the manifest: m2m audit tells more"
        )
    frames = unpack_video(sample.parts["mp4"]).frames
    middle = len(frames) // 2
    motions = (
        unpack_motions(sample.parts.get("safetensors", b""))
        if sample.parts.get("safetensors")
        else []
    )
    picture = cv2.cvtColor(frames[middle], cv2.COLOR_RGB2BGR)
    jpeg = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))[1].tobytes()
    has_shapes = any(motion.betas_10.any() for motion in motions)
    return Example(row.clip_id, row.label, middle, len(motions), has_shapes, jpeg)
