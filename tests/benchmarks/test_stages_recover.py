"""Poses against true poses, where the answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("mannequin")

from benchmarks.stages import recover
from benchmarks.stages.run import ClipRun
from tests.actors_clip import decoded
from tests.m2m.test_fit import landmarks_of, walking
from tests.stages_clip import perfect_run, truth_of
from toolkit.adapters.blazepose_fit import BlazePoseFit
from toolkit.m2m.skeleton import JOINT, NUM_JOINTS, pose_joints
from toolkit.m2m.types import BodyMotion

NUM_FRAMES = 12
REST_J3 = BlazePoseFit()._rest_J3
PLACE_3 = np.array([0.3, 0.1, 4.0])


@pytest.fixture(scope="module")
def local_TJ33() -> np.ndarray:
    """Somebody who walks and waves."""
    return walking(NUM_FRAMES)


def _motion(local_TJ33: np.ndarray, track_id: int = 0) -> BodyMotion:
    rotvecs = Rotation.from_matrix(local_TJ33.reshape(-1, 3, 3)).as_rotvec()
    rotvecs = rotvecs.reshape(-1, NUM_JOINTS, 3)
    hands_T45 = np.zeros((len(local_TJ33), 45))
    return BodyMotion(
        track_id=track_id,
        frames_T=np.arange(len(local_TJ33)),
        global_orient_T3=rotvecs[:, 0],
        body_pose_T63=rotvecs[:, 1:].reshape(-1, 63),
        left_hand_pose_T45=hands_T45,
        right_hand_pose_T45=hands_T45,
        betas_10=np.zeros(10),
        transl_T3=np.zeros((len(local_TJ33), 3)),
        observed_TJ=np.ones((len(local_TJ33), NUM_JOINTS), bool),
    )


def _run(
    true_local_TJ33: np.ndarray, motions: list[BodyMotion], joints_TJ3: np.ndarray | None = None
) -> ClipRun:
    """A run with one person, who is where the truth says; the recoverer gives ``motions``."""
    num_frames = len(true_local_TJ33)
    masks_THW = np.zeros((num_frames, 240, 432), bool)
    masks_THW[:, 60:200, 180:240] = True
    if joints_TJ3 is None:
        joints_TJ3 = pose_joints(true_local_TJ33, REST_J3)[0]
    frames_THWC = np.zeros((*masks_THW.shape, 3), np.uint8)
    truth = truth_of(
        masks_THW[None],
        frames_THWC[0],
        joints_PTJ3=(joints_TJ3 + PLACE_3)[None],
        local_PTJ33=true_local_TJ33[None],
    )
    run = perfect_run(frames_THWC, truth, clip=decoded(frames_THWC, fps=30), motions=motions)
    return replace(run, steps={"recover": BlazePoseFit})


def _with_landmarks(run: ClipRun, local_TJ33: np.ndarray, tremor: float) -> ClipRun:
    """The track with the landmarks of a pose, off by ``tremor`` px and cm, and what is fitted."""
    landmarks_TK4, world_TK3 = landmarks_of(local_TJ33, np.tile(PLACE_3, (len(local_TJ33), 1)))
    rng = np.random.default_rng(0)
    landmarks_TK4[..., :2] += tremor * rng.normal(size=landmarks_TK4[..., :2].shape)
    world_TK3 = world_TK3 + tremor * rng.normal(scale=0.01, size=world_TK3.shape)
    (track,) = run.done.people.tracks
    for index, item in track.frames.items():
        track.frames[index] = replace(
            item, landmarks_K4=landmarks_TK4[index], world_K3=world_TK3[index]
        )
    motion = BlazePoseFit().recover(track, run.camera, run.fps)
    return replace(run, done=replace(run.done, motions=[motion]))


def test_true_poses_have_no_error(local_TJ33: np.ndarray) -> None:
    """The truth itself, as parameters: no distance, no wrong acceleration, the front in front."""
    run = _with_landmarks(_run(local_TJ33, []), local_TJ33, 0)
    run = replace(run, done=replace(run.done, motions=[_motion(local_TJ33)]))
    values = recover.measure(run)
    for name in ("mpjpe_mm", "pa_mpjpe_mm", "accel_mm_s2", "facing_wrong", "betas_spread"):
        assert values[name] == pytest.approx(0, abs=0.01), name
    assert values["mesh_iou"] == 0  # no mesh was drawn


def test_a_turned_and_larger_person_differs_only_before_alignment(local_TJ33: np.ndarray) -> None:
    """MPJPE sees turn and size, PA-MPJPE neither."""
    joints_TJ3, _ = pose_joints(local_TJ33, REST_J3)
    turn = Rotation.from_rotvec([0.1, 0.4, 0.2]).as_matrix()
    run = _run(local_TJ33, [_motion(local_TJ33)], 1.2 * joints_TJ3 @ turn.T)
    values = recover.joint_errors(recover.pair_up(run, run.motions))
    assert values["pa_mpjpe_mm"] == pytest.approx(0, abs=0.01)
    assert values["mpjpe_mm"] > 100
    assert values["mpjpe_mm_ankle"] > values["mpjpe_mm_hip"]


def test_an_error_is_told_in_millimetres(local_TJ33: np.ndarray) -> None:
    """One wrist 14 cm farther from the camera: 10 mm over the 14 joints, along the view."""
    joints_TJ3, _ = pose_joints(local_TJ33, REST_J3)
    joints_TJ3[:, JOINT["left_wrist"], 2] += 0.14
    run = _run(local_TJ33, [_motion(local_TJ33)], joints_TJ3)
    values = recover.joint_errors(recover.pair_up(run, run.motions))
    assert values["mpjpe_mm"] == pytest.approx(10, abs=0.01)
    assert values["mpjpe_mm_wrist"] == pytest.approx(70, abs=0.01)
    assert values["mpjpe_mm_along_view"] == pytest.approx(10, abs=0.01)
    assert values["mpjpe_mm_across_view"] == pytest.approx(0, abs=0.01)


def test_alignment_turns_but_never_mirrors() -> None:
    """A mirrored person stays wrong."""
    joints_FJ3 = np.random.default_rng(0).normal(size=(5, 14, 3))
    mirrored_FJ3 = joints_FJ3 * (-1, 1, 1)
    assert (
        np.abs(recover.align(joints_FJ3 @ np.diag([-1, -1, 1]), joints_FJ3) - joints_FJ3).max()
        < 1e-9
    )
    assert (
        np.linalg.norm(recover.align(mirrored_FJ3, joints_FJ3) - joints_FJ3, axis=-1).mean() > 0.3
    )


def test_back_to_front_is_told(local_TJ33: np.ndarray) -> None:
    """Half of the frames with the pelvis turned round."""
    turned = local_TJ33.copy()
    turned[: NUM_FRAMES // 2, 0] = turned[: NUM_FRAMES // 2, 0] @ np.diag([-1.0, 1.0, -1.0])
    run = _run(local_TJ33, [_motion(turned)])
    assert recover.joint_errors(recover.pair_up(run, run.motions))["facing_wrong"] == 0.5


def test_only_people_who_are_seen_and_matched_count(local_TJ33: np.ndarray) -> None:
    """Frames in which more than half is hidden do not count, nor does a track of nobody."""
    run = _run(local_TJ33, [_motion(local_TJ33), _motion(local_TJ33, track_id=5)])
    occlusion_PT = np.zeros((1, NUM_FRAMES), np.float32)
    occlusion_PT[:, :4] = 0.6
    run = replace(run, truth=replace(run.truth, occlusion_PT=occlusion_PT))
    (pair,) = recover.pair_up(run, run.motions)
    assert pair.frames_F.tolist() == list(range(4, NUM_FRAMES))


def test_nobody_recovered_has_no_error(local_TJ33: np.ndarray) -> None:
    """What does not apply is NaN; the meshes that are missing count all the same."""
    values = recover.measure(_run(local_TJ33, []))
    assert np.isnan([values["mpjpe_mm"], values["pa_mpjpe_mm"], values["accel_ratio"]]).all()
    assert values["mesh_iou"] == 0


def test_smoothing_is_told_from_none() -> None:
    """Landmarks that tremble: unsmoothed, accelerations are many times as wrong."""
    num_frames = 36
    local_TJ33 = walking(num_frames)
    run = _with_landmarks(_run(local_TJ33, []), local_TJ33, 1)
    values = recover.measure(run)
    assert values["mpjpe_mm"] < 60
    assert values["accel_ratio"] > 3


def test_meshes_are_compared_where_nothing_stands_before_them(local_TJ33: np.ndarray) -> None:
    """A mesh that covers the left half of a person; then a wall hides the right half."""
    run = _run(local_TJ33, [])
    coverage = run.done.coverage
    for index in range(NUM_FRAMES):
        mesh_HW = np.zeros((240, 432), np.uint8)
        mesh_HW[60:200, 180:210] = 255
        coverage[index] = mesh_HW
    assert recover.mesh_iou(run) == pytest.approx(0.5)
    foreground_THW = np.zeros((NUM_FRAMES, 240, 432), bool)
    foreground_THW[:, :, 210:] = True
    hidden = replace(run, truth=replace(run.truth, foreground_THW=foreground_THW))
    assert recover.mesh_iou(hidden) == pytest.approx(1.0)
