import numpy as np
import pytest

from toolkit.actors.bodies import Body, Phenotype, load_body
from toolkit.actors.motions import walk_across, walk_and_wave
from toolkit.actors.outfits import Outfit
from toolkit.actors.rig import pose_vertices, rest_joints
from toolkit.m2m.skeleton import JOINT
from toolkit.m2m.types import Array

FPS = 24
NUM_FRAMES = 72


@pytest.fixture(scope="module")
def body() -> Body:
    """A man of medium build."""
    return load_body(Phenotype(), Outfit())


@pytest.fixture(scope="module")
def vertices_TV3(body: Body) -> Array:
    """Every vertex through the motion, m."""
    motion = walk_and_wave(rest_joints(body), NUM_FRAMES, FPS, to_left=False)
    moments = zip(motion.local_TJ33, motion.pelvis_T3, strict=True)
    return np.stack([pose_vertices(body, local_J33, at_3) for local_J33, at_3 in moments])


@pytest.fixture(scope="module")
def joints_TJ3(body: Body) -> Array:
    """Every joint through the motion, m."""
    rest_J3 = rest_joints(body)
    return walk_and_wave(rest_J3, NUM_FRAMES, FPS, to_left=False).joints(rest_J3)


def shoe(body: Body, sign: int) -> Array:
    """Which vertices are the sole under one ball of the foot."""
    ball_3 = body.head("toe2-1.L" if sign > 0 else "toe2-1.R")
    return np.linalg.norm(body.rest_V3 - ball_3 * (1, 0, 1), axis=1) < 0.03


def test_feet_stay_on_the_floor(vertices_TV3: Array) -> None:
    """The lowest point of the body is within 2 cm of the floor in every frame."""
    lowest_T = vertices_TV3[:, :, 1].min(axis=1)
    assert lowest_T.min() > -0.02
    assert lowest_T.max() < 0.02


def test_one_foot_is_always_planted(body: Body, vertices_TV3: Array) -> None:
    """Between two frames at least one foot rests on its ball: no sliding."""
    moved_2T = np.stack(
        [
            np.linalg.norm(np.diff(vertices_TV3[:, shoe(body, sign)].mean(axis=1), axis=0), axis=1)
            for sign in (1, -1)
        ]
    )
    assert moved_2T.min(axis=0).max() < 0.012


def test_motion_is_smooth(vertices_TV3: Array) -> None:
    """No point of the body jumps: under 8 m/s anywhere, and the bulk changes speed gently."""
    speed_TV = np.linalg.norm(np.diff(vertices_TV3, axis=0), axis=2) * FPS
    assert speed_TV.max() < 8
    middle_T3 = vertices_TV3.mean(axis=1)
    acceleration_T = np.linalg.norm(np.diff(middle_T3, n=2, axis=0), axis=1) * FPS**2
    assert acceleration_T.max() < 12


def test_walks_then_turns_and_waves(joints_TJ3: Array) -> None:
    """Over a metre is walked to the right; at the end the right hand waves above the head joint."""
    pelvis_T = joints_TJ3[:, JOINT["pelvis"], 0]
    assert pelvis_T[40] - pelvis_T[0] > 1.0
    assert abs(pelvis_T[-1] - pelvis_T[50]) < 0.1
    wrist_T3, head_T3 = joints_TJ3[50:, JOINT["right_wrist"]], joints_TJ3[50:, JOINT["head"]]
    assert (wrist_T3[:, 1] > head_T3[:, 1]).all()
    assert np.ptp(wrist_T3[:, 0]) > 0.15
    across_3 = joints_TJ3[-1, JOINT["left_shoulder"]] - joints_TJ3[-1, JOINT["right_shoulder"]]
    assert across_3[0] > 0.9 * np.linalg.norm(across_3)


def test_walking_to_the_left_is_the_other_way(body: Body) -> None:
    """The same walk towards the other side, still waving with the right hand."""
    rest_J3 = rest_joints(body)
    joints_TJ3 = walk_and_wave(rest_J3, NUM_FRAMES, FPS, to_left=True).joints(rest_J3)
    assert joints_TJ3[40, 0, 0] - joints_TJ3[0, 0, 0] < -1.0
    assert joints_TJ3[-1, JOINT["right_wrist"], 1] > joints_TJ3[-1, JOINT["head"], 1]


@pytest.mark.parametrize(("num_frames", "fps"), [(1, 24), (5, 24), (150, 30)])
def test_any_length_is_possible(body: Body, num_frames: int, fps: int) -> None:
    """Very short and longer motions have finite poses."""
    rest_J3 = rest_joints(body)
    joints_TJ3 = walk_and_wave(rest_J3, num_frames, fps, to_left=False).joints(rest_J3)
    assert joints_TJ3.shape == (num_frames, 22, 3)
    assert np.isfinite(joints_TJ3).all()


@pytest.mark.parametrize(("to_left", "sign"), [(False, 1), (True, -1)])
def test_who_passes_by_is_in_the_middle_half_way(body: Body, *, to_left: bool, sign: int) -> None:
    """The way goes straight along x, as far before x = 0 as behind it."""
    rng = np.random.default_rng(3)
    motion = walk_across(rest_joints(body), 48, 16, rng, to_left=to_left)
    assert (sign * np.diff(motion.pelvis_T3[:, 0]) > 0).all()
    assert abs(motion.pelvis_T3[24, 0]) < 0.1
    assert np.abs(motion.pelvis_T3[:, 2]).max() < 1e-6
