"""BlazePose's landmark network: a region of the image in, one person's landmarks and mask out."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from toolkit.adapters.detectors import Detection
from toolkit.adapters.tflite import TfliteModel
from toolkit.m2m.types import NUM_LANDMARKS, Array

_MARGIN = 1.25
"""How much wider than the circle around the body a region is (MediaPipe's own value)."""


@dataclass(frozen=True)
class Region:
    """A square of the image, turned so that the person stands upright in it.

    Attributes:
        centre_xy: [2] px.
        side_px: length of a side.
        angle_rad: how far the person is turned clockwise from upright.
    """

    centre_xy: Array
    side_px: float
    angle_rad: float

    @classmethod
    def through(cls, centre_xy: Array, top_xy: Array, margin: float = _MARGIN) -> "Region":
        """Return the region around the circle about ``centre_xy`` through ``top_xy``."""
        up = np.asarray(top_xy, float) - np.asarray(centre_xy, float)
        angle_rad = float(np.arctan2(up[0], -up[1]))
        return cls(np.asarray(centre_xy, float), 2 * float(np.hypot(*up)) * margin, angle_rad)

    @classmethod
    def around(cls, box_xyxy: Array, margin: float = _MARGIN) -> "Region":
        """Return the upright region around a box."""
        x0, y0, x1, y1 = (float(value) for value in box_xyxy)
        return cls(np.array([(x0 + x1) / 2, (y0 + y1) / 2]), max(x1 - x0, y1 - y0) * margin, 0.0)

    def is_like(self, other: "Region") -> bool:
        """Whether two regions lie within a tenth of a side of one another and are as large."""
        apart_px = float(np.linalg.norm(self.centre_xy - other.centre_xy))
        smaller, larger = sorted((self.side_px, other.side_px))
        return apart_px < 0.1 * smaller and larger < 1.25 * smaller

    def towards(self, other: "Region", share: float) -> "Region":
        """Return the region ``share`` (0..1) of the way to ``other``, turning the shorter way."""
        turn = (other.angle_rad - self.angle_rad + np.pi) % (2 * np.pi) - np.pi
        return Region(
            (1 - share) * self.centre_xy + share * other.centre_xy,
            (1 - share) * self.side_px + share * other.side_px,
            self.angle_rad + share * float(turn),
        )

    def to_crop(self, size_px: int) -> Array:
        """Return the affine matrix [2, 3] from image pixels to pixels of the crop."""
        scale = size_px / self.side_px
        cos, sin = scale * np.cos(self.angle_rad), scale * np.sin(self.angle_rad)
        rotation = np.array([[cos, sin], [-sin, cos]])
        return np.column_stack([rotation, size_px / 2 - rotation @ self.centre_xy])


def region_of_pose(detection: Detection) -> Region:
    """Region of a person found by BlazePose's detector: point 1 is on the circle about point 0."""
    assert detection.points_N3 is not None  # noqa: S101 - this detector always gives points
    return Region.through(detection.points_N3[0, :2], detection.points_N3[1, :2])


def region_of_keypoints(detection: Detection, min_confidence: float) -> Region | None:
    """Region of a person with COCO key points: about the hips, shoulders up, to the farthest point.

    Returns None where there are no points, or hips and shoulders are not sure enough to say which
    way is up.
    """
    if detection.points_N3 is None:
        return None
    points, sure = detection.points_N3[:, :2], detection.points_N3[:, 2] >= min_confidence
    if not (sure[[5, 6]].any() and sure[[11, 12]].any()):
        return None
    shoulders = points[[5, 6]][sure[[5, 6]]].mean(0)
    hips = points[[11, 12]][sure[[11, 12]]].mean(0)
    x0, y0, x1, y1 = detection.box_xyxy
    corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]])
    reach = max(
        np.linalg.norm(points[sure] - hips, axis=1).max(),
        np.linalg.norm(corners - hips, axis=1).max() * 0.8,
    )
    up = shoulders - hips
    length = np.linalg.norm(up)
    if length < 1:
        return None
    return Region.through(hips, hips + up / length * reach)


def region_of_palm(palm: Detection) -> Region:
    """Region of a whole hand: from the wrist, point 0, towards the middle finger, point 2."""
    assert palm.points_N3 is not None  # noqa: S101 - this detector always gives points
    up = palm.points_N3[2, :2] - palm.points_N3[0, :2]
    up = up / max(float(np.hypot(*up)), 1e-6)
    x0, y0, x1, y1 = palm.box_xyxy
    side_px = float(max(x1 - x0, y1 - y0))
    centre_xy = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) + up * side_px / 2
    return Region(centre_xy, 2.6 * side_px, float(np.arctan2(up[0], -up[1])))


@dataclass(frozen=True)
class Pose:
    """What the network says of one region, in image pixels.

    Attributes:
        presence: 0..1, that a person is in the region.
        landmarks_K4: [33, 4] x px, y px, visibility, presence.
        world_K3: [33, 3] metres about the hip centre, camera axes.
        next_region: where to look in the next frame.
        probability_HW: [H, W] float32, person probability of each image pixel.
    """

    presence: float
    landmarks_K4: Array
    world_K3: Array
    next_region: Region
    probability_HW: Array


class PoseLandmarker:
    """BlazePose landmark network (``pose_landmark_full`` or ``_heavy``)."""

    def __init__(self, path: Path) -> None:
        self._model = TfliteModel(path)

    def __call__(self, image_HWC: Array, region: Region) -> Pose:
        """Look for one person in ``region`` of an RGB image [H, W, 3] uint8."""
        size = self._model.input_size_px
        to_crop_23 = region.to_crop(size)
        crop = cv2.warpAffine(image_HWC, to_crop_23, (size, size), flags=cv2.INTER_LINEAR)
        by_size = {
            values.size: values for values in self._model(crop.astype(np.float32) / 255).values()
        }
        raw_N5 = by_size[195].reshape(39, 5)
        to_image_23 = cv2.invertAffineTransform(to_crop_23)
        points_N2 = raw_N5[:, :2] @ to_image_23[:, :2].T + to_image_23[:, 2]
        confidence = 1 / (1 + np.exp(-np.clip(raw_N5[:, 3:5], -20, 20)))
        logits_HW = np.clip(by_size[size * size].reshape(size, size), -20, 20)
        probability = cv2.warpAffine(
            1 / (1 + np.exp(-logits_HW)),
            to_image_23,
            (image_HWC.shape[1], image_HWC.shape[0]),
            flags=cv2.INTER_LINEAR,
        )
        turn = self._turn(region.angle_rad)
        return Pose(
            presence=float(by_size[1].ravel()[0]),
            landmarks_K4=np.concatenate([points_N2, confidence], axis=1)[:NUM_LANDMARKS].astype(
                np.float32
            ),
            world_K3=(by_size[117].reshape(39, 3)[:NUM_LANDMARKS] @ turn.T).astype(np.float32),
            next_region=Region.through(points_N2[33], points_N2[34]),
            probability_HW=probability,
        )

    @staticmethod
    def _turn(angle_rad: float) -> Array:
        cos, sin = np.cos(angle_rad), np.sin(angle_rad)
        return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


_LOOKS = ((0, 0, 0.8), (0, 0, 1.2), (-0.1, 0, 1), (0.1, 0, 1), (0, -0.1, 1), (0, 0.1, 1))
"""Shifts of a region in sides, right and down, and its growth."""


def steady_presence(landmarker: PoseLandmarker, image_HWC: Array, region: Region) -> float:
    """Return 0..1, how sure the network is of a person in a region, however it looks there.

    The median over the region, its mirror image, and regions a little smaller, larger and shifted:
    a bag or a pattern that looks like somebody in one of them rarely does in the others. The
    ``region`` must be upright.
    """
    right_px, side_px = image_HWC.shape[1] - region.centre_xy[0], region.side_px
    mirrored = Region(np.array([right_px, region.centre_xy[1]]), side_px, 0.0)
    looks = [(image_HWC, region), (np.ascontiguousarray(image_HWC[:, ::-1]), mirrored)]
    for right, down, growth in _LOOKS:
        centre_xy = region.centre_xy + side_px * np.array([right, down])
        looks.append((image_HWC, Region(centre_xy, side_px * growth, 0.0)))
    return float(np.median([landmarker(*look).presence for look in looks]))


class HandLandmarker:
    """MediaPipe's hand landmark network, which also tells whether there is a hand at all."""

    def __init__(self, path: Path) -> None:
        self._model = TfliteModel(path)

    def presence(self, image_HWC: Array, palm: Detection) -> float:
        """Return 0..1, how sure a palm found in an RGB image [H, W, 3] uint8 is one of a hand."""
        size = self._model.input_size_px
        to_crop_23 = region_of_palm(palm).to_crop(size)
        crop = cv2.warpAffine(image_HWC, to_crop_23, (size, size), flags=cv2.INTER_LINEAR)
        outputs = self._model(crop.astype(np.float32) / 255)
        return float(outputs["Identity_1"].ravel()[0])
