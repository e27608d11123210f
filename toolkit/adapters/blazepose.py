"""The offline masker: three detectors, BlazePose landmarks and segmentation, tracking.

MoveNet MultiPose, NanoDet and BlazePose's detector find people that none of them finds alone; each
is looked at by BlazePose's landmark network, which gives landmarks and a mask, and is then followed
from frame to frame, forward and backward. Faces and hands that no body explains are people too.
Rather is a bottle removed than somebody faint left: every eighth frame, what the detectors hardly
suspect is a person where the landmark network is sure of one.
"""

from dataclasses import replace

import numpy as np

from toolkit import models
from toolkit.adapters.detectors import (
    NUM_TILES,
    BodyDetectors,
    Detection,
    face_detector,
    palm_detector,
    pose_detector,
)
from toolkit.adapters.landmarks import PoseLandmarker, Region, region_of_keypoints, region_of_pose
from toolkit.frames import FrameStore, map_frames
from toolkit.m2m.masks import box_of, limb_cover
from toolkit.m2m.people import gather_people
from toolkit.m2m.track import Sighting, Tracker, iou_of_boxes, merged, same_person
from toolkit.m2m.types import Array, Evidence, People, Progress, Track
from toolkit.m2m.views import square_pixel_views

_MIN_SCORES = {
    "movenet": 0.2,
    "nanodet": 0.3,
    "maskrcnn": 0.5,
    "tile": 0.4,
    "blazepose": 0.4,
    "face": 0.5,
    "hand": 0.6,
}
# A detection that the landmark network makes nothing of needs more to count as a person; some kinds
# never do so at once (above 1), only where they stay.
_MIN_SCORES_ALONE = {
    "movenet": 0.45,
    "nanodet": 0.5,
    "maskrcnn": 0.5,
    "tile": 0.5,
    "face": 0.7,
    "hand": 2.0,
    "blazepose": 2.0,
}
_MIN_SAME_BOX_IOU = 0.3
_MIN_CLEAR_BOX_IOU = 0.6
_FAINT_SCORE = 0.15
_FAINT_EVERY_FRAMES = 8
"""How often those are asked after whom the detectors hardly suspect: the landmark network knows."""
_MIN_SURE_FRAMES = 4
"""Weaker detections count where they stay; who is seen for less may be a false alarm."""
_MIN_PRESENCE_NEW = 0.7
_MIN_PRESENCE_FAINT = 0.9
_MIN_PRESENCE_TRACKED = 0.3
_MIN_PRESENCE_FILLED = 0.1
_MASK_PROBABILITY = 0.5


Proposal = tuple[str, Detection, Region]


class BlazePoseMasker:
    """Implements ``toolkit.m2m.types.Masker``."""

    models: tuple[str, ...] = (
        "movenet_multipose",
        "nanodet",
        "pose_detection",
        "pose_landmark_full",
        "face_detection_full_range_sparse",
        "palm_detection_full",
    )

    def __init__(self) -> None:
        self._bodies = BodyDetectors(models.locate("nanodet"), models.locate("movenet_multipose"))
        self._pose = pose_detector(models.locate("pose_detection"))
        self._face = face_detector(models.locate("face_detection_full_range_sparse"))
        self._palm = palm_detector(models.locate("palm_detection_full"))
        self._landmarks = PoseLandmarker(models.locate("pose_landmark_full"))

    def find(self, frames: FrameStore, pixel_aspect: float, progress: Progress) -> People:
        """Find every person in ``frames`` [T, H, W, 3] uint8 RGB."""
        views = square_pixel_views(frames, pixel_aspect)
        tracker, weak_tracker, evidence = Tracker(), Tracker(), []
        detected = map_frames(lambda index: self._proposals(views[index], index), len(views))
        for index, proposals in enumerate(detected):
            image = views[index]
            found = self._follow(image, tracker.hints(index - 1))
            fresh, weak = self._discover(image, found, proposals)
            for track_id, sighting in found.items():
                tracker.add(track_id, index, sighting)
            for sighting in fresh:
                tracker.add_new(index, sighting)
            for sighting in weak:
                weak_tracker.add_new(index, sighting)
            evidence.append(
                [
                    _evidence(kind, item)
                    for kind, item, _ in proposals
                    if item.score >= _MIN_SCORES_ALONE[kind]
                ]
            )
            progress(1)
        tracker.adopt(weak_tracker, _MIN_SURE_FRAMES)
        for index in range(len(views) - 2, -1, -1):
            self._follow_back(views[index], tracker, index)
        for track_id, before, after in list(tracker.gaps()):
            self._fill_gap(views, tracker, track_id, before, after)
        return gather_people(self._refine(tracker.tracks(), views), views, frames, evidence)

    def _refine(self, tracks: list[Track], views: FrameStore) -> list[Track]:  # noqa: ARG002
        """Better the masks of tracks before they are put together; a masker may know more."""
        return tracks

    def _look(
        self, image_HWC: Array, region: Region, source: str, min_presence: float
    ) -> Sighting | None:
        if region.side_px < 8 or region.side_px > 8 * max(image_HWC.shape):
            return None
        pose = self._landmarks(image_HWC, region)
        if pose.presence < min_presence:
            return None
        outline_HW = pose.probability_HW > _MASK_PROBABILITY
        mask_HW = outline_HW | limb_cover(pose.landmarks_K4, outline_HW.shape)
        box_xyxy = box_of(mask_HW)
        if box_xyxy is None:
            return None
        return Sighting(
            mask_HW,
            box_xyxy,
            pose.landmarks_K4,
            pose.world_K3,
            pose.next_region,
            pose.presence,
            source,
            outline_HW=outline_HW,
        )

    def _follow(self, image_HWC: Array, hints: dict[int, object]) -> dict[int, Sighting]:
        """Look for each person of the frame beside; of two that met on one, keep the older."""
        found: dict[int, Sighting] = {}
        for track_id, region in sorted(hints.items()):
            assert isinstance(region, Region)  # noqa: S101 - this finder's own hints
            sighting = self._look(image_HWC, region, "tracked", _MIN_PRESENCE_TRACKED)
            if sighting is None:
                continue
            twin = next((other for other in found if same_person(found[other], sighting)), None)
            if twin is None:
                found[track_id] = sighting
            else:
                found[twin] = merged(found[twin], sighting)
        return found

    def _follow_back(self, image_HWC: Array, tracker: Tracker, index: int) -> None:
        for track_id, region in sorted(tracker.hints(index + 1).items()):
            if tracker.has(track_id, index):
                continue
            assert isinstance(region, Region)  # noqa: S101 - this finder's own hints
            sighting = self._look(image_HWC, region, "tracked", _MIN_PRESENCE_TRACKED)
            if sighting is not None:
                tracker.join(index, track_id, sighting)

    def _fill_gap(
        self, views: FrameStore, tracker: Tracker, track_id: int, before: int, after: int
    ) -> None:
        """Look with less doubt where a person must be: between two frames that show them."""
        ends = [tracker.hint(track_id, index) for index in (before, after)]
        boxes = [tracker.frame(track_id, index).box_xyxy for index in (before, after)]
        for index in range(before + 1, after):
            share = (index - before) / (after - before)
            sighting = None
            if isinstance(ends[0], Region) and isinstance(ends[1], Region):
                region = ends[0].towards(ends[1], share)
                sighting = self._look(views[index], region, "filled", _MIN_PRESENCE_FILLED)
            if sighting is None:
                box_xyxy = (1 - share) * boxes[0] + share * boxes[1]
                inside_HW = np.zeros(views.frame_shape[:2], bool)
                source = "filled"
                if None in ends:  # nobody's outline is known: a box to a box
                    x0, y0, x1, y1 = box_xyxy.round().astype(int)
                    inside_HW[y0:y1, x0:x1] = True
                    source = "weak"
                sighting = Sighting(inside_HW, box_xyxy, None, None, None, 0.0, source)
            tracker.add(track_id, index, sighting)

    def _discover(
        self, image_HWC: Array, found: dict[int, Sighting], proposals: list[Proposal]
    ) -> tuple[list[Sighting], list[Sighting]]:
        """Return people that no track explains yet, and weak detections that nothing explains."""
        fresh: list[Sighting] = []
        weak: list[Sighting] = []
        for kind, detection, region in proposals:
            known = [*found.values(), *fresh]
            is_strong = detection.score >= _MIN_SCORES_ALONE[kind]
            is_faint = detection.score < _MIN_SCORES[kind]
            if any(_is_clearly(item, kind, detection, region) for item in known):
                if is_strong:
                    _confirm(found, kind, detection, region)
                continue
            min_presence = _MIN_PRESENCE_FAINT if is_faint else _MIN_PRESENCE_NEW
            sighting = self._look(image_HWC, region, "detected", min_presence)
            if sighting is None and is_faint:
                continue
            if sighting is None or not _explains(sighting, kind, detection):
                sighting = _mere_region(detection, kind, known, image_HWC.shape[:2])
                if sighting is not None and not is_strong:
                    weak.append(replace(sighting, source="weak"))
                    continue
            if sighting is None:
                continue
            sighting = replace(sighting, confirmed=is_strong)
            add_sighting(sighting, found, fresh)
        return fresh, weak

    def _proposals(self, image_HWC: Array, index: int) -> list[Proposal]:
        """Return what each detector finds, with the region to look at more closely."""
        if index % _FAINT_EVERY_FRAMES == 0:
            faint = dict.fromkeys(_MIN_SCORES, _FAINT_SCORE)
            people = self._bodies.detect(image_HWC, range(NUM_TILES), faint)
        else:
            people = self._bodies.detect_in_turn(image_HWC, index, _MIN_SCORES)
        bodies = [
            (kind, person, region_of_keypoints(person, 0.2) or Region.around(person.box_xyxy))
            for kind, person in people
        ]
        poses = [
            ("blazepose", person, region_of_pose(person))
            for person in self._pose.detect(image_HWC, _MIN_SCORES["blazepose"])
        ]
        faces = [
            ("face", face, Region.around(_body_below(face.box_xyxy)))
            for face in self._face.detect(image_HWC, _MIN_SCORES["face"])
        ]
        hands = [
            ("hand", hand, Region.around(hand.box_xyxy, margin=4))
            for hand in self._palm.detect(image_HWC, _MIN_SCORES["hand"])
        ]
        return [*bodies, *poses, *faces, *hands]


def add_sighting(sighting: Sighting, found: dict[int, Sighting], fresh: list[Sighting]) -> None:
    """Merge what was seen into the person it is of; else it is somebody new."""
    for track_id, item in found.items():
        if same_person(item, sighting):
            found[track_id] = merged(item, sighting)
            return
    for index, item in enumerate(fresh):
        if same_person(item, sighting):
            fresh[index] = merged(item, sighting)
            return
    fresh.append(sighting)


def _body_below(face_xyxy: Array) -> Array:
    """Return the box of a body whose face is ``face_xyxy``: five faces more in height."""
    x0, y0, x1, y1 = face_xyxy
    return np.array([x0, y0, x1, y1 + 5 * (y1 - y0)])


def _evidence(kind: str, detection: Detection) -> Evidence:
    return Evidence(kind, tuple(detection.box_xyxy.tolist()), detection.score)


def _explains(sighting: Sighting, kind: str, detection: Detection) -> bool:
    """Whether a person the landmark network found is the one that was detected."""
    if sighting.landmarks_K4 is None:
        return False
    x0, y0, x1, y1 = detection.box_xyxy
    if kind == "blazepose":  # its box is of the head, and it gives its own region
        return True
    if kind == "face":
        points_K2 = sighting.landmarks_K4[:1, :2]
    elif kind == "hand":
        margin_px = max(x1 - x0, y1 - y0)
        x0, y0, x1, y1 = x0 - margin_px, y0 - margin_px, x1 + margin_px, y1 + margin_px
        points_K2 = sighting.landmarks_K4[15:23, :2]
    else:
        return iou_of_boxes(sighting.box_xyxy, detection.box_xyxy) > _MIN_SAME_BOX_IOU
    inside_K = (points_K2 > (x0, y0)).all(1) & (points_K2 < (x1, y1)).all(1)
    return bool(inside_K.any())


def _confirm(found: dict[int, Sighting], kind: str, detection: Detection, region: Region) -> None:
    for track_id, item in found.items():
        if _is_clearly(item, kind, detection, region):
            found[track_id] = replace(item, confirmed=True)


def _is_clearly(sighting: Sighting, kind: str, detection: Detection, region: Region) -> bool:
    """Whether a detection is so surely of a person already found that no second look is needed."""
    if kind == "blazepose":
        return isinstance(sighting.next_hint, Region) and sighting.next_hint.is_like(region)
    if kind in {"face", "hand"}:
        return _explains(sighting, kind, detection)
    return iou_of_boxes(detection.box_xyxy, sighting.box_xyxy) > _MIN_CLEAR_BOX_IOU


def _mere_region(
    detection: Detection, kind: str, known: list[Sighting], shape_HW: tuple[int, int]
) -> Sighting | None:
    """A detection that the landmark network makes nothing of: its whole box, if not yet covered."""
    x0, y0, x1, y1 = detection.box_xyxy
    grow = {"face": 0.4, "hand": 0.8}.get(kind, 0.05)
    grow_x, grow_y = grow * (x1 - x0), grow * (y1 - y0)
    low_x, low_y = max(0, int(x0 - grow_x)), max(0, int(y0 - grow_y))
    high_x, high_y = (
        min(shape_HW[1], int(np.ceil(x1 + grow_x))),
        min(shape_HW[0], int(np.ceil(y1 + grow_y))),
    )
    mask_HW = np.zeros(shape_HW, bool)
    mask_HW[low_y:high_y, low_x:high_x] = True
    inner = np.zeros(shape_HW, bool)
    inner[max(0, int(y0)) : int(np.ceil(y1)), max(0, int(x0)) : int(np.ceil(x1))] = True
    if not inner.any():
        return None
    covered = np.zeros(shape_HW, bool)
    for item in known:
        covered |= item.mask_HW
    if np.count_nonzero(covered & inner) / np.count_nonzero(inner) > 0.35:
        return None
    box = np.array([low_x, low_y, high_x, high_y], np.float32)
    return Sighting(mask_HW, box, None, None, None, detection.score, "detected")
