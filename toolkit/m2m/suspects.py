"""What the checks take for somebody, and what never moves: removed as well.

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


def mask_suspects(frames: FrameStore, people: People, signs: Sequence[Evidence]) -> People | None:
    """Mask in all frames what may be people, if all of it stands still through the whole clip.

    A carpet that looks like a person in one frame out of eight is then taken out of every frame; a
    person who does not move, whom nothing had found, too.

    Args:
        frames: [T, H, W, 3] uint8 RGB, the source.
        people: what is masked already.
        signs: seen in any frame of what was to be released.

    Returns:
        None where something of it moves or changes, or the camera does, and where it is too large.
    """
    shape_HW = people.masks.frame_shape
    near_HW, seen_HW = _boxes_HW(signs, shape_HW, _MARGIN), _boxes_HW(signs, shape_HW, 0)
    if not signs or near_HW.mean() > _MAX_SHARE:
        return None
    if not never_changes(Background(frames, people.masks), near_HW):
        return None
    masks = FrameStore(shape_HW)
    for mask_HW in people.masks:
        masks.append(np.where(near_HW, np.uint8(255), mask_HW))
    tracks = list(people.tracks)
    num_places, places_HW = cv2.connectedComponents(near_HW.astype(np.uint8), connectivity=8)
    for place in range(1, num_places):
        place_HW = places_HW == place
        box_xyxy = box_of(place_HW & seen_HW)
        assert box_xyxy is not None  # noqa: S101 - every place is around a box
        item = PersonFrame(box_xyxy, encode_rle(place_HW), source="weak")
        tracks.append(Track(len(tracks), dict.fromkeys(range(len(frames)), item)))
    return replace(people, tracks=tracks, masks=masks)


def _boxes_HW(signs: Sequence[Evidence], shape_HW: tuple[int, ...], margin: float) -> Array:
    inside_HW = np.zeros(shape_HW, bool)
    for sign in signs:
        x0, y0, x1, y1 = sign.box_xyxy
        grow_x, grow_y = margin * (x1 - x0), margin * (y1 - y0)
        rows = slice(max(0, int(y0 - grow_y)), max(1, int(np.ceil(y1 + grow_y))))
        columns = slice(max(0, int(x0 - grow_x)), max(1, int(np.ceil(x1 + grow_x))))
        inside_HW[rows, columns] = True
    return inside_HW
