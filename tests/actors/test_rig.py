import time
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from toolkit.actors.bodies import Body, Phenotype, load_body
from toolkit.actors.outfits import Outfit
from toolkit.actors.rig import _rig, pose_vertices, rest_joints
from toolkit.m2m.skeleton import JOINT, JOINT_NAMES, LIMITS_J32, PARENTS, PRIOR_J3, pose_joints
from toolkit.m2m.types import Array

REST_J33 = np.tile(np.eye(3), (22, 1, 1))
STANDING_J33 = Rotation.from_rotvec(PRIOR_J3).as_matrix()
MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def body() -> Body:
    """A man of medium build."""
    return load_body(Phenotype(height=0.35), Outfit())


def random_pose(seed: int) -> Array:
    """Every joint somewhere within its limits, the pelvis anywhere."""
    rng = np.random.default_rng(seed)
    low_J3, high_J3 = LIMITS_J32[1:, :, 0], LIMITS_J32[1:, :, 1]
    turns_J3 = np.concatenate([rng.uniform(-2, 2, (1, 3)), rng.uniform(low_J3, high_J3)])
    return Rotation.from_rotvec(turns_J3).as_matrix()


def turned(pose_J33: Array, **degrees: tuple[float, float, float]) -> Array:
    """Return the pose with some joints turned, axis-angle in degrees."""
    pose_J33 = pose_J33.copy()
    for name, turn in degrees.items():
        pose_J33[JOINT[name]] = Rotation.from_rotvec(turn, degrees=True).as_matrix()
    return pose_J33


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "phenotype",
    [Phenotype(height=0.35), Phenotype(gender=1.0, age=0.55, weight=0.7, height=0.5)],
    ids=["man", "girl"],
)
def test_joints_are_where_the_skeleton_has_them(phenotype: Phenotype, seed: int) -> None:
    """A point of the body at a joint, on either bone that meets there, follows ``pose_joints``."""
    body = load_body(phenotype, Outfit())
    rig = _rig(body)
    whole = {  # the first bone that a joint turns wholly
        joint: int(np.flatnonzero(np.isin(rig.drivers_B, np.flatnonzero(moved_D)))[0])
        for joint in range(22)
        if (moved_D := (rig.joints_D == joint) & (rig.shares_D == 1)).any()
    }
    pairs = [(j, b) for j, parent in enumerate(PARENTS) for b in (j, parent) if b in whole]
    marks, movers = [joint for joint, _ in pairs], [whole[by] for _, by in pairs]
    assert set(marks) == set(range(22))
    weights = scipy.sparse.csr_array(np.eye(len(body.bones))[movers])
    marked = replace(body, rest_V3=rig.anchors_J3[marks], weights_VJ=weights)

    pose_J33, pelvis_3 = random_pose(seed), np.array([0.3, 1.0, -0.7])
    expected_J3 = pelvis_3 + pose_joints(pose_J33[None], rest_joints(body))[0][0]
    found_N3 = pose_vertices(marked, pose_J33, pelvis_3)
    assert np.linalg.norm(found_N3 - expected_J3[marks], axis=1).max() < 1e-3


def test_rest_is_the_t_pose(body: Body) -> None:
    """Soles on the floor, limbs where SMPL-X has them, palms down, the feet a little outwards."""
    joints_J3 = rest_joints(body)
    vertices_V3 = pose_vertices(body, REST_J33, joints_J3[0])
    assert abs(vertices_V3[:, 1].min()) < 0.003
    assert abs(joints_J3[0, 0]) < 0.001
    shoulder, wrist = joints_J3[JOINT["left_shoulder"]], joints_J3[JOINT["left_wrist"]]
    assert wrist[0] - shoulder[0] > 0.45
    assert np.abs(wrist - shoulder)[1:].max() < 0.06
    hip, ankle = joints_J3[JOINT["right_hip"]], joints_J3[JOINT["right_ankle"]]
    assert hip[1] - ankle[1] > 0.7
    assert abs(hip[0] - ankle[0]) < 0.03
    hand_V3 = vertices_V3[vertices_V3[:, 0] > wrist[0] + 0.03]
    assert np.ptp(hand_V3[:, 2]) > 1.3 * np.ptp(hand_V3[:, 1])
    for name in ("shoulder", "wrist", "hip", "knee", "foot"):
        left_3, right_3 = joints_J3[JOINT[f"left_{name}"]], joints_J3[JOINT[f"right_{name}"]]
        np.testing.assert_allclose(left_3 * MIRROR, right_3, atol=2e-3)


def test_a_mirrored_pose_gives_the_mirrored_body(body: Body) -> None:
    """Left and right are treated alike."""
    pose_J33 = random_pose(5)
    flipped_J33 = np.empty_like(pose_J33)
    flip_33 = np.diag(MIRROR)
    for joint, name in enumerate(JOINT_NAMES):
        other = name.replace("left", "?").replace("right", "left").replace("?", "right")
        flipped_J33[JOINT[other]] = flip_33 @ pose_J33[joint] @ flip_33
    center_3 = np.zeros(3)
    one_V3 = pose_vertices(body, pose_J33, center_3) * MIRROR
    apart_V, _ = cKDTree(one_V3).query(pose_vertices(body, flipped_J33, center_3))
    assert np.quantile(apart_V, 0.99) < 0.006


def thickness(body: Body, vertices_V3: Array, pose_J33: Array, share: float) -> float:
    """Mean distance of the skin from the left forearm's axis, at a share of its length."""
    joints_J3 = pose_joints(pose_J33[None], rest_joints(body))[0][0]
    elbow_3, wrist_3 = joints_J3[JOINT["left_elbow"]], joints_J3[JOINT["left_wrist"]]
    axis_3 = (wrist_3 - elbow_3) / np.linalg.norm(wrist_3 - elbow_3)
    off_V3 = vertices_V3 - elbow_3
    along_V = off_V3 @ axis_3 / np.linalg.norm(wrist_3 - elbow_3)
    radius_V = np.linalg.norm(off_V3 - np.outer(off_V3 @ axis_3, axis_3), axis=1)
    return float(radius_V[(np.abs(along_V - share) < 0.08) & (radius_V < 0.1)].mean())


@pytest.mark.parametrize("twist_deg", [-80.0, 80.0])
def test_a_twisted_forearm_stays_thick(body: Body, twist_deg: float) -> None:
    """The twist spreads over the forearm: no part of it collapses."""
    pose_J33 = turned(REST_J33, left_elbow=(twist_deg, 0, 0))
    twisted_V3 = pose_vertices(body, pose_J33, np.zeros(3))
    rest_V3 = pose_vertices(body, REST_J33, np.zeros(3))
    for share in (0.2, 0.4, 0.6, 0.8, 0.95):
        before = thickness(body, rest_V3, REST_J33, share)
        assert thickness(body, twisted_V3, pose_J33, share) > 0.8 * before


def test_the_head_turns_with_all_joints_below_it(body: Body) -> None:
    """Bends of spine, neck and head add up, and the back follows them gradually."""
    bends = dict.fromkeys(("spine1", "spine2", "spine3", "neck", "head"), (15, 0, 0))
    vertices_V3 = pose_vertices(body, turned(REST_J33, **bends), np.zeros(3))
    rest_V3 = pose_vertices(body, REST_J33, np.zeros(3))
    top_V = body.rest_V3[:, 1] > body.head("eye.L")[1]
    turn, _ = Rotation.align_vectors(
        vertices_V3[top_V] - vertices_V3[top_V].mean(axis=0),
        rest_V3[top_V] - rest_V3[top_V].mean(axis=0),
    )
    np.testing.assert_allclose(turn.as_rotvec(degrees=True), (75, 0, 0), atol=0.5)
    edges = body.faces_F3[:, :2]
    long_E = np.linalg.norm(np.diff(vertices_V3[edges], axis=1), axis=2)
    assert long_E.max() < 0.08


def test_fingers_follow_the_hand_pose(body: Body) -> None:
    """A curled left index finger moves its own tip and nothing of the right hand."""
    hands_J33 = np.tile(np.eye(3), (52, 1, 1))
    relaxed_V3 = pose_vertices(body, hands_J33, np.zeros(3))
    np.testing.assert_array_equal(relaxed_V3, pose_vertices(body, REST_J33, np.zeros(3)))
    hands_J33[22:25] = Rotation.from_euler("z", -60, degrees=True).as_matrix()
    moved_V = np.abs(pose_vertices(body, hands_J33, np.zeros(3)) - relaxed_V3).max(axis=1) > 0.005
    tip_3 = body.head("finger2-3.L")
    assert 30 < moved_V.sum() < 500
    assert np.linalg.norm(body.rest_V3[moved_V] - tip_3, axis=1).max() < 0.11


def test_posing_is_fast(body: Body) -> None:
    """A pose takes at most 15 ms."""
    pose_J33, taken_s = random_pose(1), []
    for _ in range(6):
        start = time.perf_counter()
        pose_vertices(body, pose_J33, np.zeros(3))
        taken_s.append(time.perf_counter() - start)
    assert min(taken_s) < 0.015
