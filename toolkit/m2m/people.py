"""From tracks in the detectors' views to the masks, tracks and evidence of the working frames."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from toolkit.frames import FrameStore
from toolkit.m2m.background import Background
from toolkit.m2m.bridge import bridge
from toolkit.m2m.foreground import add_foreground, take_out_background
from toolkit.m2m.linger import linger
from toolkit.m2m.masks import (
    decode_rle,
    dilate,
    encode_rle,
    fill_holes,
    temporal_union,
)
from toolkit.m2m.motion import neighbour_flows
from toolkit.m2m.settled import add_settled
from toolkit.m2m.shadows import add_shadows
from toolkit.m2m.types import Array, Evidence, People, PersonFrame, Track

_MIN_VOTES_REMOVED, _MIN_VOTES_PERSON = 3, 4
"""What half of its neighbours show is removed from a frame, lest it leak; to be called a person
takes more than half."""

_MAX_GLIMPSE_SHARE = 1 / 2000
"""What a dilated mask lets be seen of the ground is worth more than the risk only where it is
larger than this share of the frame."""


def gather_people(
    tracked: Sequence[Track],
    views: FrameStore,
    frames: FrameStore,
    evidence: Sequence[Sequence[Evidence]],
) -> People:
    """Turn the tracker's view-sized result into working-frame masks, tracks and evidence."""
    tracked = bridge(tracked)
    tracked = [linger(track, tracked, views) for track in tracked]
    outlines, whole, anyone = (FrameStore(views.frame_shape[:2]) for _ in range(3))
    for index in range(len(views)):
        here = [(track, track.frames[index]) for track in tracked if index in track.frames]
        sure = [item for track, item in here if track.is_sure and item.landmarks_K4 is not None]
        outlines.append(_union([item.outline or item.mask for item in sure], views))
        whole.append(_union([item.mask for item in sure], views))
        anyone.append(_union([item.mask for _, item in here], views))
    flows = neighbour_flows(views)
    seen = temporal_union(outlines, *flows, _MIN_VOTES_PERSON)
    for index, removed_HW in enumerate(temporal_union(whole, *flows, _MIN_VOTES_REMOVED)):
        anyone[index] = np.maximum(anyone[index], removed_HW)
    height, width = frames.frame_shape[:2]
    cores, masks = FrameStore((height, width)), FrameStore((height, width))
    background = Background(views, anyone)
    seen = take_out_background(seen, background, [track for track in tracked if track.is_sure])
    anyone, unexplained = add_foreground(background)
    anyone = add_settled(background, anyone)
    for sure_HW, anyone_HW in zip(seen, anyone, strict=True):
        cores.append(_resized(sure_HW, (width, height)))
        mask_HW = dilate(_resized(fill_holes(anyone_HW), (width, height)))
        masks.append(fill_holes(mask_HW, _MAX_GLIMPSE_SHARE))
    scale_xy = np.array([width / views.frame_shape[1], height / views.frame_shape[0]], np.float32)
    tracks = [
        replace(
            track,
            frames={index: _scaled(item, (height, width)) for index, item in track.frames.items()},
        )
        for track in tracked
    ]
    scale_box = np.tile(scale_xy, 2)
    signs = [
        [Evidence(s.kind, tuple((np.array(s.box_xyxy) * scale_box).tolist()), s.score) for s in row]
        for row in evidence
    ]
    masks = add_shadows(frames, masks, cores)
    return People(tracks, masks, cores, signs, unexplained)


def _union(masks: list[dict[str, Any]], views: FrameStore) -> Array:
    mask_HW = np.zeros(views.frame_shape[:2], bool)
    for encoded in masks:
        mask_HW |= decode_rle(encoded)
    return mask_HW.astype(np.uint8) * 255


def _resized(mask_HW: Array, size: tuple[int, int]) -> Array:
    resized = cv2.resize(mask_HW, size, interpolation=cv2.INTER_LINEAR)
    return np.where(resized > 127, np.uint8(255), np.uint8(0))


def _scaled(item: PersonFrame, shape_HW: tuple[int, int]) -> PersonFrame:
    """Return the sighting in pixels of a frame of ``shape_HW``."""
    mask_HW = decode_rle(item.mask)
    if mask_HW.shape == shape_HW:
        return item
    scale_xy = np.array(
        [shape_HW[1] / mask_HW.shape[1], shape_HW[0] / mask_HW.shape[0]], np.float32
    )
    landmarks_K4 = item.landmarks_K4
    if landmarks_K4 is not None:
        landmarks_K4 = landmarks_K4 * np.append(scale_xy, [1, 1]).astype(np.float32)
    resized = cv2.resize(mask_HW.astype(np.uint8), shape_HW[::-1], interpolation=cv2.INTER_NEAREST)
    return replace(
        item,
        box_xyxy=item.box_xyxy * np.tile(scale_xy, 2),
        mask=encode_rle(resized),
        outline=None,  # the cores hold it
        landmarks_K4=landmarks_K4,
    )
