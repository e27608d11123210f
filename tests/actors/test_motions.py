import numpy as np
import pytest

from toolkit.actors.bodies import Body, Phenotype, load_body
from toolkit.actors.motions import walk_and_wave
from toolkit.actors.outfits import Outfit
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
    poses = walk_and_wave(body, NUM_FRAMES, FPS, to_left=False)
    return np.stack([body.pose(pose.rotations, pose.shift_3) for pose in poses])


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


def test_walks_then_turns_and_waves(body: Body, vertices_TV3: Array) -> None:
    """Over a metre is walked to the right; at the end the right hand is over the head's middle."""
    middle_T = vertices_TV3.mean(axis=1)[:, 0]
    assert middle_T[40] - middle_T[0] > 1.0
    assert abs(middle_T[-1] - middle_T[50]) < 0.1
    hand_V = np.linalg.norm(body.rest_V3 - body.head("finger3-2.R"), axis=1) < 0.03
    hand_T3 = vertices_TV3[:, hand_V].mean(axis=1)
    head_V = np.linalg.norm(body.rest_V3 - body.head("head"), axis=1) < 0.10
    assert hand_T3[50:, 1].min() > vertices_TV3[50:, head_V, 1].mean()
    assert np.ptp(hand_T3[50:, 0]) > 0.2


def test_walking_to_the_left_is_the_other_way(body: Body) -> None:
    """The same walk towards the other side, still waving with the right hand."""
    left = walk_and_wave(body, NUM_FRAMES, FPS, to_left=True)
    assert left[40].shift_3[0] - left[0].shift_3[0] < -1.0


@pytest.mark.parametrize(("num_frames", "fps"), [(1, 24), (5, 24), (150, 30)])
def test_any_length_is_possible(body: Body, num_frames: int, fps: int) -> None:
    """Very short and longer motions have finite poses."""
    poses = walk_and_wave(body, num_frames, fps, to_left=False)
    assert len(poses) == num_frames
    assert all(
        np.isfinite(body.pose(p.rotations, p.shift_3)).all() for p in poses[:: num_frames // 5 + 1]
    )
