"""The SMPL-X body skeleton: joints, parents, limits, and rotations along the chain.

Shape suffixes: T frames, J the 22 body joints. The rest pose is SMPL-X's T-pose: x to the
person's left, y up, z to the front. The lengths of the bones come from the body model.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from toolkit.m2m.types import Array

JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1",
    "left_knee", "right_knee", "spine2",
    "left_ankle", "right_ankle", "spine3",
    "left_foot", "right_foot", "neck",
    "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
JOINT = {name: index for index, name in enumerate(JOINT_NAMES)}
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
NUM_JOINTS = len(JOINT_NAMES)

_BONE_AXIS = {"collar": 0, "shoulder": 0, "elbow": 0, "wrist": 0}
"""Axis along the bone in the rest pose: x in the arms, y in all other joints."""

_LIMITS_DEG = {
    # name: about x (min, max), about y, about z; left side, the right side is its mirror image.
    # Ranges of motion of athletic adults (American Academy of Orthopaedic Surgeons), widened by
    # what SMPL-X puts into a neighbouring joint.
    "spine": ((-15, 35), (-20, 20), (-20, 20)),  # + forward, + left, + right side bend
    "neck": ((-35, 45), (-45, 45), (-35, 35)),
    "head": ((-40, 40), (-60, 60), (-35, 35)),
    "hip": ((-135, 70), (-45, 60), (-40, 85)),  # - flexion, + outward, + abduction; with the pelvis
    "knee": ((0, 155), (-25, 25), (-8, 8)),  # + flexion
    "ankle": ((-35, 60), (-30, 30), (-30, 30)),  # - toes up
    "foot": ((0, 0), (0, 0), (0, 0)),
    "collar": ((-5, 5), (-25, 25), (-15, 40)),  # + shrug about z
    "shoulder": ((-110, 110), (-145, 60), (-110, 110)),  # twist, - forward, + raise
    "elbow": ((-90, 90), (-155, 0), (-8, 8)),  # forearm twist, - flexion
    "wrist": ((-10, 10), (-35, 35), (-80, 75)),  # -, deviation, + back of the hand up
}

_PRIOR_DEG = {
    "left_collar": (0, 0, -6),
    "right_collar": (0, 0, 6),
    "left_shoulder": (0, 0, -68),
    "right_shoulder": (0, 0, 68),
    "left_elbow": (0, -12, 0),
    "right_elbow": (0, 12, 0),
}
"""Standing, arms hanging: what an unseen joint goes back to; all other joints are at rest."""


def _limits() -> Array:
    """[22, 3, 2] rad; unlimited for the pelvis."""
    limits_J32 = np.tile(np.array([-np.inf, np.inf]), (NUM_JOINTS, 3, 1))
    for joint, name in enumerate(JOINT_NAMES):
        for part, degrees in _LIMITS_DEG.items():
            if part in name:
                limits_J32[joint] = np.radians(degrees)
        if name.startswith("right"):
            limits_J32[joint, 1:] = -limits_J32[joint, 1:, ::-1]
    return limits_J32


LIMITS_J32 = _limits()
PRIOR_J3 = np.radians([_PRIOR_DEG.get(name, (0, 0, 0)) for name in JOINT_NAMES])
"""[22, 3] rad, axis-angle."""


def clamp(joint: int, local_T33: Array) -> Array:
    """Return the nearest rotations within the limits of ``joint``.

    The rotation is a twist about the bone followed by a swing of the bone. The angle of the twist
    and the two components of the swing's axis-angle vector are limited one by one.
    """
    name = JOINT_NAMES[joint].split("_")[-1]
    axis = _BONE_AXIS.get(name, 1)
    whole = Rotation.from_matrix(local_T33)
    quats_T4 = whole.as_quat()
    twists_T = 2 * np.arctan2(quats_T4[:, axis], quats_T4[:, 3])
    twists_T = (twists_T + np.pi) % (2 * np.pi) - np.pi
    bone_3 = np.eye(3)[axis]
    swings_T3 = (whole * Rotation.from_rotvec(twists_T[:, None] * bone_3).inv()).as_rotvec()
    low_3, high_3 = LIMITS_J32[joint].T
    swings_T3 = np.clip(swings_T3, low_3, high_3)
    swings_T3[:, axis] = 0
    twists_T = np.clip(twists_T, low_3[axis], high_3[axis])
    swing, twist = Rotation.from_rotvec(swings_T3), Rotation.from_rotvec(twists_T[:, None] * bone_3)
    return np.asarray((swing * twist).as_matrix())


def pose_joints(local_TJ33: Array, rest_J3: Array) -> tuple[Array, Array]:
    """Return the joints [T, 22, 3] m, the pelvis at the origin, and their rotations [T, 22, 3, 3].

    Args:
        local_TJ33: rotation of each joint in its parent's frame; that of the pelvis is global.
        rest_J3: joints in the rest pose, metres.
    """
    turns_TJ33 = local_TJ33.copy()
    joints_TJ3 = np.zeros(local_TJ33.shape[:3])
    for joint in range(1, NUM_JOINTS):
        parent = PARENTS[joint]
        turns_TJ33[:, joint] = turns_TJ33[:, parent] @ local_TJ33[:, joint]
        bone_3 = rest_J3[joint] - rest_J3[parent]
        joints_TJ3[:, joint] = joints_TJ3[:, parent] + turns_TJ33[:, parent] @ bone_3
    return joints_TJ3, turns_TJ33
