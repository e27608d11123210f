"""Which track is which true person, frame by frame.

Shape suffixes: P true people, T frames, H height, W width, N tracks.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from toolkit.m2m.masks import decode_rle
from toolkit.m2m.types import Array, Track

MIN_IOU = 0.3
"""A mask that overlaps a person less than this shows somebody else, or too little of them."""


def match_people(visible_PTHW: Array, tracks: Sequence[Track]) -> list[dict[int, int]]:
    """Assign tracks to people one to one in each frame, by intersection over union of masks.

    As in CLEAR MOT, a person keeps their track as long as it still shows them.

    Returns:
        For each frame, the index of a person to the id of their track.
    """
    matches: list[dict[int, int]] = []
    last: dict[int, int] = {}
    for index in range(visible_PTHW.shape[1]):
        here = [track for track in tracks if index in track.frames]
        ids = [track.track_id for track in here]
        masks = [decode_rle(track.frames[index].mask) for track in here]
        iou_PN = np.array(
            [
                [iou(visible_HW, mask_HW) for mask_HW in masks]
                for visible_HW in visible_PTHW[:, index]
            ]
        ).reshape(len(visible_PTHW), len(here))
        known_PN = np.array(
            [[last.get(p) == track_id for track_id in ids] for p in range(len(visible_PTHW))]
        ).reshape(iou_PN.shape)
        possible_PN = iou_PN >= MIN_IOU
        rows, columns = linear_sum_assignment(-(iou_PN + known_PN) * possible_PN)
        found = {int(p): ids[n] for p, n in zip(rows, columns, strict=True) if possible_PN[p, n]}
        last |= found
        matches.append(found)
    return matches


def iou(first_HW: Array, second_HW: Array) -> float:
    """Intersection over union of two bool masks; 0 where both are empty."""
    union = np.count_nonzero(first_HW | second_HW)
    return np.count_nonzero(first_HW & second_HW) / union if union else 0.0
