"""Which of a person's pixels are an arm or a leg, by the true joints.

Shape suffixes: H height, W width, J joints, N points.
"""

import cv2
import numpy as np

from toolkit.m2m.skeleton import JOINT
from toolkit.m2m.types import Array

LIMBS = ("left_arm", "right_arm", "left_leg", "right_leg")

_Bone = tuple[str, str, float, float]
"""From joint, to joint, radius in metres, and how far it goes on beyond: a share of its length."""
_TRUNK: tuple[_Bone, ...] = (
    ("pelvis", "spine3", 0.12, 0.0),
    ("spine3", "neck", 0.12, 0.0),
    ("neck", "head", 0.07, 1.0),
    ("left_shoulder", "right_shoulder", 0.06, 0.0),
    ("left_hip", "right_hip", 0.08, 0.0),
)


def limb_HW(visible_HW: Array, joints_J3: Array, camera_4: Array, limb: str) -> Array:
    """Return the pixels of one limb: those that are nearer to its bones than to all others.

    Args:
        visible_HW: bool, the person.
        joints_J3: m, in camera space.
        camera_4: fx, fy, cx, cy, px.
        limb: one of ``LIMBS``.
    """
    pixels_J2 = joints_J3[:, :2] / joints_J3[:, 2:] * camera_4[:2] + camera_4[2:]
    px_per_m = float(camera_4[1] / joints_J3[0, 2])
    rows, columns = np.nonzero(visible_HW)
    points_N2 = np.stack([columns, rows], axis=1) + 0.5

    def distance_N(bones: tuple[_Bone, ...]) -> Array:
        distances = [
            _distance(points_N2, pixels_J2[JOINT[a]], pixels_J2[JOINT[b]], beyond)
            - radius_m * px_per_m
            for a, b, radius_m, beyond in bones
        ]
        return np.asarray(np.min(distances, axis=0))

    rest = (_TRUNK, *(_bones(other) for other in LIMBS if other != limb))
    is_limb_N = distance_N(_bones(limb)) < np.min([distance_N(bones) for bones in rest], axis=0)
    inside_HW = np.zeros(visible_HW.shape, np.uint8)
    inside_HW[rows[is_limb_N], columns[is_limb_N]] = 1
    return np.asarray(cv2.medianBlur(inside_HW, 3) != 0) & visible_HW


def _bones(limb: str) -> tuple[_Bone, ...]:
    side, _, part = limb.partition("_")
    if part == "arm":
        return (
            (f"{side}_shoulder", f"{side}_elbow", 0.05, 0.0),
            (f"{side}_elbow", f"{side}_wrist", 0.05, 0.8),
        )
    return (
        (f"{side}_hip", f"{side}_knee", 0.08, 0.0),
        (f"{side}_knee", f"{side}_ankle", 0.06, 0.1),
        (f"{side}_ankle", f"{side}_foot", 0.05, 0.5),
    )


def _distance(points_N2: Array, start_2: Array, end_2: Array, beyond: float) -> Array:
    """Distance of points to a bone that goes on ``beyond`` its end."""
    along_2 = (1 + beyond) * (end_2 - start_2)
    share_N = (points_N2 - start_2) @ along_2 / max(float(along_2 @ along_2), 1e-9)
    nearest_N2 = start_2 + np.clip(share_N, 0, 1)[:, None] * along_2
    return np.asarray(np.linalg.norm(points_N2 - nearest_N2, axis=1))
