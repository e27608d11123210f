"""Poses of single frames, smoothed over time."""

from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from toolkit.m2m.types import Array

SIGMA_S = 0.08
"""Standard deviation of the Gaussian over time. A tremble of one frame at 25 fps shrinks to a
fifth; a swing that comes back after half a second keeps three fifths of its width."""


def smooth_rotations(rotvecs_TN: Array, frames_T: Array, fps: float) -> Array:
    """Return rotations averaged over time with Gaussian weights, within runs of frames.

    The average is the rotation nearest to the mean of the matrices (Hartley et al., "Rotation
    Averaging", IJCV 2013, chordal mean).

    Args:
        rotvecs_TN: [T, 3 J] axis-angle of J joints.
        frames_T: indices of the frames, ascending; nothing is averaged across a hole.
        fps: frames per second.
    """
    matrices = Rotation.from_rotvec(rotvecs_TN.reshape(-1, 3)).as_matrix()
    matrices_TJ33 = matrices.reshape(len(rotvecs_TN), -1, 3, 3)
    starts = [0, *(np.flatnonzero(np.diff(frames_T) > 1) + 1).tolist(), len(frames_T)]
    means_TJ33 = np.concatenate(
        [
            gaussian_filter1d(matrices_TJ33[start:end], SIGMA_S * fps, axis=0, mode="nearest")
            for start, end in pairwise(starts)
        ]
    )
    left, _, right = np.linalg.svd(means_TJ33)
    left[..., 2] *= np.linalg.det(left @ right)[..., None]
    smooth: Array = Rotation.from_matrix((left @ right).reshape(-1, 3, 3)).as_rotvec()
    return smooth.reshape(rotvecs_TN.shape).astype(rotvecs_TN.dtype)
