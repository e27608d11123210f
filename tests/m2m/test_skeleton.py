"""The skeleton: limits and forward kinematics."""

import numpy as np
from scipy.spatial.transform import Rotation

from toolkit.m2m.skeleton import (
    JOINT,
    JOINT_NAMES,
    LIMITS_J32,
    NUM_JOINTS,
    PARENTS,
    PRIOR_J3,
    clamp,
    pose_joints,
)


def test_parents_come_before_their_children():
    """The chain can be walked in order of the joints."""
    assert len(PARENTS) == NUM_JOINTS == 22
    assert all(parent < joint for joint, parent in enumerate(PARENTS))


def test_right_limits_mirror_left_limits():
    """What the left arm may do, the right arm may do in the mirror."""
    for name in JOINT_NAMES:
        if name.startswith("left"):
            left = LIMITS_J32[JOINT[name]]
            right = LIMITS_J32[JOINT[name.replace("left", "right")]]
            assert np.allclose(left[0], right[0])
            assert np.allclose(left[1:], -right[1:, ::-1])


def test_the_prior_is_within_the_limits():
    """An unseen joint is put where it may be."""
    for joint in range(1, NUM_JOINTS):
        prior = Rotation.from_rotvec(PRIOR_J3[joint]).as_matrix()[None]
        assert np.allclose(clamp(joint, prior), prior, atol=1e-6)


def test_a_knee_does_not_bend_forward():
    """Flexion is kept, the wrong direction is not."""
    knee = JOINT["left_knee"]
    turns = Rotation.from_rotvec(np.radians([[70, 0, 0], [-40, 0, 0]])).as_matrix()
    clamped = Rotation.from_matrix(clamp(knee, turns)).as_rotvec(degrees=True)
    assert np.allclose(clamped, [[70, 0, 0], [0, 0, 0]], atol=1e-6)


def test_clamping_twice_changes_nothing():
    """Clamped rotations are within the limits, whatever comes in."""
    turns = Rotation.random(50, random_state=0).as_matrix()
    for joint in range(1, NUM_JOINTS):
        once = clamp(joint, turns)
        assert np.allclose(clamp(joint, once), once, atol=1e-6)


def test_children_turn_with_their_parent():
    """Half a turn of the pelvis about y brings the left side to the right."""
    rest = np.zeros((NUM_JOINTS, 3))
    rest[JOINT["left_hip"]] = (0.1, -0.1, 0.0)
    local = np.tile(np.eye(3), (1, NUM_JOINTS, 1, 1))
    local[0, 0] = Rotation.from_rotvec([0, np.pi, 0]).as_matrix()
    joints, turns = pose_joints(local, rest)
    assert np.allclose(joints[0, JOINT["left_hip"]], [-0.1, -0.1, 0.0])
    assert np.allclose(turns[0, JOINT["left_hip"]], local[0, 0])
