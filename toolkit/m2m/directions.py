"""Rotations from directions.

Vectors are [..., 3], rotations [..., 3, 3]; the leading axes broadcast.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from toolkit.m2m.types import Array

_SPECK_3 = np.array([3.0, 5.0, 8.0]) * 1e-9
"""Added to directions, so that landmarks in one point give some direction."""


def unit(vectors: Array) -> Array:
    """Vectors of length 1; a null vector stays null."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-30))


def shortest(from_T3: Array, to_T3: Array) -> Array:
    """Smallest rotations [T, 3, 3] that take one direction to another."""
    a, b = unit(from_T3), unit(to_T3)
    axis_T3 = np.cross(a, b)
    sine_T, cosine_T = np.linalg.norm(axis_T3, axis=-1), (a * b).sum(-1)
    angles_T = np.arctan2(sine_T, cosine_T)
    return np.asarray(Rotation.from_rotvec(unit(axis_T3) * angles_T[:, None]).as_matrix())


def across(vectors: Array, along: Array) -> Array:
    """Unit vectors of the part of ``vectors`` perpendicular to the unit vectors ``along``."""
    return unit(vectors - (vectors * along).sum(-1, keepdims=True) * along)


def frame(main: Array, side: Array) -> Array:
    """Right-handed bases [..., 3, 3] (columns) along ``main``, the second axis toward ``side``."""
    main, side = np.broadcast_arrays(unit(main + _SPECK_3), side + _SPECK_3[[1, 2, 0]])
    side = across(side, main)
    return np.stack([main, side, np.cross(main, side)], axis=-1)


def align(rest_main: Array, rest_side: Array, main_T3: Array, side_T3: Array) -> Array:
    """Rotations [T, 3, 3] that take the rest direction to ``main`` and its side toward ``side``."""
    return frame(main_T3, side_T3) @ frame(rest_main, rest_side).swapaxes(-1, -2)
