"""Clothes, hair and paint of the actors, cut out of the base mesh.

Skin is the body of MakeHuman's base mesh; clothes and hair are its helpers: "tights", a smooth suit
just outside the body, "skirt" and "hair". Each piece is lifted off the mesh a little, so that none
is pierced by what lies under it; skin well under clothes is left out.

Shape suffixes: V vertices of the base mesh, F faces. Metres, y up, the body faces +z.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from toolkit.m2m.types import Array

Color = tuple[float, float, float]

_ARM = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")

SLEEVES = ("short", "long")
LEGWEAR = ("trousers", "shorts", "skirt")
HAIR_LENGTHS = ("bald", "short", "chin", "long")
_SKINS: tuple[Color, ...] = (
    *((0.87, 0.68, 0.57), (0.78, 0.57, 0.44), (0.67, 0.46, 0.34)),
    *((0.52, 0.34, 0.24), (0.38, 0.25, 0.18), (0.27, 0.17, 0.12)),
)
_HAIRS: tuple[Color, ...] = (
    *((0.07, 0.06, 0.06), (0.13, 0.08, 0.05), (0.28, 0.17, 0.09)),
    *((0.42, 0.20, 0.10), (0.66, 0.52, 0.30), (0.52, 0.51, 0.50)),
)
_SHIRTS: tuple[Color, ...] = (
    *((0.70, 0.16, 0.14), (0.12, 0.35, 0.62), (0.85, 0.72, 0.25), (0.16, 0.45, 0.28)),
    *((0.85, 0.85, 0.83), (0.15, 0.15, 0.17), (0.48, 0.27, 0.50), (0.80, 0.45, 0.20)),
    *((0.55, 0.72, 0.80), (0.82, 0.55, 0.60)),
)
_LEGS: tuple[Color, ...] = (
    *((0.13, 0.19, 0.34), (0.16, 0.16, 0.17), (0.42, 0.36, 0.27)),
    *((0.30, 0.40, 0.55), (0.62, 0.58, 0.50), (0.24, 0.30, 0.22)),
)
_SHOES: tuple[Color, ...] = (
    *((0.10, 0.10, 0.11), (0.85, 0.85, 0.85), (0.33, 0.20, 0.12), (0.60, 0.13, 0.13)),
)


@dataclass(frozen=True)
class Outfit:
    """What an actor wears; colours are RGB 0..1.

    ``sleeves``, ``legwear`` and ``hair_length`` are one of ``SLEEVES``, ``LEGWEAR`` and
    ``HAIR_LENGTHS``. ``trousers`` is the colour of the legwear.
    """

    skin: Color = (0.80, 0.58, 0.46)
    hair: Color = (0.13, 0.08, 0.05)
    shirt: Color = (0.70, 0.16, 0.14)
    trousers: Color = (0.13, 0.19, 0.34)
    shoes: Color = (0.10, 0.10, 0.11)
    sleeves: str = "short"
    legwear: str = "trousers"
    hair_length: str = "short"


@dataclass(frozen=True)
class Piece:
    """Quads of the base mesh in one colour; ``places_V3`` says where its vertices are, m."""

    faces_F4: Array
    color: Color
    places_V3: Array
    is_cloth: bool = False

    def paint(self) -> Array:
        """Return the colours of the vertices, [V, 3] uint8: cloth has folds, skin hardly any."""
        strength = 1.0 if self.is_cloth else 0.25
        shade_V1 = strength * _folds(self.places_V3)[:, None]
        color_V3 = np.array(self.color) * (1 + 0.13 * shade_V1) + 0.02 * shade_V1
        return np.rint(255 * np.clip(color_V3, 0, 1)).astype(np.uint8)


def _folds(places_V3: Array) -> Array:
    """Light and shade of folds 5 to 20 cm apart at each place, about 0 with a deviation near 1."""
    rng = np.random.default_rng(0)
    waves_N3 = rng.standard_normal((12, 3))
    waves_N3 *= (2 * np.pi / rng.uniform(0.05, 0.2, 12) / np.linalg.norm(waves_N3, axis=1))[:, None]
    phases_N = rng.uniform(0, 2 * np.pi, 12)
    return np.asarray(np.sin(places_V3 @ waves_N3.T + phases_N).sum(1) / np.sqrt(6))


def choose_outfit(rng: np.random.Generator, gender: float) -> Outfit:
    """Choose clothes and hair; skirts and long hair are likelier for women (``gender`` 1)."""
    woman = gender > 0.5

    def pick(colors: tuple[Color, ...]) -> Color:
        shade = rng.uniform(0.85, 1.1)
        red, green, blue = colors[rng.integers(len(colors))]
        return min(red * shade, 1.0), min(green * shade, 1.0), min(blue * shade, 1.0)

    legwear_share = (0.5, 0.2, 0.3) if woman else (0.7, 0.3, 0.0)
    hair_share = (0.0, 0.25, 0.3, 0.45) if woman else (0.1, 0.8, 0.08, 0.02)
    return Outfit(
        skin=pick(_SKINS),
        hair=pick(_HAIRS),
        shirt=pick(_SHIRTS),
        trousers=pick(_LEGS),
        shoes=pick(_SHOES),
        sleeves=str(rng.choice(SLEEVES)),
        legwear=str(rng.choice(LEGWEAR, p=legwear_share)),
        hair_length=str(rng.choice(HAIR_LENGTHS, p=hair_share)),
    )


def dress(
    outfit: Outfit,
    shape_V3: Array,
    groups: Mapping[str, Array],
    mover_V: Array,
    heads: Mapping[str, Array],
) -> Iterator[Piece]:
    """Cut the visible pieces of an actor out of the base mesh.

    Args:
        outfit: what the actor wears.
        shape_V3: all vertices of the base mesh, m.
        groups: faces_F4 of each group of the base mesh.
        mover_V: name of the bone that moves each vertex most.
        heads: where each bone starts, [3] m.
    """
    clothes = [
        _shirt(outfit, shape_V3, groups["helper-tights"], mover_V, heads),
        *_legwear(outfit, shape_V3, groups, mover_V, heads),
        _shoes(outfit, shape_V3, groups["helper-tights"], heads),
    ]
    yield from clothes
    bare_F = ~_is_covered(shape_V3, groups["body"], clothes)
    yield from _skin(outfit, shape_V3, groups["body"][bare_F], heads)
    yield from _hair(outfit, shape_V3, groups, heads)
    for side in "lr":
        yield from _eye(shape_V3, groups[f"helper-{side}-eye"])


def _shirt(
    outfit: Outfit, shape_V3: Array, faces_F4: Array, mover_V: Array, heads: Mapping[str, Array]
) -> Piece:
    """From the collar to the hips, with sleeves."""
    height_V = shape_V3[:, 1]
    neck_3 = heads["neck01"]
    collar_V = neck_3[1] + 0.012 - 0.5 * (shape_V3[:, 2] - neck_3[2]) - height_V
    inside_V = np.minimum(height_V - _hem(heads), collar_V)
    for side in "LR":
        start, end, share = (
            ("upperarm01", "lowerarm01", 0.75)
            if outfit.sleeves == "short"
            else ("lowerarm01", "wrist", 0.96)
        )
        start_3, end_3 = heads[f"{start}.{side}"], heads[f"{end}.{side}"]
        length = np.linalg.norm(end_3 - start_3)
        left_V = share * length - (shape_V3 - start_3) @ (end_3 - start_3) / length
        arm = _ARM if outfit.sleeves == "short" else _ARM[1:]
        arm_V = _is_moved_by(mover_V, *arm) & ((shape_V3[:, 0] > 0) == (side == "L"))
        inside_V[arm_V] = np.minimum(inside_V, left_V)[arm_V]
    return _cut(shape_V3, faces_F4, inside_V, outfit.shirt, 0.014)


def _legwear(
    outfit: Outfit,
    shape_V3: Array,
    groups: Mapping[str, Array],
    mover_V: Array,
    heads: Mapping[str, Array],
) -> Iterator[Piece]:
    """Trousers, shorts, or a skirt with shorts below."""
    height_V = shape_V3[:, 1]
    knee, ankle = heads["lowerleg01.L"][1], heads["foot.L"][1]
    end = {"trousers": ankle - 0.01, "shorts": knee + 0.03, "skirt": knee + 0.12}[outfit.legwear]
    arm_V = _is_moved_by(mover_V, *_ARM)
    inside_V = np.where(arm_V, -1.0, np.minimum(height_V - end, _hem(heads) + 0.03 - height_V))
    lift_m = 0.006 if outfit.legwear == "skirt" else 0.008
    yield _cut(shape_V3, groups["helper-tights"], inside_V, outfit.trousers, lift_m)
    if outfit.legwear == "skirt":
        inside_V = np.minimum(height_V - knee + 0.01, _hem(heads) + 0.005 - height_V)
        yield _cut(shape_V3, groups["helper-skirt"], inside_V, outfit.trousers, 0.018)


def _shoes(outfit: Outfit, shape_V3: Array, faces_F4: Array, heads: Mapping[str, Array]) -> Piece:
    inside_V = heads["foot.L"][1] + 0.03 - shape_V3[:, 1]
    return _cut(shape_V3, faces_F4, inside_V, outfit.shoes, 0.007)


def _skin(
    outfit: Outfit, shape_V3: Array, faces_F4: Array, heads: Mapping[str, Array]
) -> Iterator[Piece]:
    """Skin, eyebrows and lips."""
    center_F3 = shape_V3[faces_F4].mean(axis=1)

    def near(point_3: Array, radius_x_m: float, radius_y_m: float) -> Array:
        off_F3 = center_F3 - point_3
        inside_F = (off_F3[:, 0] / radius_x_m) ** 2 + (off_F3[:, 1] / radius_y_m) ** 2 < 1
        return np.asarray(inside_F & (off_F3[:, 2] > -0.02))

    raised_3 = np.array([0.0, 0.021, 0.0])
    brow_F = near(heads["eye.L"] + raised_3, 0.022, 0.005)
    brow_F |= near(heads["eye.R"] + raised_3, 0.022, 0.005)
    lip_F = near((heads["oris05"] + heads["oris01"]) / 2, 0.024, 0.009)
    red, green, blue = outfit.skin
    yield Piece(faces_F4[~(brow_F | lip_F)], outfit.skin, shape_V3)
    yield Piece(faces_F4[brow_F], outfit.hair, shape_V3)
    yield Piece(faces_F4[lip_F], (0.85 * red, 0.55 * green, 0.6 * blue), shape_V3)


def _hair(
    outfit: Outfit, shape_V3: Array, groups: Mapping[str, Array], heads: Mapping[str, Array]
) -> Iterator[Piece]:
    """A cap of short hair on the scalp; longer hair hangs behind the face."""
    if outfit.hair_length == "bald":
        return
    eye_3 = heads["eye.L"]
    faces_F4 = groups["body"]
    center_F3 = shape_V3[faces_F4].mean(axis=1)
    above_eyes_F = center_F3[:, 1] - eye_3[1]
    behind_eyes_F = eye_3[2] - center_F3[:, 2]
    hairline_F = np.maximum(0.055 - 1.1 * behind_eyes_F, -0.045)
    ear_F = (np.abs(center_F3[:, 0]) > 0.071) & (above_eyes_F < 0.03)
    cap_F = (above_eyes_F > hairline_F) & ~ear_F
    cap_F &= (behind_eyes_F > 0.03) | (above_eyes_F > 0.055)
    lift_V1 = np.full((len(shape_V3), 1), 0.012)
    lift_V1[faces_F4[~cap_F]] = 0.002  # the edge lies on the skin
    lifted_V3 = shape_V3 + lift_V1 * _normals(shape_V3, faces_F4)
    yield Piece(faces_F4[cap_F], outfit.hair, lifted_V3)
    if outfit.hair_length == "short":
        return
    end = heads["jaw"][1] - 0.10 if outfit.hair_length == "chin" else heads["spine01"][1] + 0.06
    faces_F4 = groups["helper-hair"]
    behind_F = (shape_V3[faces_F4, 2] < eye_3[2] - 0.08).all(axis=1)
    yield _cut(shape_V3, faces_F4[behind_F], shape_V3[:, 1] - end, outfit.hair, 0.012)


def _eye(shape_V3: Array, faces_F4: Array) -> Iterator[Piece]:
    """A white eyeball with a dark iris."""
    front_F = shape_V3[faces_F4].mean(axis=1)[:, 2]
    iris_F = front_F > front_F.max() - 0.0025
    yield Piece(faces_F4[~iris_F], (0.90, 0.90, 0.88), shape_V3)
    yield Piece(faces_F4[iris_F], (0.15, 0.09, 0.05), shape_V3)


def _hem(heads: Mapping[str, Array]) -> float:
    """Height of the lower end of a shirt, m."""
    return float(heads["upperleg01.L"][1] + 0.01)


def _cut(
    shape_V3: Array, faces_F4: Array, inside_V: Array, color: Color, thickness_m: float
) -> Piece:
    """Keep the part of a surface where ``inside_V`` is positive, with a clean edge where it is 0.

    The outer vertices of the faces on the edge move to where ``inside_V`` is 0 along the sides and
    diagonals of these faces.
    """
    places_V3 = shape_V3 + thickness_m * _normals(shape_V3, faces_F4)
    kept_F4 = faces_F4[(inside_V[faces_F4] > 0).any(axis=1)]
    first, second = np.nonzero(~np.eye(4, dtype=bool))
    inner, outer = kept_F4[:, first].ravel(), kept_F4[:, second].ravel()
    crosses = (inside_V[inner] > 0) & (inside_V[outer] <= 0)
    inner, outer = inner[crosses], outer[crosses]
    share = inside_V[inner] / (inside_V[inner] - inside_V[outer])
    points_N3 = places_V3[inner] + share[:, None] * (places_V3[outer] - places_V3[inner])
    sums_V3, counts_V = np.zeros_like(shape_V3), np.bincount(outer, minlength=len(shape_V3))
    np.add.at(sums_V3, outer, points_N3)
    moved_V = counts_V > 0
    places_V3[moved_V] = sums_V3[moved_V] / counts_V[moved_V, None]
    return Piece(kept_F4, color, places_V3, is_cloth=True)


def _is_covered(shape_V3: Array, faces_F4: Array, clothes: list[Piece]) -> Array:
    """Which faces of the skin are under clothes, away from their edges, [F]."""
    covered_V, skin_N = np.zeros(len(shape_V3), bool), np.unique(faces_F4)
    for piece in clothes:
        quads_F4 = piece.faces_F4
        sides_N2 = np.stack([quads_F4, np.roll(quads_F4, 1, axis=1)], axis=2).reshape(-1, 2)
        sides_N2, times_N = np.unique(np.sort(sides_N2), axis=0, return_counts=True)
        cloth_U = np.unique(quads_F4)
        edge_U = np.isin(cloth_U, sides_N2[times_N == 1])
        places_U3 = piece.places_V3[cloth_U]
        to_cloth_N, nearest_N = cKDTree(places_U3).query(shape_V3[skin_N])
        to_edge_N, _ = cKDTree(places_U3[edge_U]).query(shape_V3[skin_N], distance_upper_bound=0.06)
        covered_V[skin_N] |= (to_cloth_N < 0.05) & np.isinf(to_edge_N) & ~edge_U[nearest_N]
    return np.asarray(covered_V[faces_F4].all(axis=1))


def _is_moved_by(mover_V: Array, *prefixes: str) -> Array:
    """Which vertices are moved most by a bone whose name starts like this."""
    return np.asarray(
        np.any([np.strings.startswith(mover_V, prefix) for prefix in prefixes], axis=0)
    )


def _normals(vertices_V3: Array, faces_F4: Array) -> Array:
    """Unit normals [V, 3] of a quad mesh (zero for vertices outside it)."""
    a, b, c, d = np.moveaxis(vertices_V3[faces_F4], 1, 0)
    normals_V3 = np.zeros_like(vertices_V3)
    for corner in range(4):
        np.add.at(normals_V3, faces_F4[:, corner], np.cross(c - a, d - b))
    lengths_V1 = np.linalg.norm(normals_V3, axis=1, keepdims=True)
    return np.asarray(normals_V3 / lengths_V1.clip(1e-12))
