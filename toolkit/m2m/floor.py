"""How large people are, as the floor tells that they all stand on.

A body of one size is fitted to everybody, so whoever is small counts as far away and may be drawn
behind somebody farther. But of two people on one floor the nearer has the lower feet. A mesh that
is scaled about the camera looks the same and is nearer or farther: drawn so, people hide each other
in the right order.

Shape suffixes: P people, T frames in which one is there, V vertices.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from toolkit.m2m.skeleton import JOINT
from toolkit.m2m.types import Array, BodyMotion, Mesh

_CAMERA_HEIGHT_M = 1.6
"""Above the floor: a guess, which changes how far people are apart and not who is nearer."""
_MIN_FRAMES = 3
_MAX_FACTOR = 1.5
"""Nobody is larger or smaller than the body by more; who seems so stands on no common floor."""
_ANKLES = [JOINT["left_ankle"], JOINT["right_ankle"]]


def find_sizes(motions: Sequence[BodyMotion], meshes: Sequence[Iterable[Mesh]]) -> Array:
    """Return the size of each person as a multiple of the body that is drawn: [P].

    A foot at depth z on a floor h below the camera is seen at the slope v = v0 + h / z. The horizon
    v0 is where most people agree on it; a person's size is how much farther than that floor says a
    mesh is, in most frames, so that a jump changes nothing. 1 where the feet are not seen, and for
    everybody unless two people's are.

    Args:
        motions: who is drawn.
        meshes: of each, one a frame of the motion.
    """
    lowest = [_find_lowest(motion, mesh) for motion, mesh in zip(motions, meshes, strict=True)]
    sizes_P = np.ones(len(motions))
    standing = [p for p, (slope_T, _) in enumerate(lowest) if len(slope_T) >= _MIN_FRAMES]
    if len(standing) < 2:
        return sizes_P
    horizon = np.median(
        [np.median(lowest[p][0] - _CAMERA_HEIGHT_M / lowest[p][1]) for p in standing]
    )
    for p in standing:
        slope_T, depth_T = lowest[p]
        below_T = np.maximum(slope_T - horizon, 1e-3)
        size = np.median(_CAMERA_HEIGHT_M / below_T / depth_T)
        if 1 / _MAX_FACTOR <= size <= _MAX_FACTOR:
            sizes_P[p] = size
    return sizes_P


def _find_lowest(motion: BodyMotion, meshes: Iterable[Mesh]) -> tuple[Array, Array]:
    """Return slope (y / z) and depth of the lowest vertex in the frames that show an ankle: [T]."""
    found = []
    for mesh, ankles in zip(meshes, motion.observed_TJ[:, _ANKLES], strict=True):
        if ankles.any():
            slopes_V = mesh.vertices_V3[:, 1] / mesh.vertices_V3[:, 2]
            place = int(slopes_V.argmax())
            found.append((slopes_V[place], mesh.vertices_V3[place, 2]))
    slope_T, depth_T = np.array(found, np.float64).reshape(-1, 2).T
    return slope_T, depth_T
