"""From where pelvis, feet and hands are to the rotations of all joints: inverse kinematics.

Shape suffixes: T frames, J the 22 body joints. Person's axes: x to the left, y up, z to the front,
the floor below the start at the origin. Metres and radians. Turns are (pitch, yaw, roll): forward,
to the left, the left side up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.spatial.transform import Rotation

from toolkit.actors.motions.motion import Motion
from toolkit.m2m.directions import align, shortest, unit
from toolkit.m2m.skeleton import JOINT, NUM_JOINTS, PARENTS, clamp, pose_joints
from toolkit.m2m.types import Array

GRAVITY = 9.81
SIDES: Mapping[str, float] = {"left": 1.0, "right": -1.0}
_STRETCH = 0.998
"""A leg is never longer than this share of what it is at rest."""
_BENDS = np.radians([3.0, 150.0])
"""Of elbows and knees."""
_SETTLE_S = 0.06
_TOES = 1.45
"""Ball to heel as a multiple of ball to ankle."""
_PALM = 0.34
"""Wrist to the middle of the palm as a multiple of the forearm."""
_FRONT_3 = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Build:
    """Joints at rest [22, 3] m, soles at y = 0, and the lengths that follow from them."""

    rest_J3: Array

    @classmethod
    def of(cls, rest_J3: Array) -> "Build":
        """Measure a body; the pelvis is put above the origin."""
        return cls(np.asarray(rest_J3 - rest_J3[0] * (1, 0, 1)))

    def at(self, name: str) -> Array:
        """Place of a joint at rest."""
        return np.asarray(self.rest_J3[JOINT[name]])

    def bone(self, name: str) -> Array:
        """From the parent of a joint to the joint, at rest."""
        return np.asarray(self.rest_J3[JOINT[name]] - self.rest_J3[PARENTS[JOINT[name]]])

    def length(self, *names: str) -> float:
        """Sum of the lengths of the bones that end in these joints."""
        return float(sum(np.linalg.norm(self.bone(name)) for name in names))

    @property
    def leg_m(self) -> float:
        """Hip to ankle."""
        return self.length("left_knee", "left_ankle")

    @property
    def palm_m(self) -> float:
        """Wrist to the middle of the palm."""
        return _PALM * self.length("left_wrist")

    @property
    def arm_m(self) -> float:
        """Shoulder to the middle of the palm."""
        return self.length("left_elbow", "left_wrist") + self.palm_m

    @property
    def shoulders_3(self) -> Array:
        """Middle between the shoulders."""
        return np.asarray((self.at("left_shoulder") + self.at("right_shoulder")) / 2)


@dataclass(frozen=True)
class Foot:
    """A foot over time.

    Attributes:
        sole_T3: the point of the sole below the ankle when the foot is flat.
        pitch_T: + on the ball with the heel up, - on the heel with the toes up.
        yaw_T: + to the left.
    """

    sole_T3: Array
    pitch_T: Array
    yaw_T: Array


@dataclass(frozen=True)
class Hand:
    """A hand over time.

    Attributes:
        palm_T3: from the middle between the shoulders, in the axes of the chest.
        elbow_T3: direction in which the elbow points, in the axes of the chest.
        bend_T: of the wrist, + back of the hand toward the forearm.
        goal_T3: a place of the palm in the person's axes; used with ``weight_T`` 0..1.
    """

    palm_T3: Array
    elbow_T3: Array
    bend_T: Array
    goal_T3: Array = field(default_factory=lambda: np.zeros(3))
    weight_T: Array = field(default_factory=lambda: np.zeros(1))


@dataclass(frozen=True)
class Score:
    """What every part of the body shall do; ``solve`` finds the joints.

    Attributes:
        pelvis_T3: place of the pelvis; lowered where the feet are out of reach.
        turn_T3, torso_T3, head_T3: of the pelvis, of the chest to it, of the head to the chest.
        feet, hands: by side.
    """

    pelvis_T3: Array
    turn_T3: Array
    torso_T3: Array
    head_T3: Array
    feet: Mapping[str, Foot]
    hands: Mapping[str, Hand]


def turn(angles: Array) -> Array:
    """Rotations [..., 3, 3] from (pitch, yaw, roll): roll first, yaw last."""
    flat = np.reshape(angles, (-1, 3))[:, [1, 0, 2]]
    return np.asarray(Rotation.from_euler("YXZ", flat).as_matrix()).reshape(*angles.shape, 3)


def about(axis: int, angle_T: Array) -> Array:
    """Rotations [T, 3, 3] about a coordinate axis."""
    return turn(np.eye(3)[axis] * np.asarray(angle_T)[..., None])


def solve(build: Build, score: Score, fps: float) -> Motion:
    """Find the joint rotations that do what the score says, within the limits of the joints."""
    local_TJ33 = _trunk(score)
    feet = {side: _ankle(build, side, foot) for side, foot in score.feet.items()}
    pelvis_T3 = _lower(build, score, local_TJ33[:, 0], feet, fps)
    for side in SIDES:
        _solve_leg(build, side, local_TJ33, feet[side][0] - pelvis_T3, feet[side][1])
        toes_T = np.clip(score.feet[side].pitch_T, 0, 1.0)
        toes_T = toes_T * (1 - ease(score.feet[side].sole_T3[:, 1] / 0.15))
        local_TJ33[:, JOINT[f"{side}_foot"]] = about(0, -toes_T)
        _solve_arm(build, side, local_TJ33, score.hands[side], pelvis_T3)
    for joint in range(1, NUM_JOINTS):
        if joint not in {JOINT["left_foot"], JOINT["right_foot"]}:  # toes bend on the floor
            local_TJ33[:, joint] = clamp(joint, local_TJ33[:, joint])
    return Motion(local_TJ33, pelvis_T3, {})


def palms(build: Build, motion: Motion, side: str) -> tuple[Array, Array]:
    """Middle of a palm in the world [T, 3] m, and the direction in which it faces [T, 3]."""
    joints_TJ3, turns_TJ33 = pose_joints(motion.local_TJ33, build.rest_J3)
    wrist, along_3 = JOINT[f"{side}_wrist"], unit(build.bone(f"{side}_wrist"))
    palm_T3 = joints_TJ3[:, wrist] + turns_TJ33[:, wrist] @ along_3 * build.palm_m
    return palm_T3 + motion.pelvis_T3, -turns_TJ33[:, wrist, :, 1]


def ease(x: Array) -> Array:
    """0 below 0, 1 above 1, smooth between (minimum jerk)."""
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x**3 * (10 - 15 * x + 6 * x**2))


def _trunk(score: Score) -> Array:
    local_TJ33 = np.tile(np.eye(3), (len(score.pelvis_T3), NUM_JOINTS, 1, 1))
    local_TJ33[:, JOINT["pelvis"]] = turn(score.turn_T3)
    for name in ("spine1", "spine2", "spine3"):
        local_TJ33[:, JOINT[name]] = turn(score.torso_T3 / 3)
    for name in ("neck", "head"):
        local_TJ33[:, JOINT[name]] = turn(score.head_T3 / 2)
    return local_TJ33


def _ankle(build: Build, side: str, foot: Foot) -> tuple[Array, Array]:
    """Place [T, 3] and rotation [T, 3, 3] of an ankle."""
    ankle_3 = build.at(f"{side}_ankle")
    ball_3 = (build.at(f"{side}_foot") - ankle_3) * (1, 0, 1)
    up_3 = np.array([0.0, ankle_3[1], 0.0])
    ahead_T33 = about(1, foot.yaw_T)
    turns_T33 = ahead_T33 @ about(0, foot.pitch_T)
    ankle_T3 = foot.sole_T3 + ahead_T33 @ ball_3 + turns_T33 @ (up_3 - ball_3)
    ankle_T3[:, 1] += _TOES * ball_3[2] * np.sin(np.maximum(-foot.pitch_T, 0))
    return ankle_T3, turns_T33


def _lower(
    build: Build,
    score: Score,
    turns_T33: Array,
    feet: Mapping[str, tuple[Array, Array]],
    fps: float,
) -> Array:
    """Path of the pelvis: lowered, smoothly, to where both feet are within reach."""
    excess_T = np.zeros(len(turns_T33))
    for side, (ankle_T3, _) in feet.items():
        hip_T3 = score.pelvis_T3 + turns_T33 @ build.bone(f"{side}_hip")
        reach = _STRETCH * float(
            np.linalg.norm(build.at(f"{side}_hip") - build.at(f"{side}_ankle"))
        )
        flat_T = np.minimum(np.hypot(*(hip_T3 - ankle_T3)[:, [0, 2]].T), 0.97 * reach)
        highest_T = ankle_T3[:, 1] + np.sqrt(reach**2 - flat_T**2)
        excess_T = np.maximum(excess_T, hip_T3[:, 1] - highest_T)
    width = 2 * round(_SETTLE_S * fps) + 1
    excess_T = gaussian_filter1d(maximum_filter1d(excess_T, width), _SETTLE_S * fps, mode="nearest")
    return np.asarray(score.pelvis_T3 - excess_T[:, None] * np.array([0.0, 1.0, 0.0]))


def _bend(
    upper_3: Array, lower_T3: Array, hinge_3: Array, gap_T3: Array, toward_T3: Array
) -> tuple[Array, Array]:
    """Rotations of two bones that span a gap: of the upper one, and of the lower one to it.

    Args:
        upper_3: the first bone at rest.
        lower_T3: the second one at rest.
        hinge_3: axis at rest about which the lower bone bends.
        gap_T3: from the start of the upper bone to the end of the lower one.
        toward_T3: where the joint between them shall point.
    """
    along_T, beside_T = (
        lower_T3 @ upper_3 - (lower_T3 @ hinge_3) * (upper_3 @ hinge_3),
        np.cross(hinge_3, lower_T3) @ upper_3,
    )
    squares_T = (gap_T3**2).sum(1) - upper_3 @ upper_3 - (lower_T3**2).sum(1)
    wanted_T = squares_T / 2 - (lower_T3 @ hinge_3) * (upper_3 @ hinge_3)
    straight_T = np.arctan2(beside_T, along_T)
    more_T = np.arccos(np.clip(wanted_T / np.hypot(along_T, beside_T), -1, 1))
    angles_T = np.clip(straight_T + more_T, *_BENDS)
    bends_T33 = np.asarray(Rotation.from_rotvec(angles_T[:, None] * hinge_3).as_matrix())
    chain_T3 = upper_3 + np.einsum("tij,tj->ti", bends_T33, lower_T3)
    return align(chain_T3, hinge_3, gap_T3, np.cross(toward_T3, gap_T3)), bends_T33


def _solve_leg(
    build: Build, side: str, local_TJ33: Array, ankle_T3: Array, foot_T33: Array
) -> None:
    """Set hip, knee and ankle; ``ankle_T3`` is relative to the pelvis."""
    pelvis_T33 = local_TJ33[:, 0]
    gap_T3 = np.einsum("tji,tj->ti", pelvis_T33, ankle_T3) - build.bone(f"{side}_hip")
    # The knee points to the front of body and foot; of a raised leg, up.
    front_T3 = _FRONT_3 + np.einsum("tji,tj->ti", pelvis_T33, foot_T33[:, :, 2]) * (1, 0, 1)
    front_T3 = np.einsum("tij,tj->ti", shortest(np.array([[0.0, -1.0, 0.0]]), gap_T3), front_T3)
    shin_T3 = np.tile(build.bone(f"{side}_ankle"), (len(gap_T3), 1))
    thigh_T33, knee_T33 = _bend(
        build.bone(f"{side}_knee"), shin_T3, np.array([1.0, 0.0, 0.0]), gap_T3, front_T3
    )
    shin_T33 = pelvis_T33 @ thigh_T33 @ knee_T33
    local_TJ33[:, JOINT[f"{side}_hip"]] = thigh_T33
    local_TJ33[:, JOINT[f"{side}_knee"]] = knee_T33
    local_TJ33[:, JOINT[f"{side}_ankle"]] = shin_T33.swapaxes(1, 2) @ foot_T33


def _solve_arm(build: Build, side: str, local_TJ33: Array, hand: Hand, pelvis_T3: Array) -> None:
    """Set collar, shoulder, elbow and wrist; the trunk is there."""
    out = SIDES[side]
    joints_TJ3, turns_TJ33 = pose_joints(local_TJ33, build.rest_J3)
    chest, shoulder = JOINT["spine3"], JOINT[f"{side}_shoulder"]
    chest_T33, chest_T3 = turns_TJ33[:, chest], joints_TJ3[:, chest]
    middle_3 = build.shoulders_3 - build.at("spine3")
    goal_T3 = np.einsum("tji,tj->ti", chest_T33, hand.goal_T3 - pelvis_T3 - chest_T3) - middle_3
    palm_T3 = hand.palm_T3 + hand.weight_T[:, None] * (goal_T3 - hand.palm_T3)

    reach_T3 = unit(palm_T3 - (build.at(f"{side}_shoulder") - build.shoulders_3))
    shrug_T = np.radians(24) * ease(reach_T3[:, 1] * 0.8 + 0.3) - np.radians(3)
    forth_T = np.radians(14) * reach_T3[:, 2]
    collar_T33 = turn(np.stack([0 * shrug_T, -out * forth_T, out * shrug_T], axis=1))
    local_TJ33[:, PARENTS[shoulder]] = collar_T33
    root_3 = build.at(f"{side}_collar") - build.shoulders_3
    gap_T3 = palm_T3 - root_3 - collar_T33 @ build.bone(f"{side}_shoulder")

    fore_3, hinge_3 = build.bone(f"{side}_wrist"), np.array([0.0, -out, 0.0])
    lower_T3 = fore_3 + unit(fore_3) * (build.palm_m * np.cos(hand.bend_T))[:, None]
    upper_T33, elbow_T33 = _bend(
        build.bone(f"{side}_elbow"), lower_T3, hinge_3, gap_T3, hand.elbow_T3
    )
    local_TJ33[:, shoulder] = collar_T33.swapaxes(1, 2) @ upper_T33
    local_TJ33[:, JOINT[f"{side}_elbow"]] = elbow_T33
    local_TJ33[:, JOINT[f"{side}_wrist"]] = about(2, out * hand.bend_T)
