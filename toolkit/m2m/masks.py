"""Masks of people: encoding, skeleton cover, temporal union, and the paper's dilation.

Shape suffixes: T frames, H height, W width, K landmarks.
"""

from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from toolkit.frames import FrameStore
from toolkit.m2m.types import Array

# BlazePose landmarks joined by an arm, a leg, a hand or a foot.
_LIMBS = (
    *((11, 13), (13, 15), (15, 19), (12, 14), (14, 16), (16, 20)),
    *((23, 25), (25, 27), (27, 31), (24, 26), (26, 28), (28, 32)),
)

_MIN_CONFIDENCE = 0.9

_REACH_FRAMES = 3
"""Neighbours on each side that have a vote in the temporal union."""
_FLICKER_FRAMES = 3
"""A gap in time of so many frames is closed."""


def encode_rle(mask_HW: Array) -> dict[str, Any]:
    """Encode a mask (non-zero is inside) as COCO run lengths."""
    encoded: dict[str, Any] = coco_mask.encode(np.asfortranarray(mask_HW != 0, dtype=np.uint8))
    return encoded


def decode_rle(encoded: dict[str, Any]) -> Array:
    """Decode COCO run lengths to a bool mask [H, W]."""
    decoded: Array = coco_mask.decode(encoded).astype(bool)
    return decoded


def box_of(mask_HW: Array) -> Array | None:
    """Return the box [4] xyxy px around a mask, or None where it is empty."""
    rows, columns = np.flatnonzero(mask_HW.any(1)), np.flatnonzero(mask_HW.any(0))
    if not len(rows):
        return None
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def limb_cover(landmarks_K4: Array, shape_HW: tuple[int, int]) -> Array:
    """Draw arms and legs between landmarks that are surely seen, as thin as a wrist.

    A segmentation that loses a forearm shows it; the landmarks rarely lose it. They are a reason to
    remove a pixel and no outline: beside somebody else they may lead to the other's feet.
    """
    cover_HW = np.zeros(shape_HW, np.uint8)
    sure_K = landmarks_K4[:, 2:].min(1) >= _MIN_CONFIDENCE
    points_K2 = np.round(landmarks_K4[:, :2]).astype(int)
    shoulder, hip = landmarks_K4[11:13, :2].mean(0), landmarks_K4[23:25, :2].mean(0)
    width_px = max(1, round(0.1 * float(np.linalg.norm(shoulder - hip))))
    for start, end in _LIMBS:
        if sure_K[start] and sure_K[end]:
            cv2.line(cover_HW, points_K2[start].tolist(), points_K2[end].tolist(), 255, width_px)
    return np.asarray(cover_HW != 0)


def dilate(mask_HW: Array) -> Array:
    """Dilate as the paper does: a 3x3 ellipse, four times. Returns uint8 0 or 255."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    return cv2.dilate((mask_HW != 0).astype(np.uint8) * 255, kernel, iterations=4)


def fill_holes(mask_HW: Array, max_share: float = 1 / 200) -> Array:
    """Fill what a uint8 mask encloses, up to a share of the frame: crooks of arms, laps.

    What lies between a mask and the frame's edge counts as enclosed: a shin that leaves the picture
    beside a knee that does not is let go of by every detector.
    """
    outside_HW = (mask_HW == 0).astype(np.uint8)
    _, labels_HW, stats, _ = cv2.connectedComponentsWithStats(outside_HW, connectivity=4)
    is_hole = stats[:, cv2.CC_STAT_AREA] <= mask_HW.size * max_share
    is_hole[0] = False  # the mask itself
    return np.where(is_hole[labels_HW], np.uint8(255), mask_HW)


def without_flicker(masks: FrameStore) -> FrameStore:
    """Mask a pixel too that is masked shortly before and shortly after: for up to three frames.

    A slit at the frame's edge that opens for a moment shows a row of somebody's clothes.

    Args:
        masks: [T, H, W] uint8 0 or 255.
    """
    nothing = np.zeros(masks.frame_shape, np.uint8)

    def at(index: int) -> Array:
        return masks[index] if 0 <= index < len(masks) else nothing

    steady = FrameStore(masks.frame_shape)
    for index in range(len(masks)):
        mask_HW, after_HW = masks[index], nothing
        for num_after in range(1, _FLICKER_FRAMES + 1):
            after_HW = after_HW | at(index + num_after)
            mask_HW = mask_HW | (at(index - 1 - _FLICKER_FRAMES + num_after) & after_HW)
        steady.append(mask_HW)
    return steady


def warp(mask_HW: Array, flow_HW2: Array) -> Array:
    """Move a uint8 mask along ``flow``: the value at x is read at x + flow(x)."""
    height, width = mask_HW.shape
    grid_x, grid_y = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    flow = flow_HW2.astype(np.float32)
    return cv2.remap(mask_HW, grid_x + flow[..., 0], grid_y + flow[..., 1], cv2.INTER_LINEAR)


def temporal_union(
    masks: FrameStore, onward: FrameStore, back: FrameStore, min_votes: int
) -> FrameStore:
    """Add to each mask what enough of its neighbours in time show, moved along the flow.

    A frame in which a person is half missed is then covered; a frame in which the outline runs
    wild does not spoil its neighbours. Ground that somebody has just left has the votes of the
    three frames before: with more than that, the outline does not swell when they move.

    Args:
        masks: [T, H, W] uint8 0 or 255.
        onward: [T - 1, H, W, 2] px; entry t leads from frame t to t + 1.
        back: [T - 1, H, W, 2] px; entry t leads from frame t + 1 to t.
        min_votes: out of three frames before and three after.
    """
    votes = FrameStore(masks.frame_shape)
    for _ in masks:
        votes.append(np.zeros(masks.frame_shape, np.uint8))
    last = len(masks) - 1
    for order, step, flows in (
        (range(1, last + 1), -1, back),
        (range(last - 1, -1, -1), 1, onward),
    ):
        carried: list[Array] = []
        for index in order:
            flow = flows[index - 1] if step < 0 else flows[index]
            carried = [warp(mask, flow) for mask in (masks[index + step], *carried)][:_REACH_FRAMES]
            shown = np.sum([mask > 127 for mask in carried], axis=0)
            votes[index] = votes[index] + shown.astype(np.uint8)
    union = FrameStore(masks.frame_shape)
    for mask, vote in zip(masks, votes, strict=True):
        union.append(np.where((mask > 0) | (vote >= min_votes), np.uint8(255), np.uint8(0)))
    return union
