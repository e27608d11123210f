"""Things of actions, and things that stand in front of people.

Standing props are placed for a person at the origin who faces the camera (+z). What people hold is
a mesh about its own origin, which the motion moves.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from toolkit.actors.scenes.cameras import Shot
from toolkit.actors.scenes.materials import (
    FINE,
    Material,
    Patch,
    Rng,
    any_color,
    bars,
    bricks,
    leaves,
    plain,
    planks,
    tiles,
)
from toolkit.actors.scenes.surfaces import (
    Surface,
    box,
    cards,
    globe,
    post,
    spindle,
    upright,
)
from toolkit.m2m.types import Array, Mesh

_BODY_M = (0.44, 1.72)
"""Width and height of the person of whom an occluder hides a part."""


def chair(rng: Rng) -> Iterator[Surface]:
    """A chair to sit down on: its seat is 0.45 m high, behind the person."""
    wood, seat = _any(rng, 0.1), _any(rng, 0.06)
    yield from box((-0.23, 0.41, -0.58), (0.46, 0.04, 0.44), seat)
    for x in (-0.23, 0.19):
        yield from box((x, 0.0, -0.18), (0.04, 0.41, 0.04), wood)
        yield from box((x, 0.0, -0.60), (0.04, 0.95, 0.04), wood)
    yield from box((-0.23, 0.62, -0.60), (0.46, 0.30, 0.03), seat)


def mat(rng: Rng) -> Iterator[Surface]:
    """A mat on the floor under the person, long enough to lie on."""
    yield from box((-1.2, 0.0, -0.7), (2.4, 0.025, 1.4), _any(rng, 0.05))


def bag(rng: Rng) -> Iterator[Surface]:
    """A punching bag that hangs before the person's left hand."""
    leather = plain(rng, any_color(rng, 0.1, 0.7), 0.08)
    yield from spindle(
        (0.42, 0.72, 0.62), [(1.06, 0.05), (1.0, 0.16), (0.05, 0.17), (0.0, 0.12)], leather, 16
    )
    chain = plain(rng, (0.3, 0.3, 0.32), 0.1)
    yield from post((0.42, 1.75, 0.62), 6.0, 0.012, chain, 4)


def ball(rng: Rng) -> Iterator[Surface]:
    """A ball on the floor before the person's right foot."""
    skin = tiles(rng, any_color(rng, 0.3, 0.95), (0.12, 0.12), 0.012, 0.3, 0.15)
    yield from globe((-0.12, 0.11, 0.55), 0.11, skin)


def crate(rng: Rng) -> Iterator[Surface]:
    """A box to lift, on the floor before the person."""
    yield from box((-0.18, 0.0, 0.33), (0.36, 0.26, 0.3), plain(rng, _cardboard(rng), 0.06, FINE))


def dust(rng: Rng) -> Iterator[Surface]:
    """A dustpan and a bucket beside what is swept."""
    plastic = _any(rng, 0.04)
    yield from spindle((0.75, 0.0, 0.1), [(0.3, 0.16), (0.0, 0.11)], plastic)
    yield from box((-0.75, 0.0, 0.45), (0.3, 0.05, 0.3), plastic)


def weights(rng: Rng) -> Iterator[Surface]:
    """Dumb-bells on the floor."""
    iron = plain(rng, np.full(3, rng.uniform(0.1, 0.35)), 0.06)
    for x, z in ((0.7, 0.1), (0.95, -0.25)):
        for end in (-0.12, 0.08):
            yield from box((x + end, 0.0, z - 0.07), (0.06, 0.14, 0.14), iron)
        yield from box((x - 0.1, 0.055, z - 0.015), (0.2, 0.03, 0.03), iron)


PROPS: Mapping[str, Callable[[Rng], Iterator[Surface]]] = {
    "bag": bag,
    "ball": ball,
    "box": crate,
    "chair": chair,
    "dust": dust,
    "mat": mat,
    "weights": weights,
}


def table(rng: Rng, eye_3: Array, share: float) -> Iterator[Surface]:
    """A table as high as it takes to hide ``share`` of the person."""
    z = float(rng.uniform(1.55, 1.75))
    top = _height(eye_3, z, share)
    wood = _any(rng, 0.08)
    yield from box((-1.0, top - 0.06, z - 0.3), (2.0, 0.06, 0.6), wood)
    yield from box((-0.9, 0.0, z - 0.1), (1.8, top - 0.06, 0.2), wood)


def wall(rng: Rng, eye_3: Array, share: float) -> Iterator[Surface]:
    """A low wall from one side of the picture to the other."""
    z = float(rng.uniform(1.45, 1.7))
    stone = bricks(rng, any_color(rng, 0.4, 0.8, 0.35), (0.22, 0.075))
    yield from box((-6.0, 0.0, z - 0.1), (12.0, _height(eye_3, z, share), 0.2), stone)


def fence(rng: Rng, eye_3: Array, share: float) -> Iterator[Surface]:
    """A fence of pales with gaps between them, up to the chest."""
    z, open_share = float(rng.uniform(1.4, 1.6)), 0.5
    top = _height(eye_3, z, min(share / (1 - open_share), 0.75))
    pales = planks(rng, any_color(rng, 0.3, 0.9), (2.0, 0.5), 0.05)
    cut = bars(pales, 0.2, 0.2 * (1 - open_share) - 0.01, (0.12, max(top - 0.25, 0.2)))
    yield upright(-6.0, 6.0, 0.0, top, z, cut, two_sided=True)


def plant(rng: Rng, eye_3: Array, share: float) -> Iterator[Surface]:
    """A bush in a trough, broader than a person."""
    z, width = float(rng.uniform(1.45, 1.65)), float(rng.uniform(1.8, 2.6))
    center = eye_3[0] * z / eye_3[2] + rng.uniform(-0.2, 0.2)
    top = _height(eye_3, z, share)
    trough = plain(rng, any_color(rng, 0.25, 0.65), 0.08)
    yield from box((center - 0.3 * width, 0.0, z - 0.2), (0.6 * width, 0.4 * top, 0.4), trough)
    green = np.array([0.25, 0.42, 0.2]) * rng.uniform(0.7, 1.3)
    height = top / 0.86  # the leaves end there
    for depth in (-0.1, 0.1):
        bush = leaves(rng, green, (width, height), 0.035)
        yield from cards((center, 0.0, z + depth), width, height, bush, 1)


def pillar(rng: Rng, eye_3: Array, share: float) -> Iterator[Surface]:
    """A pillar that is higher than the picture."""
    z, radius = float(rng.uniform(1.4, 1.7)), float(rng.uniform(0.1, 0.2))
    center = _sideways(rng, eye_3, z, share, 2 * radius)
    yield from post((center, 0.0, z), 6.0, radius, plain(rng, any_color(rng, 0.3, 0.8), 0.1), 16)


OCCLUDERS: Mapping[str, Callable[[Rng, Array, float], Iterator[Surface]]] = {
    "fence": fence,
    "pillar": pillar,
    "plant": plant,
    "table": table,
    "wall": wall,
}


def stand_in_front(rng: Rng, shot: Shot) -> list[Surface]:
    """Choose something that hides 10 to 40 % of who stands at the origin, from the middle frame."""
    name = list(OCCLUDERS)[rng.integers(len(OCCLUDERS))]
    eye_3 = shot.eye_T3[len(shot.eye_T3) // 2]
    return list(OCCLUDERS[name](rng, eye_3, float(rng.uniform(0.16, 0.32))))


_Parts = list[tuple[list[Surface], Array]]


def _held_ball(rng: Rng) -> _Parts:
    return [(globe((0, 0, 0), 0.11, _white), any_color(rng, 0.4, 0.95))]


def _held_box(rng: Rng) -> _Parts:
    return [(box((-0.18, -0.13, -0.15), (0.36, 0.26, 0.3), _white), _cardboard(rng))]


def _held_broom(rng: Rng) -> _Parts:
    stick = post((0, -0.9, 0), 1.35, 0.014, _white, 8)
    brush = box((-0.2, -0.95, -0.035), (0.4, 0.1, 0.07), _white)
    return [(stick, np.array([0.65, 0.5, 0.3])), (brush, any_color(rng, 0.15, 0.7))]


_HELD = {"ball": _held_ball, "box": _held_box, "broom": _held_broom}
HELD = tuple(_HELD)


def prop_mesh(name: str, rng: Rng) -> Mesh:
    """Return what a person holds, one of ``HELD``, as a mesh about its origin; metres, y up.

    The ball (radius 0.11) and the box (0.36 wide, 0.26 high, 0.30 deep) lie around their centres.
    The broom's stick runs along y from the brush at -0.95 to the end at 0.45; the brush lies along
    x. Each face has vertices and a shade of its own.
    """
    vertices: list[Array] = []
    colors, faces = [], []
    start = 0
    for surfaces, color in _HELD[name](rng):
        for surface in surfaces:
            num_corners = len(surface.corners_N3)
            vertices.append(surface.corners_N3)
            colors.append(np.tile(color * rng.uniform(0.85, 1.1), (num_corners, 1)))
            # Corners run clockwise, a mesh's faces counter-clockwise.
            faces += [(start, start + i + 1, start + i) for i in range(1, num_corners - 1)]
            start += num_corners
    rgb_V3 = np.rint(np.clip(np.concatenate(colors), 0, 1) * 255).astype(np.uint8)
    return Mesh(np.concatenate(vertices), np.array(faces), rgb_V3)


def _white(patch: Patch) -> Array:
    """The material of meshes, which have colours of their own."""
    return np.ones((*patch.shape, 3))


def _cardboard(rng: Rng) -> Array:
    return np.array([0.66, 0.52, 0.36]) * rng.uniform(0.8, 1.2)


def _any(rng: Rng, contrast: float) -> Material:
    return plain(rng, any_color(rng), contrast, FINE)


def _height(eye_3: Array, z: float, share: float) -> float:
    """How high something at ``z`` is that hides the lower ``share`` of a person at z = 0."""
    hidden = share * _BODY_M[1]
    return float(eye_3[1] + (hidden - eye_3[1]) * (eye_3[2] - z) / eye_3[2])


def _sideways(rng: Rng, eye_3: Array, z: float, share: float, width: float) -> float:
    """Where the middle of something upright at ``z`` is that hides ``share`` of a person."""
    side = rng.choice([-1.0, 1.0])
    edge = side * (0.5 - share) * _BODY_M[0]  # from here outwards it hides the person
    edge_z = eye_3[0] + (edge - eye_3[0]) * (eye_3[2] - z) / eye_3[2]
    return float(edge_z + side * width / 2)
