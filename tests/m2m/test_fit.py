"""Inverse kinematics: a posed skeleton is found again from its own landmarks."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from toolkit.m2m.fit import LANDMARK_PLACES, fit_body
from toolkit.m2m.skeleton import JOINT, NUM_JOINTS, PARENTS, PRIOR_J3, pose_joints
from toolkit.m2m.types import Camera

Array = NDArray[np.float64]
FPS = 30.0
CAMERA = Camera.for_frame(432, 240, 1.0)
FACING_CAMERA = Rotation.from_rotvec([np.pi, 0, 0])
LEFT_SIDE = {
    "hip": (0.06, -0.09, 0.0), "knee": (0.11, -0.47, 0.0), "ankle": (0.08, -0.87, -0.04),
    "foot": (0.12, -0.93, 0.08), "collar": (0.05, 0.38, 0.0), "shoulder": (0.16, 0.43, -0.03),
    "elbow": (0.42, 0.37, -0.06), "wrist": (0.67, 0.39, -0.06),
}  # fmt: skip
MIDDLE = {
    "pelvis": (0, 0, 0), "spine1": (0, 0.11, -0.02), "spine2": (0, 0.24, -0.03),
    "spine3": (0, 0.29, 0), "neck": (0, 0.46, -0.03), "head": (0, 0.62, 0),
}  # fmt: skip

ARM = ("collar", "shoulder", "elbow", "wrist")


def rest_joints() -> Array:
    """A body of about 1.7 m, in metres, the pelvis at the origin."""
    rest = np.zeros((NUM_JOINTS, 3))
    for name, joint in JOINT.items():
        side, _, part = name.rpartition("_")
        rest[joint] = MIDDLE[name] if not side else LEFT_SIDE[part]
        rest[joint, 0] *= -1 if side == "right" else 1
    return rest


REST_J3 = rest_joints()


def walking(num_frames: int, heading_deg: float = 20.0) -> Array:
    """Local rotations [T, 22, 3, 3] of someone who steps and waves, turned by ``heading_deg``."""
    phase = np.sin(2 * np.pi * np.arange(num_frames) / FPS)
    rotvecs = np.tile(PRIOR_J3, (num_frames, 1, 1))
    for side, sign in (("left", 1), ("right", -1)):
        rotvecs[:, JOINT[f"{side}_hip"], 0] = -0.3 - 0.5 * sign * phase
        rotvecs[:, JOINT[f"{side}_knee"], 0] = 0.7 + 0.4 * sign * phase
        rotvecs[:, JOINT[f"{side}_elbow"], 1] = -sign * (1.2 + 0.4 * phase)
        rotvecs[:, JOINT[f"{side}_shoulder"], 2] = -sign * (0.6 + 0.3 * phase)
    rotvecs[:, JOINT["head"], 1] = 0.3 * phase
    local = Rotation.from_rotvec(rotvecs.reshape(-1, 3)).as_matrix().reshape(-1, NUM_JOINTS, 3, 3)
    heading = Rotation.from_rotvec([0, np.radians(heading_deg), 0])
    local[:, 0] = (FACING_CAMERA * heading).as_matrix()
    return local


def landmarks_of(local: Array, pelvis_T3: Array) -> tuple[Array, Array]:
    """Image landmarks [T, 33, 4] and world landmarks [T, 33, 3] of a posed skeleton."""
    joints, turns = pose_joints(local, REST_J3)
    points = np.zeros((len(local), 33, 3))
    for k, (name, offset) in LANDMARK_PLACES.items():
        joint = JOINT[name]
        frame = joint if name == "head" else PARENTS[joint]
        points[:, k] = joints[:, joint] + turns[:, frame] @ np.array(offset)
    for odd, side in enumerate(("left", "right")):
        hand, foot = turns[:, JOINT[f"{side}_wrist"]], turns[:, JOINT[f"{side}_ankle"]]
        fore = REST_J3[JOINT[f"{side}_wrist"]] - REST_J3[JOINT[f"{side}_elbow"]]
        along = 0.09 * fore / np.linalg.norm(fore)
        toes = REST_J3[JOINT[f"{side}_foot"]] - REST_J3[JOINT[f"{side}_ankle"]]
        wrist, ankle = points[:, 15 + odd], points[:, 27 + odd]
        points[:, 17 + odd] = wrist + hand @ (along + np.array([0, 0, -0.03]))
        points[:, 19 + odd] = wrist + hand @ (along + np.array([0, 0, 0.03]))
        points[:, 21 + odd] = wrist + hand @ (along / 2 + np.array([0, 0, 0.05]))
        points[:, 29 + odd] = ankle + foot @ np.array([0, toes[1], -0.03])
        points[:, 31 + odd] = ankle + foot @ toes
    camera_points = points + pelvis_T3[:, None]
    pixels = camera_points[..., :2] / camera_points[..., 2:] * (CAMERA.fx, CAMERA.fy)
    pixels += (CAMERA.cx, CAMERA.cy)
    landmarks = np.concatenate([pixels, np.ones((len(local), 33, 2))], axis=-1)
    hips = camera_points[:, 23:25].mean(1, keepdims=True)
    rays = hips[:, 0] / np.linalg.norm(hips[:, 0], axis=-1, keepdims=True)
    toward = np.stack([Rotation.align_vectors([[0, 0, 1]], [ray])[0].as_matrix() for ray in rays])
    world = np.einsum("tij,tkj->tki", toward, camera_points - hips)
    return landmarks, 0.94 * world


def errors_deg(found: Array, true: Array) -> Array:
    """[T, 22] angle between the joints' rotations in the camera."""
    turns = [pose_joints(local, REST_J3)[1].reshape(-1, 3, 3) for local in (found, true)]
    between = Rotation.from_matrix(turns[0]).inv() * Rotation.from_matrix(turns[1])
    return np.degrees(between.magnitude()).reshape(len(found), NUM_JOINTS)


def at(x: float, y: float, z: float, num_frames: int) -> Array:
    """The same place in every frame, [T, 3]."""
    return np.tile([x, y, z], (num_frames, 1)).astype(float)


@pytest.mark.parametrize("heading_deg", [0, 60, 180, -100])
@pytest.mark.parametrize("x", [0.0, -1.2])
def test_a_walker_is_found_from_all_sides(heading_deg: float, x: float) -> None:
    """Facing, side on and from behind, in the middle and near the edge: rotations and place fit."""
    true, pelvis = walking(30, heading_deg), at(x, 0.1, 4.0, 30)
    fit = fit_body(*landmarks_of(true, pelvis), CAMERA, FPS, REST_J3)
    assert errors_deg(fit.rotations_TJ33, true).mean() < 8
    assert np.abs(fit.pelvis_T3 - pelvis)[:, :2].max() < 0.05
    assert np.abs(fit.pelvis_T3 - pelvis)[:, 2].max() < 0.15
    seen = fit.observed_TJ.all(0)
    assert [name for name, joint in JOINT.items() if not seen[joint]] == ["left_foot", "right_foot"]


def test_posed_joints_project_onto_the_landmarks() -> None:
    """The mean distance in the picture is below 2% of the person's height."""
    true, pelvis = walking(30), at(0.3, 0.0, 4.0, 30)
    landmarks, world = landmarks_of(true, pelvis)
    fit = fit_body(landmarks, world, CAMERA, FPS, REST_J3)
    again, _ = landmarks_of(fit.rotations_TJ33, fit.pelvis_T3)
    chosen = list(LANDMARK_PLACES)
    errors_px = np.linalg.norm(again[:, chosen, :2] - landmarks[:, chosen, :2], axis=-1)
    assert errors_px.mean() < 0.02 * (1.7 * CAMERA.fy / 4.0)


def test_arms_do_not_make_up_for_shoulders_that_lie_farther_back() -> None:
    """A skeleton whose shoulders are 5 cm behind those of the landmarks raises no arm for it."""
    true, pelvis = walking(30, 0), at(0.0, 0.0, 4.0, 30)
    landmarks, world = landmarks_of(true, pelvis)
    rest_J3 = REST_J3.copy()
    rest_J3[[JOINT[f"{side}_{part}"] for side in ("left", "right") for part in ARM]] -= (0, 0, 0.05)
    found = [
        fit_body(landmarks, world, CAMERA, FPS, rest).rotations_TJ33 for rest in (REST_J3, rest_J3)
    ]
    apart_deg = errors_deg(*found)[:, [JOINT["left_shoulder"], JOINT["right_shoulder"]]]
    assert apart_deg.mean() < 5


def test_arms_seen_at_full_length_lie_across_the_view() -> None:
    """World landmarks that bring the elbows 12 cm and the hands 24 cm nearer are half believed."""
    true, pelvis = np.tile(np.eye(3), (5, NUM_JOINTS, 1, 1)), at(0.0, 0.0, 4.0, 5)
    true[:, 0] = FACING_CAMERA.as_matrix()
    landmarks, world = landmarks_of(true, pelvis)
    world[:, [13, 14], 2] -= 0.12
    world[:, 15:23, 2] -= 0.24
    fit = fit_body(landmarks, world, CAMERA, FPS, REST_J3)
    _, turns = pose_joints(fit.rotations_TJ33, REST_J3)
    for side in ("left", "right"):
        upper_3 = REST_J3[JOINT[f"{side}_elbow"]] - REST_J3[JOINT[f"{side}_shoulder"]]
        upper_T3 = turns[:, JOINT[f"{side}_shoulder"]] @ upper_3
        nearer_deg = np.degrees(np.arcsin(-upper_T3[:, 2] / np.linalg.norm(upper_3)))
        assert 0 < nearer_deg.min() <= nearer_deg.max() < 13  # the landmarks say 25


def test_unseen_legs_hang_and_are_marked() -> None:
    """With the upper body only, the body stands upright at the right distance, legs unobserved."""
    true, pelvis = walking(20, 0), at(0.0, 0.5, 1.5, 20)
    landmarks, world = landmarks_of(true, pelvis)
    landmarks[:, 23:, 2] = 0.01
    landmarks[:, 23:, :2] += np.random.default_rng(0).normal(0, 40, (20, 10, 2))
    world[:, 23:] += np.random.default_rng(1).normal(0, 0.02, (20, 10, 3))
    fit = fit_body(landmarks, world, CAMERA, FPS, REST_J3)
    legs = [JOINT[f"left_{part}"] for part in ("hip", "knee", "ankle")]
    assert not fit.observed_TJ[:, legs].any()
    assert fit.observed_TJ[:, JOINT["left_elbow"]].all()
    knees = Rotation.from_matrix(fit.rotations_TJ33[:, JOINT["left_knee"]]).magnitude()
    assert np.degrees(knees).max() < 5
    assert np.abs(fit.pelvis_T3[:, 2] - 1.5).max() < 0.25
    assert errors_deg(fit.rotations_TJ33, true)[:, JOINT["left_shoulder"]].mean() < 15


def test_an_arm_hidden_for_a_moment_stays_with_its_neighbours() -> None:
    """A short occlusion does not send the arm to the prior."""
    true, pelvis = walking(30), at(0.0, 0.0, 4.0, 30)
    landmarks, world = landmarks_of(true, pelvis)
    landmarks[14:17, [13, 15, 17, 19, 21], 2] = 0.0
    world[14:17, [13, 15, 17, 19, 21]] = 0.0
    fit = fit_body(landmarks, world, CAMERA, FPS, REST_J3)
    assert not fit.observed_TJ[15, JOINT["left_elbow"]]
    assert errors_deg(fit.rotations_TJ33, true)[15, JOINT["left_elbow"]] < 25


def test_smoothing_does_not_lag() -> None:
    """The fit of a clip played backwards is the fit played backwards."""
    true, pelvis = walking(25), at(0.0, 0.0, 4.0, 25)
    pelvis[:, 0] = np.linspace(-0.5, 0.5, 25)
    landmarks, world = landmarks_of(true, pelvis)
    forward = fit_body(landmarks, world, CAMERA, FPS, REST_J3)
    backward = fit_body(landmarks[::-1], world[::-1], CAMERA, FPS, REST_J3)
    assert np.allclose(forward.rotations_TJ33, backward.rotations_TJ33[::-1], atol=1e-9)
    assert np.allclose(forward.pelvis_T3, backward.pelvis_T3[::-1], atol=1e-9)


def test_one_frame_is_enough() -> None:
    """A track of a single frame gives a finite pose."""
    fit = fit_body(*landmarks_of(walking(1), at(0, 0, 4, 1)), CAMERA, FPS, REST_J3)
    assert np.isfinite(fit.rotations_TJ33).all()
    assert fit.pelvis_T3[0, 2] == pytest.approx(4, abs=0.2)


def test_senseless_landmarks_give_a_finite_pose() -> None:
    """All landmarks in one point: nothing to fit, and nothing breaks."""
    landmarks, world = np.zeros((3, 33, 4)), np.zeros((3, 33, 3))
    fit = fit_body(landmarks, world, CAMERA, FPS, REST_J3)
    assert np.isfinite(fit.rotations_TJ33).all()
    assert np.isfinite(fit.pelvis_T3).all()


def test_stretched_pixels_do_not_change_the_pose() -> None:
    """The same landmarks in a frame that was squeezed to another width give the same body."""
    landmarks, world = landmarks_of(walking(5), at(0.4, 0.0, 4.0, 5))
    plain = fit_body(landmarks, world, CAMERA, FPS, REST_J3)
    wide = Camera.for_frame(864, 240, 0.5)
    landmarks[..., 0] *= 2
    stretched = fit_body(landmarks, world, wide, FPS, REST_J3)
    assert np.allclose(plain.rotations_TJ33, stretched.rotations_TJ33)
    assert np.allclose(plain.pelvis_T3, stretched.pelvis_T3)
