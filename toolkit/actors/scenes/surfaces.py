"""Flat surfaces, and the solids that are made of them.

Shape suffixes: N corners, 3 a point or direction, 33 a rotation. Metres; world axes as in
``motions``: x right, y up, z towards the camera, the floor at y = 0.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from toolkit.actors.scenes.materials import Material
from toolkit.m2m.types import Array

Point = Sequence[float] | Array


@dataclass(frozen=True)
class Surface:
    """A flat convex polygon, seen from where its corners run clockwise.

    Attributes:
        corners_N3: the first is where the material starts.
        u_3, v_3: unit vectors in the plane, along the material's x and y; it faces v x u.
        material: its colour.
        start_m: x of the material at the first corner.
        two_sided: seen from behind as well.
    """

    corners_N3: Array
    u_3: Array
    v_3: Array
    material: Material
    start_m: float = 0.0
    two_sided: bool = False

    @property
    def normal_3(self) -> Array:
        """The unit vector to the side from which it is seen."""
        return np.cross(self.v_3, self.u_3)


def turned(surfaces: Iterable[Surface], heading: float) -> Iterator[Surface]:
    """Turn surfaces about the world's y axis, rad."""
    cosine, sine = np.cos(heading), np.sin(heading)
    rotation_33 = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    for surface in surfaces:
        yield replace(
            surface,
            corners_N3=surface.corners_N3 @ rotation_33.T,
            u_3=rotation_33 @ surface.u_3,
            v_3=rotation_33 @ surface.v_3,
        )


def panel(
    corner: Point, edge_u: Point, edge_v: Point, material: Material, *, two_sided: bool = False
) -> Surface:
    """Return the parallelogram from ``corner`` along two edges; it faces v x u."""
    corner_3, u_3, v_3 = (np.asarray(item, float) for item in (corner, edge_u, edge_v))
    corners_43 = corner_3 + np.array([0 * u_3, u_3, u_3 + v_3, v_3])
    return _polygon(corners_43, material, two_sided=two_sided)


def upright(
    left: float,
    right: float,
    bottom: float,
    top: float,
    z: float,
    material: Material,
    *,
    two_sided: bool = False,
) -> Surface:
    """Return a rectangle that faces the camera's side."""
    size_u, size_v = (right - left, 0, 0), (0, bottom - top, 0)
    return panel((left, top, z), size_u, size_v, material, two_sided=two_sided)


def ground(
    left: float, right: float, back: float, front: float, material: Material, y: float = 0.0
) -> Surface:
    """Return a rectangle that faces up."""
    return panel((left, y, back), (right - left, 0, 0), (0, 0, front - back), material)


def box(
    corner: Point, size: Point, material: Material, top: Material | None = None
) -> list[Surface]:
    """Return a solid box from its lower left back corner; its lid may be of another material."""
    corner_3 = np.asarray(corner, float)
    x_3, y_3, z_3 = np.diag(np.asarray(size, float))
    faces = (
        (corner_3 + y_3, z_3, -y_3, material),  # left
        (corner_3 + x_3 + y_3 + z_3, -z_3, -y_3, material),  # right
        (corner_3 + y_3, x_3, z_3, top or material),
        (corner_3 + z_3, x_3, -z_3, material),  # bottom
        (corner_3 + y_3 + z_3, x_3, -y_3, material),  # front
        (corner_3 + x_3 + y_3, -x_3, -y_3, material),  # back
    )
    return [panel(*face) for face in faces]


def spindle(
    center: Point, profile: Sequence[tuple[float, float]], material: Material, num_sides: int = 12
) -> list[Surface]:
    """Return a solid turned about a vertical axis, closed at the top.

    Args:
        center: on the axis, where heights start.
        profile: (height, radius) from the top to the bottom.
        material: wraps around.
        num_sides: of each ring.
    """
    angles = 2 * np.pi * np.arange(num_sides + 1) / num_sides
    around_S3 = np.stack([np.sin(angles), 0 * angles, np.cos(angles)], axis=1)
    rings = [
        np.asarray(center, float) + [0, height, 0] + radius * around_S3
        for height, radius in profile
    ]
    faces = [
        _polygon(
            _without_repeats([upper[i], upper[i + 1], lower[i + 1], lower[i]]),
            material,
            start_m=float(i * np.linalg.norm(lower[1] - lower[0])),
        )
        for upper, lower in pairwise(rings)
        for i in range(num_sides)
    ]
    if profile[0][1] > 0:
        faces.append(_polygon(rings[0][-2::-1], material))
    return faces


def post(
    center: Point, height: float, radius: float, material: Material, num_sides: int = 10
) -> list[Surface]:
    """Return an upright cylinder on ``center``."""
    return spindle(center, [(height, radius), (0.0, radius)], material, num_sides)


def globe(center: Point, radius: float, material: Material, num_rings: int = 8) -> list[Surface]:
    """Return a ball."""
    angles = np.pi * np.arange(num_rings + 1) / num_rings
    profile = [(radius * np.cos(a), abs(radius * np.sin(a))) for a in angles]
    profile[0], profile[-1] = (radius, 0.0), (-radius, 0.0)
    return spindle(center, profile, material, 2 * num_rings)


def cards(center: Point, width: float, height: float, leaves: Material, num: int) -> list[Surface]:
    """Return upright cut-out sheets that cross in the axis above ``center``: a bush, a crown."""
    found = []
    for angle in np.pi * ((np.arange(num) + 0.5) / num - 0.5):
        side_3 = width / 2 * np.array([np.cos(angle), 0, np.sin(angle)])
        corner_3 = np.asarray(center, float) - side_3 + [0, height, 0]
        found.append(panel(corner_3, 2 * side_3, (0, -height, 0), leaves, two_sided=True))
    return found


def _polygon(
    corners_N3: Array, material: Material, *, start_m: float = 0.0, two_sided: bool = False
) -> Surface:
    """A polygon whose material runs along its first edge, and from it to its last corner."""
    along_3 = corners_N3[1] - corners_N3[0]
    down_3 = corners_N3[-1] - corners_N3[0]
    u_3 = along_3 / np.linalg.norm(along_3)
    down_3 = down_3 - (down_3 @ u_3) * u_3
    return Surface(corners_N3, u_3, down_3 / np.linalg.norm(down_3), material, start_m, two_sided)


def _without_repeats(corners: Sequence[Array]) -> Array:
    """A quadrangle that ends in a point is a triangle; it starts at an edge that has a length."""
    kept = [
        corner for i, corner in enumerate(corners) if np.linalg.norm(corner - corners[i - 1]) > 1e-6
    ]
    return np.array(kept)
