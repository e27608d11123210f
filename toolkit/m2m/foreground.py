"""What stands before the background of a camera that stands still.

A hand that the segmentation lost, a bag, a shadow, the last sliver of a person who leaves the
frame: all differ from the background and hang on to a person.

Shape suffixes: T frames, H height, W width, C colours.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from toolkit.frames import FrameStore, map_frames
from toolkit.m2m.background import Background
from toolkit.m2m.colours import chroma_step, largest
from toolkit.m2m.masks import dilate
from toolkit.m2m.texture import same_texture
from toolkit.m2m.types import Array, Track

DIFFERS, DIFFERS_SURELY = 20, 36
"""Levels of 255; a region counts when some of it differs surely."""

_TIMES_NOISE, _CHROMA = 2, (2.5, 4.0)
"""Chroma has less noise than brightness: what differs by so many times what nineteen in twenty
pixels of the background do, within these levels, counts as ``DIFFERS``. An arm that motion blurs
can be as bright as the ground, and a pale sleeve differs by 5 levels of chroma."""

MIN_AREA_PX = 12
_MAX_SHARE = 0.4
"""Where more of the frame differs than this, the light has changed: nothing is said."""

_SOLID_PX = 7
"""Smaller patches that look like the background are noise, or a person of its colour."""
_NEAR_PX = 12
_NEAR_FRAMES = 12


def add_foreground(background: Background) -> tuple[FrameStore, list[float]]:
    """Add to the masks what differs from a still background and touches a person, now or lately.

    Returns:
        [T, H, W] uint8 0 or 255, the masks themselves where the camera moves; and for each frame
        the area of the largest region that differs and touches nobody, as a share of the frame.
        What differs in brightness alone, a shadow or the sun, is not counted there.
    """
    frames, masks = background.frames, background.masks
    picture = background.still_picture()
    if picture is None:
        return masks, [0.0] * len(frames)
    background_HWC, seen_HW = picture

    def difference(index: int) -> Array:
        return standing_out(frames[index], background_HWC, masks[index] == 0, seen_HW)

    differences, grown = FrameStore(masks.frame_shape), FrameStore(masks.frame_shape)
    for differs_HW, mask_HW in zip(map_frames(difference, len(frames)), masks, strict=True):
        differences.append(differs_HW)
        grown.append(mask_HW)
    last = len(frames) - 1
    for order, step in ((range(last + 1), -1), (range(last, -1, -1), 1)):
        for index in order:
            window = range(max(0, index - _NEAR_FRAMES), min(last, index + _NEAR_FRAMES) + 1)
            people = [masks[near] for near in window]
            if 0 <= index + step <= last:  # who was found so in the frame before is followed on
                people.append(grown[index + step])
            touching_HW, _ = _split(differences[index], np.maximum.reduce(people))
            grown[index] = grown[index] | touching_HW

    def unexplained(index: int) -> float:
        changed_HW = _difference(frames[index], background_HWC, masks[index] == 0, seen_HW)
        changed_HW[same_texture(frames[index], background_HWC)] = 0
        return _split(changed_HW, dilate(grown[index]))[1]

    return grown, list(map_frames(unexplained, len(frames)))


def never_changes(background: Background, where_HW: Array) -> bool:
    """Whether a place looks the same in every frame of a still camera, wherever masks show it.

    Light and shadow are no change. A place that masks always cover, or never leave free by some
    margin, has no look of its own.

    Args:
        background: the clip and its masks.
        where_HW: bool, the place.
    """
    picture = background.still_picture()
    if picture is None:
        return False
    background_HWC, seen_HW = picture[0], cv2.erode(picture[1].astype(np.uint8), np.ones((5, 5)))

    def changed_share(index: int) -> float:
        free_HW, frame_HWC = background.masks[index] == 0, background.frames[index]
        changed_HW = _difference(frame_HWC, background_HWC, free_HW, seen_HW > 0)
        changed_HW[~(where_HW & free_HW) | same_texture(frame_HWC, background_HWC)] = 0
        return _split(changed_HW, np.zeros_like(changed_HW))[1]

    return not any(map_frames(changed_share, len(background.frames)))


def take_out_background(
    outlines: FrameStore, background: Background, tracks: Sequence[Track]
) -> FrameStore:
    """Take out of people's outlines what a still background shows while they are elsewhere.

    A segmentation that takes in the bed with the sleeper is put right. The background counts as
    known where it was seen outside everybody's box, a quarter wider: what stands still near
    somebody may be a part of them.

    Args:
        outlines: [T, H, W] uint8 0 or 255.
        background: the clip and its masks.
        tracks: the people, in the same frames.
    """
    boxes_TN4 = [
        np.array([_widened(t.frames[index].box_xyxy) for t in tracks if index in t.frames]).reshape(
            -1, 4
        )
        for index in range(len(outlines))
    ]
    picture = background.still_picture(boxes_TN4)
    if picture is None:
        return outlines
    background_HWC, seen_HW = picture

    def purer(index: int) -> Array:
        free_HW = background.masks[index] == 0
        differs_HW = _difference(background.frames[index], background_HWC, free_HW, seen_HW)
        alike_HW = (seen_HW & (differs_HW <= DIFFERS)).astype(np.uint8)
        known_HW = cv2.morphologyEx(alike_HW, cv2.MORPH_OPEN, np.ones((_SOLID_PX, _SOLID_PX)))
        return np.where(known_HW > 0, np.uint8(0), outlines[index])

    taken_out = FrameStore(outlines.frame_shape)
    for outline_HW in map_frames(purer, len(outlines)):
        taken_out.append(outline_HW)
    return taken_out


def _widened(box_xyxy: Array) -> Array:
    """Return a box a quarter wider and higher about its centre."""
    centre_xyxy = np.tile((box_xyxy[:2] + box_xyxy[2:]) / 2, 2)
    return centre_xyxy + 1.25 * (box_xyxy - centre_xyxy)


def _difference(frame_HWC: Array, background_HWC: Array, free_HW: Array, seen_HW: Array) -> Array:
    """Return how much each pixel differs from the background, apart from a change of light."""
    softened = [
        cv2.GaussianBlur(image, (5, 5), 0).astype(np.int16) for image in (frame_HWC, background_HWC)
    ]
    step_HWC = softened[0] - softened[1]
    comparable_HW = free_HW & seen_HW
    if comparable_HW.any():
        step_HWC -= np.median(step_HWC[comparable_HW][::7], axis=0).astype(np.int16)
    return np.asarray(np.minimum(largest(np.abs(step_HWC)) * seen_HW, 255), np.uint8)


def standing_out(frame_HWC: Array, background_HWC: Array, free_HW: Array, seen_HW: Array) -> Array:
    """Return the difference, or that in chroma as far as the clip has little noise in it.

    Brightness is not taken as strictly: what was in a shadow for most of the clip is brighter.
    """
    comparable_HW = free_HW & seen_HW
    step_HW = chroma_step(frame_HWC, background_HWC, comparable_HW)
    noise = np.percentile(step_HW[comparable_HW], 95) if comparable_HW.any() else _CHROMA[1]
    chroma_HW = step_HW * seen_HW * (DIFFERS / np.clip(_TIMES_NOISE * noise, *_CHROMA))
    differs_HW = _difference(frame_HWC, background_HWC, free_HW, seen_HW)
    return np.maximum(differs_HW, np.asarray(np.minimum(chroma_HW, 255), np.uint8))


def _split(differs_HW: Array, people_HW: Array) -> tuple[Array, float]:
    """Tell the regions that differ and come near people from those that do not.

    Returns:
        uint8 255 where a region comes near, and the share of the frame that the largest other has.
    """
    region_HW = (differs_HW > DIFFERS).astype(np.uint8)
    if region_HW.mean() > _MAX_SHARE:
        return np.zeros_like(people_HW), 0.0
    _, labels_HW, stats, _ = cv2.connectedComponentsWithStats(region_HW, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    sure = np.zeros(len(stats), bool)
    sure[np.unique(labels_HW[differs_HW > DIFFERS_SURELY])] = True
    areas[~sure | (areas < MIN_AREA_PX)] = 0
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _NEAR_PX + 1, 2 * _NEAR_PX + 1))
    near = np.zeros(len(stats), bool)
    near[np.unique(labels_HW[cv2.dilate(people_HW, kernel) > 0])] = True
    touching_HW = (near & (areas > 0))[labels_HW].astype(np.uint8) * 255
    return touching_HW, float(areas[~near].max(initial=0) / labels_HW.size)
