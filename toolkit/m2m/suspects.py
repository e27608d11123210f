"""What looks like somebody once the people are gone, and never moves: removed as well.

Shape suffixes: H height, W width.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from toolkit.frames import FrameStore
from toolkit.m2m.background import Background
from toolkit.m2m.foreground import never_changes
from toolkit.m2m.masks import box_of, encode_rle
from toolkit.m2m.types import Array, Evidence, People, PersonFrame, Track

_MARGIN = 0.25
"""Added to each side of a sign's box, in its width and height: it may show a part of somebody."""
_MAX_SHARE = 0.2
"""Of the frame. More than that leaves too little of the scene, and is hardly a place."""


def mask_suspects(
    background: Background, people: People, signs: Sequence[Evidence]
) -> People | None:
    """Mask in all frames what may be people, if all of it stands still through the whole clip.

    A carpet that looks like a person in one frame out of eight is then taken out of every frame; a
    person who does not move, whom nothing had found, too.

    Args:
        background: the source and the masks of the people.
        people: what is masked already.
        signs: seen in any frame of the clip without those people.

    Returns:
        None where something of it moves or changes, or the camera does; where it is too large; and
        where the frame cuts it off, because then nobody knows how much more of it there is.
    """
    shape_HW = people.masks.frame_shape
    near_HW, seen_HW = _boxes_HW(signs, shape_HW, _MARGIN), _boxes_HW(signs, shape_HW, 0)
    if not signs or near_HW.mean() > _MAX_SHARE:
        return None
    items = _items(near_HW, seen_HW)
    if any(item.is_cut_off(shape_HW) for item in items):
        return None
    if not never_changes(background, near_HW):
        return None
    masks = FrameStore(shape_HW)
    for mask_HW in people.masks:
        masks.append(np.where(near_HW, np.uint8(255), mask_HW))
    tracks = list(people.tracks)
    for item in items:
        tracks.append(Track(len(tracks), dict.fromkeys(range(len(masks)), item)))
    return replace(people, tracks=tracks, masks=masks)


def _items(near_HW: Array, seen_HW: Array) -> list[PersonFrame]:
    """Return what is masked, one for each place."""
    items = []
    num_places, places_HW = cv2.connectedComponents(near_HW.astype(np.uint8), connectivity=8)
    for place in range(1, num_places):
        place_HW = places_HW == place
        box_xyxy = box_of(place_HW & seen_HW)
        assert box_xyxy is not None  # noqa: S101 - every place is around a box
        items.append(PersonFrame(box_xyxy, encode_rle(place_HW), source="weak"))
    return items


def _boxes_HW(signs: Sequence[Evidence], shape_HW: tuple[int, ...], margin: float) -> Array:
    inside_HW = np.zeros(shape_HW, bool)
    for sign in signs:
        x0, y0, x1, y1 = sign.box_xyxy
        grow_x, grow_y = margin * (x1 - x0), margin * (y1 - y0)
        rows = _inside(y0 - grow_y, y1 + grow_y, shape_HW[0])
        columns = _inside(x0 - grow_x, x1 + grow_x, shape_HW[1])
        inside_HW[rows, columns] = True
    return inside_HW


def _inside(low_px: float, high_px: float, size_px: int) -> slice:
    """Return the pixels of the frame between two places, one at its edge if both are outside."""
    return slice(min(max(0, int(low_px)), size_px - 1), max(1, int(np.ceil(high_px))))
