"""Clothes, hair and paint of the actors, cut out of the base mesh.

Skin and hair are the body of MakeHuman's base mesh; clothes are its "tights" helper, a smooth suit
that lies just outside the body. Each piece is lifted off the mesh a little, so that none is pierced
by what lies under it. Shape suffixes: V vertices, F faces. Metres, y up, the body faces +z.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from toolkit.m2m.types import Array

Color = tuple[float, float, float]

_COVERED = (
    *("upperarm01", "shoulder", "breast", "spine02", "spine03", "spine04", "spine05"),
    *("root", "pelvis", "upperleg", "lowerleg", "foot", "toe"),
)
"""Bones whose skin is always under clothes."""


@dataclass(frozen=True)
class Outfit:
    """Colours of an actor, RGB 0..1."""

    skin: Color = (0.80, 0.58, 0.46)
    hair: Color = (0.13, 0.08, 0.05)
    shirt: Color = (0.70, 0.16, 0.14)
    trousers: Color = (0.13, 0.19, 0.34)
    shoes: Color = (0.10, 0.10, 0.11)


@dataclass(frozen=True)
class Piece:
    """Quads of the base mesh in one colour, ``thickness_m`` along ``normals_V3`` off it."""

    faces_F4: Array
    color: Color
    normals_V3: Array
    thickness_m: float = 0.0


def dress(
    outfit: Outfit,
    shape_V3: Array,
    groups: Mapping[str, Array],
    mover_V: Array,
    heads: Mapping[str, Array],
) -> Iterator[Piece]:
    """Cut the visible pieces of an actor out of the base mesh.

    Args:
        outfit: the colours.
        shape_V3: all vertices of the base mesh, m.
        groups: faces_F4 of each group of the base mesh.
        mover_V: name of the bone that moves each vertex most.
        heads: where each bone starts, [3] m.
    """
    yield from _skin_and_hair(outfit, shape_V3, groups["body"], mover_V, heads)
    for side in "lr":
        yield from _eye(shape_V3, groups[f"helper-{side}-eye"])
    yield from _clothes(outfit, shape_V3, groups["helper-tights"], mover_V, heads)


def _clothes(
    outfit: Outfit, shape_V3: Array, faces_F4: Array, mover_V: Array, heads: Mapping[str, Array]
) -> Iterator[Piece]:
    """A shirt with short sleeves, trousers and shoes."""
    normals_V3 = _normals(shape_V3, faces_F4)
    height_F = shape_V3[faces_F4].mean(axis=1)[:, 1]
    bare_F = _moved_by(mover_V, faces_F4, "lowerarm", "wrist", "neck", "head")
    leg_F = _moved_by(
        mover_V, faces_F4, "upperleg", "lowerleg", "foot", "pelvis", "root", "spine05"
    )
    hem, ankle = heads["upperleg01.L"][1] - 0.05, heads["foot.L"][1]
    yield Piece(faces_F4[(height_F > hem) & ~bare_F], outfit.shirt, normals_V3, 0.012)
    yield Piece(faces_F4[leg_F & (height_F > ankle - 0.01)], outfit.trousers, normals_V3, 0.010)
    yield Piece(faces_F4[height_F < ankle + 0.04], outfit.shoes, normals_V3, 0.007)


def _skin_and_hair(
    outfit: Outfit, shape_V3: Array, faces_F4: Array, mover_V: Array, heads: Mapping[str, Array]
) -> Iterator[Piece]:
    """Skin where no clothes cover it, short hair, eyebrows and lips."""
    center_F3 = shape_V3[faces_F4].mean(axis=1)
    above_eyes_F = center_F3[:, 1] - heads["eye.L"][1]
    behind_eyes_F = heads["eye.L"][2] - center_F3[:, 2]
    hairline_F = np.maximum(0.055 - 1.1 * behind_eyes_F, -0.045)
    ear_F = (np.abs(center_F3[:, 0]) > 0.071) & (above_eyes_F < 0.03)
    hair_F = (
        (above_eyes_F > hairline_F) & ~ear_F & ((behind_eyes_F > 0.03) | (above_eyes_F > 0.055))
    )

    def near(point_3: Array, radius_x_m: float, radius_y_m: float) -> Array:
        off_F3 = center_F3 - point_3
        inside_F = (off_F3[:, 0] / radius_x_m) ** 2 + (off_F3[:, 1] / radius_y_m) ** 2 < 1
        return np.asarray(inside_F & (off_F3[:, 2] > -0.02))

    raised_3 = np.array([0.0, 0.021, 0.0])
    brow_F = near(heads["eye.L"] + raised_3, 0.022, 0.005)
    brow_F |= near(heads["eye.R"] + raised_3, 0.022, 0.005)
    lip_F = near((heads["oris05"] + heads["oris01"]) / 2, 0.024, 0.009)
    covered_F = _moved_by(mover_V, faces_F4, *_COVERED)
    red, green, blue = outfit.skin
    normals_V3 = _normals(shape_V3, faces_F4)
    yield Piece(faces_F4[~(covered_F | brow_F | lip_F)], outfit.skin, normals_V3)
    yield Piece(faces_F4[hair_F], outfit.hair, normals_V3, 0.012)
    yield Piece(faces_F4[brow_F & ~hair_F], outfit.hair, normals_V3)
    yield Piece(faces_F4[lip_F], (0.85 * red, 0.55 * green, 0.6 * blue), normals_V3)


def _eye(shape_V3: Array, faces_F4: Array) -> Iterator[Piece]:
    """A white eyeball with a dark iris."""
    normals_V3 = _normals(shape_V3, faces_F4)
    front_F = shape_V3[faces_F4].mean(axis=1)[:, 2]
    iris_F = front_F > front_F.max() - 0.0025
    yield Piece(faces_F4[~iris_F], (0.90, 0.90, 0.88), normals_V3)
    yield Piece(faces_F4[iris_F], (0.15, 0.09, 0.05), normals_V3)


def _moved_by(mover_V: Array, faces_F4: Array, *prefixes: str) -> Array:
    """Which faces are moved most by a bone whose name starts like this."""
    return np.array([str(name).startswith(prefixes) for name in mover_V[faces_F4[:, 0]]])


def _normals(vertices_V3: Array, faces_F4: Array) -> Array:
    """Unit normals [V, 3] of a quad mesh (zero for vertices outside it)."""
    a, b, c, d = np.moveaxis(vertices_V3[faces_F4], 1, 0)
    normals_V3 = np.zeros_like(vertices_V3)
    for corner in range(4):
        np.add.at(normals_V3, faces_F4[:, corner], np.cross(c - a, d - b))
    lengths_V1 = np.linalg.norm(normals_V3, axis=1, keepdims=True)
    return np.asarray(normals_V3 / lengths_V1.clip(1e-12))
