"""One identity per person through the clip: matching, relinking, gap filling.

Pure bookkeeping over ``Sighting`` values; looking at pixels is the caller's job.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from toolkit.m2m.masks import box_of, decode_rle, encode_rle
from toolkit.m2m.types import Array, PersonFrame, Track

MAX_GAP_FRAMES = 12
"""A person who reappears near the same place within this many frames is the same person."""

_SAME_MASK_IOU = 0.6
_SAME_MASK_CONTAINED = 0.85
_SAME_POSE_DISTANCE = 0.12
_RELINK_IOU = 0.3
_PACE_FRAMES = 4


@dataclass(frozen=True)
class Sighting:
    """A person seen in one frame.

    Attributes:
        mask_HW: bool, undilated.
        box_xyxy: box around the mask.
        landmarks_K4, world_K3: as in ``PersonFrame``; None for a mere region.
        next_hint: whatever the finder needs to look again in a neighbouring frame; None: it cannot.
        score: 0..1.
        source: as in ``PersonFrame``.
        confirmed: whether a detector is sure of a body or face here.
        outline_HW: the mask without the limbs that only landmarks show; None: all of it.
    """

    mask_HW: Array
    box_xyxy: Array
    landmarks_K4: Array | None
    world_K3: Array | None
    next_hint: object | None
    score: float
    source: str
    confirmed: bool = False
    outline_HW: Array | None = None

    @property
    def shown_HW(self) -> Array:
        """What pixels show of the person: [H, W] bool."""
        return self.mask_HW if self.outline_HW is None else self.outline_HW


def iou_of_boxes(first_xyxy: Array, second_xyxy: Array) -> float:
    """Intersection over union of two boxes."""
    low = np.maximum(first_xyxy[:2], second_xyxy[:2])
    high = np.minimum(first_xyxy[2:], second_xyxy[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    areas = [float(np.prod(box[2:] - box[:2])) for box in (first_xyxy, second_xyxy)]
    return common / max(sum(areas) - common, 1e-6)


def same_person(first: Sighting, second: Sighting) -> bool:
    """Whether two sightings in one frame are of one person: the same pose, or the same pixels."""
    if iou_of_boxes(first.box_xyxy, second.box_xyxy) == 0:
        return False
    if first.landmarks_K4 is not None and second.landmarks_K4 is not None:
        sure = np.minimum(first.landmarks_K4[:, 2:].min(1), second.landmarks_K4[:, 2:].min(1)) > 0.5
        if sure.sum() >= 6:
            apart = np.linalg.norm(
                first.landmarks_K4[sure, :2] - second.landmarks_K4[sure, :2], axis=1
            )
            height = max(np.ptp(first.box_xyxy[1::2]), np.ptp(first.box_xyxy[0::2]), 1.0)
            if float(np.median(apart) / height) < _SAME_POSE_DISTANCE:
                return True
    common = int(np.count_nonzero(first.mask_HW & second.mask_HW))
    areas = sorted(int(np.count_nonzero(item.mask_HW)) for item in (first, second))
    iou = common / max(sum(areas) - common, 1)
    return iou > _SAME_MASK_IOU or common / max(areas[0], 1) > _SAME_MASK_CONTAINED


def merged(keep: Sighting, other: Sighting) -> Sighting:
    """Return ``keep`` with the mask of both: what either saw of the person is covered."""
    mask_HW = keep.mask_HW | other.mask_HW
    box_xyxy = box_of(mask_HW)
    return replace(
        keep,
        mask_HW=mask_HW,
        outline_HW=keep.shown_HW | other.shown_HW,
        box_xyxy=keep.box_xyxy if box_xyxy is None else box_xyxy,
        confirmed=keep.confirmed or other.confirmed,
    )


class Tracker:
    """Sightings by track and frame; masks are kept as run lengths."""

    def __init__(self) -> None:
        self._frames: dict[int, dict[int, PersonFrame]] = {}
        self._hints: dict[int, dict[int, object]] = {}
        self._num_confirmed: Counter[int] = Counter()
        self._next_id = 0

    def hints(self, index: int) -> dict[int, object]:
        """Return, for each track seen in frame ``index``, where to look in its neighbours."""
        return {
            track_id: by_frame[index]
            for track_id, by_frame in self._hints.items()
            if index in by_frame
        }

    def has(self, track_id: int, index: int) -> bool:
        """Whether a track has a sighting in frame ``index``."""
        return index in self._frames.get(track_id, {})

    def add(self, track_id: int, index: int, sighting: Sighting) -> None:
        """Record a sighting of a known track."""
        self._frames.setdefault(track_id, {})[index] = PersonFrame(
            box_xyxy=sighting.box_xyxy,
            mask=encode_rle(sighting.mask_HW),
            landmarks_K4=sighting.landmarks_K4,
            world_K3=sighting.world_K3,
            score=sighting.score,
            source=sighting.source,
            outline=encode_rle(sighting.shown_HW),
        )
        self._num_confirmed[track_id] += sighting.confirmed
        if sighting.next_hint is not None:
            self._hints.setdefault(track_id, {})[index] = sighting.next_hint

    def add_new(self, index: int, sighting: Sighting) -> None:
        """Record a sighting without a track: the nearest lost track takes it, or a new one."""
        best_id, best_iou = None, _RELINK_IOU
        for track_id, frames in self._frames.items():
            last = max(frames)
            if index - MAX_GAP_FRAMES <= last < index:
                iou = max(
                    iou_of_boxes(expected, sighting.box_xyxy)
                    for expected in (frames[last].box_xyxy, _expected_box(frames, index))
                )
                if iou > best_iou:
                    best_id, best_iou = track_id, iou
        if best_id is None:
            best_id, self._next_id = self._next_id, self._next_id + 1
        self.add(best_id, index, sighting)

    def join(self, index: int, later_id: int, sighting: Sighting) -> bool:
        """Hang ``sighting`` before the start of a track, joining the track it already belongs to.

        Returns False where the person is already tracked on both sides: a duplicate.
        """
        for track_id in sorted(self._frames):
            if track_id == later_id or not self.has(track_id, index):
                continue
            if not self._is_like(self._frames[track_id][index], sighting):
                continue
            if any(frame > index for frame in self._frames[track_id]):
                return False
            self._frames[track_id].update(self._frames.pop(later_id))
            self._hints.setdefault(track_id, {}).update(self._hints.pop(later_id, {}))
            self._num_confirmed[track_id] += self._num_confirmed.pop(later_id, 0)
            return True
        self.add(later_id, index, sighting)
        return True

    @staticmethod
    def _is_like(frame: PersonFrame, sighting: Sighting) -> bool:
        known = Sighting(
            decode_rle(frame.mask),
            frame.box_xyxy,
            frame.landmarks_K4,
            frame.world_K3,
            None,
            0.0,
            "",
        )
        return same_person(known, sighting)

    def adopt(self, other: "Tracker", min_frames: int) -> None:
        """Take over the tracks of another tracker that have at least ``min_frames`` sightings."""
        for track in other.tracks():
            if len(track.frames) >= min_frames:
                self._frames[self._next_id] = track.frames
                self._next_id += 1

    def gaps(self) -> Iterator[tuple[int, int, int]]:
        """Yield (track id, last frame before, first frame after) of each gap of a track."""
        for track_id, frames in sorted(self._frames.items()):
            for before, after in list(pairwise(sorted(frames))):
                if after > before + 1:
                    yield track_id, before, after

    def frame(self, track_id: int, index: int) -> PersonFrame:
        """Return the sighting of a track in frame ``index``."""
        return self._frames[track_id][index]

    def hint(self, track_id: int, index: int) -> object | None:
        """Return where to look for a track in the neighbours of frame ``index``."""
        return self._hints.get(track_id, {}).get(index)

    def tracks(self) -> list[Track]:
        """Return the tracks, ids renumbered from 0 by first frame."""
        order = sorted(self._frames, key=lambda track_id: (min(self._frames[track_id]), track_id))
        return [
            Track(new_id, dict(sorted(self._frames[old_id].items())), self._num_confirmed[old_id])
            for new_id, old_id in enumerate(order)
        ]


def _expected_box(frames: dict[int, PersonFrame], index: int) -> Array:
    """Return where a person is in frame ``index`` who goes on as in their last frames."""
    last = max(frames)
    first = min(seen for seen in frames if seen >= last - _PACE_FRAMES)
    pace = (frames[last].box_xyxy - frames[first].box_xyxy) / max(last - first, 1)
    return np.asarray(frames[last].box_xyxy + (index - last) * pace)
