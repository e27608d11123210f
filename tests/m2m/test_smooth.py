"""Poses smoothed over time."""

import numpy as np
from scipy.spatial.transform import Rotation

from toolkit.m2m.smooth import smooth_rotations

FPS = 25.0


def test_a_tremble_shrinks_and_a_turn_stays() -> None:
    """A steady turn about one axis, through half a turn too, with noise on another."""
    frames_T = np.arange(50)
    turn_T3 = np.stack([np.linspace(2, 4.5, 50), 0 * frames_T, 0 * frames_T], 1)
    tremble_T3 = np.stack([0 * frames_T, 0.1 * (-1.0) ** frames_T, 0 * frames_T], 1)
    turn, tremble = Rotation.from_rotvec(turn_T3), Rotation.from_rotvec(tremble_T3)
    shaken_T6 = np.concatenate([(turn * tremble).as_rotvec(), turn_T3], 1)
    smooth_T6 = smooth_rotations(shaken_T6, frames_T, FPS)
    inner = slice(6, -6)  # beyond the ends the first and the last are repeated
    for joint in (slice(0, 3), slice(3, 6)):
        off_T = (turn.inv() * Rotation.from_rotvec(smooth_T6[:, joint])).magnitude()
        assert off_T[inner].max() < 0.02


def test_nothing_is_averaged_across_a_hole() -> None:
    """Two runs of frames, each in a pose of its own."""
    poses_T3 = np.repeat([[0.0, 0, 0], [1.0, 0, 0]], 5, 0)
    frames_T = np.array([0, 1, 2, 3, 4, 9, 10, 11, 12, 13])
    assert np.allclose(smooth_rotations(poses_T3, frames_T, FPS), poses_T3)
    assert not np.allclose(smooth_rotations(poses_T3, np.arange(10), FPS), poses_T3)
