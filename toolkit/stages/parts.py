"""What a stage hands on about a clip: arrays and records as parts of a sample, and back.

Masks travel as COCO run lengths in JSON, numbers of bodies and boxes as safetensors; nothing is
pickled. The same values give the same bytes.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from toolkit.frames import FrameStore
from toolkit.m2m.masks import decode_rle, encode_rle
from toolkit.m2m.types import Array, BodyMotion, Evidence, People, PersonFrame, Track
from toolkit.video import DecodedClip, Timing, decode
from toolkit.video_encode import encode

Parts = dict[str, bytes]
"""Extension to content, of one sample (``toolkit.shards``)."""

_ARRAYS = ("box_xyxy", "landmarks_K4", "world_K3")


def pack_video(frames: Iterable[Array], timing: Timing, pixel_aspect: float, *, crf: int) -> bytes:
    """Return frames as an mp4."""
    with _temporary_file(b"") as path:
        encode(frames, path, timing, pixel_aspect, crf=crf)
        return path.read_bytes()


def unpack_video(content: bytes) -> DecodedClip:
    """Return the clip of an mp4, at its own size."""
    with _temporary_file(content) as path:
        return decode(path, None)


@contextmanager
def _temporary_file(content: bytes) -> Iterator[Path]:
    """Give the path of a file that is gone after the block, or with the process."""
    with tempfile.TemporaryFile(prefix="m2m-") as file:
        file.write(content)
        file.flush()
        yield Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")


def pack_people(people: People) -> Parts:
    """Return who is in a clip, and the masks, as ``json`` and ``safetensors``."""
    arrays: dict[str, Array] = {}
    tracks = []
    for track in people.tracks:
        sightings = []
        for index, item in sorted(track.frames.items()):
            for name in _ARRAYS:
                if (array := getattr(item, name)) is not None:
                    arrays[f"{track.track_id}.{index}.{name}"] = np.ascontiguousarray(array)
            sightings.append(
                {
                    "frame": index,
                    "mask": _pack_mask(item.mask),
                    "outline": _pack_mask(item.outline) if item.outline else None,
                    "score": float(item.score),
                    "source": item.source,
                }
            )
        tracks.append(
            {
                "id": track.track_id,
                "num_confirmed": int(track.num_confirmed),
                "sightings": sightings,
            }
        )
    record = {
        "shape": list(people.masks.frame_shape),
        "masks": [_pack_mask(encode_rle(mask_HW)) for mask_HW in people.masks],
        "cores": [_pack_mask(encode_rle(core_HW)) for core_HW in people.cores],
        "tracks": tracks,
        "evidence": [
            [
                [sign.kind, [float(side) for side in sign.box_xyxy], float(sign.score)]
                for sign in row
            ]
            for row in people.evidence
        ],
        "unexplained": [float(share) for share in people.unexplained],
    }
    return {"json": pack_json(record), "safetensors": save(arrays)}


def unpack_people(parts: Mapping[str, bytes]) -> People:
    """Return what ``pack_people`` packed."""
    record, arrays = json.loads(parts["json"]), load(parts["safetensors"])
    shape = tuple(record["shape"])

    def unpack(track_id: int, sighting: dict[str, Any]) -> PersonFrame:
        found: dict[str, Any] = {
            name: arrays.get(f"{track_id}.{sighting['frame']}.{name}") for name in _ARRAYS
        }
        return PersonFrame(
            **found,
            mask=_unpack_mask(sighting["mask"], shape),
            outline=_unpack_mask(sighting["outline"], shape) if sighting["outline"] else None,
            score=sighting["score"],
            source=sighting["source"],
        )

    tracks = [
        Track(
            track["id"],
            {item["frame"]: unpack(track["id"], item) for item in track["sightings"]},
            track["num_confirmed"],
        )
        for track in record["tracks"]
    ]
    evidence = [
        [Evidence(kind, tuple(box), score) for kind, box, score in row]
        for row in record["evidence"]
    ]
    masks, cores = (unpack_masks(record[name], shape) for name in ("masks", "cores"))
    return People(tracks, masks, cores, evidence, record["unexplained"])


def pack_masks(masks: Iterable[Array]) -> list[str]:
    """Return masks (non-zero is inside) as the counts of COCO run lengths."""
    return [_pack_mask(encode_rle(mask_HW)) for mask_HW in masks]


def unpack_masks(counts: Sequence[str], shape_HW: tuple[int, ...]) -> FrameStore:
    """Return masks [T, H, W] uint8 0 or 255."""
    masks = FrameStore(shape_HW)
    for text in counts:
        masks.append(decode_rle(_unpack_mask(text, shape_HW)).astype(np.uint8) * 255)
    return masks


def pack_motions(motions: Sequence[BodyMotion]) -> bytes:
    """Return body parameters as safetensors, named ``TRACK.FIELD``."""
    arrays = {
        f"{motion.track_id}.{field.name}": np.ascontiguousarray(getattr(motion, field.name))
        for motion in motions
        for field in fields(motion)
        if field.name != "track_id" and getattr(motion, field.name) is not None
    }
    return save(arrays)


def unpack_motions(content: bytes) -> list[BodyMotion]:
    """Return what ``pack_motions`` packed, in the order of the tracks."""
    arrays: dict[int, dict[str, Array]] = {}
    for name, array in load(content).items():
        track_id, _, field = name.partition(".")
        arrays.setdefault(int(track_id), {})[field] = array
    return [BodyMotion(track_id, **found) for track_id, found in sorted(arrays.items())]


def pack_json(record: object) -> bytes:
    """Return a record as JSON, with its keys in order."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _pack_mask(encoded: dict[str, Any]) -> str:
    counts = encoded["counts"]
    return counts.decode("ascii") if isinstance(counts, bytes) else str(counts)


def _unpack_mask(counts: str, shape_HW: tuple[int, ...]) -> dict[str, Any]:
    return {"size": list(shape_HW), "counts": counts.encode("ascii")}
