"""Outdoor scenes: ground, things at several distances, and the sky."""

from collections.abc import Iterator

import numpy as np

from toolkit.actors.scenes.cameras import Shot
from toolkit.actors.scenes.materials import (
    BROAD,
    Rng,
    any_color,
    bars,
    bricks,
    facade,
    grass,
    leaves,
    plain,
    planks,
    sky,
    tiles,
    with_marks,
)
from toolkit.actors.scenes.surfaces import (
    Surface,
    box,
    cards,
    ground,
    panel,
    post,
    spindle,
    upright,
)
from toolkit.m2m.types import Array

_FAR_M = 220.0
_WIDE_M = 420.0
_BAY_M = (2.2, 3.0)
"""Width and height of a bay of a house."""


def street(rng: Rng, shot: Shot) -> Iterator[Surface]:
    """A pavement in front of houses, with doors, a kerb, planters and lamp posts."""
    yield from heaven(rng)
    front = _front(shot)
    stone = rng.uniform(0.4, 0.75) * rng.uniform(0.93, 1.07, 3)
    slab = tiles(rng, stone, (rng.uniform(0.3, 0.8), 0.4), 0.012, 0.65, 0.07, 0.05)
    wall_z = float(rng.uniform(-5.5, -2.4))
    yield ground(-40, 40, wall_z, front, slab)
    x = -24.0 + rng.uniform(0, 4)
    while x < 24.0:
        num_bays = int(rng.integers(2, 5))
        yield from _house(rng, x, num_bays, wall_z + rng.uniform(-0.4, 0.0))
        x += _BAY_M[0] * num_bays + (rng.uniform(1.5, 3.0) if rng.uniform() < 0.3 else 0.0)
    yield ground(-40, 40, wall_z - 40, wall_z, plain(rng, 0.8 * stone, 0.1))
    metal = plain(rng, np.full(3, rng.uniform(0.15, 0.4)), 0.04)
    for x in rng.uniform(-6, 0) + np.array([0.0, 7.0]):
        yield from post((x, 0.0, wall_z + 1.0), 5.0, 0.07, metal)
    pot, plant = plain(rng, any_color(rng, 0.3, 0.65), 0.08), _green(rng)
    for x in rng.uniform(-4, 4, 2):
        yield from box((x, 0.0, wall_z + 0.3), (0.9, 0.45, 0.45), pot)
        bush = leaves(rng, plant, (1.0, 0.7))
        yield from cards((x + 0.45, 0.38, wall_z + 0.52), 1.0, 0.7, bush, 3)


def park(rng: Rng, shot: Shot) -> Iterator[Surface]:
    """Grass and a path, trees at several distances, a hedge, a bench."""
    yield from heaven(rng)
    green = _green(rng)
    lawn = grass(rng, green, rng.uniform(0.08, 0.16))
    path = plain(rng, rng.uniform(0.5, 0.75) * np.array([1.0, 0.94, 0.84]), 0.12)
    front = _front(shot)
    edge = float(rng.uniform(-2.5, -1.0)) if rng.uniform() < 0.5 else front
    yield ground(-120, 120, -_FAR_M, edge, lawn)
    if edge < front:
        yield ground(-60, 60, edge, front, path)
    hedge_z = float(rng.uniform(-22, -9))
    hedge = plain(rng, 0.75 * _green(rng), 0.22)
    yield from box((-90, 0.0, hedge_z), (180, rng.uniform(1.0, 2.2), 1.0), hedge)
    yield from woods(rng, -rng.uniform(45, 90))
    for _ in range(int(rng.integers(3, 7))):
        z = float(rng.uniform(hedge_z + 1.5, -3.0))
        yield from tree(rng, float(rng.uniform(-1.0, 1.0) * (4.5 - z)), z)
    wood = plain(rng, np.array([0.45, 0.33, 0.22]) * rng.uniform(0.7, 1.3), 0.1)
    x, z = rng.uniform(-3.0, 1.5), rng.uniform(-3.5, -1.9)
    for y, depth in ((0.42, 0.0), (0.66, -0.24), (0.82, -0.26)):
        yield from box(
            (x, y, z + depth), (1.7, 0.1 if depth else 0.05, 0.03 if depth else 0.4), wood
        )
    for leg in (x + 0.1, x + 1.5):
        yield from box((leg, 0.0, z), (0.08, 0.42, 0.36), wood)


def field(rng: Rng, shot: Shot) -> Iterator[Surface]:
    """A mown pitch with lines and a goal, a fence and trees far away, much sky."""
    yield from heaven(rng)
    lawn = grass(rng, _green(rng), rng.uniform(0.05, 0.11), band_m=rng.uniform(2.0, 5.0))
    front = _front(shot)
    lines = [(0.0, z, 240.0, z + 0.1) for z in 70 + rng.uniform(-9, 2, 2)]
    lines.append((x := 120 + rng.uniform(-5, 5), 0.0, x + 0.1, 200.0))
    pitch = with_marks(lawn, lines, (0.92, 0.93, 0.9))
    yield ground(-120, 120, -70, front, pitch)
    yield ground(-200, 200, -_FAR_M, -70, lawn)
    white = plain(rng, (0.92, 0.92, 0.92), 0.01)
    x, z = rng.uniform(-5, 3), rng.uniform(-24, -12)
    for side in (x - 3.66, x + 3.66):
        yield from box((side - 0.06, 0.0, z), (0.12, 2.44, 0.12), white)
    yield from box((x - 3.66, 2.44, z), (7.44, 0.12, 0.12), white)
    rail = bars(plain(rng, np.full(3, rng.uniform(0.3, 0.7)), 0.03), 2.5, 0.08, (0.0, 0.5))
    yield upright(-120, 120, 0.0, 1.1, -34, rail, two_sided=True)
    yield from woods(rng, -rng.uniform(60, 120))


def beach(rng: Rng, shot: Shot) -> Iterator[Surface]:
    """Sand, the sea and the sky, which are nearly smooth, and a few stones and sheds."""
    yield from heaven(rng)
    sand = plain(rng, np.array([0.82, 0.72, 0.55]) * rng.uniform(0.85, 1.1), rng.uniform(0.04, 0.1))
    shore = -float(rng.uniform(4, 14))
    wet = plain(rng, np.array([0.62, 0.54, 0.42]), 0.05)
    water = planks(
        rng,
        np.array([0.25, 0.45, 0.55]) * rng.uniform(0.8, 1.3),
        (9.0, 0.5),
        rng.uniform(0.01, 0.04),
    )
    yield ground(-100, 100, shore, _front(shot), sand)
    yield ground(-100, 100, shore - 1.5, shore, wet)
    yield ground(-_WIDE_M, _WIDE_M, -_FAR_M, shore - 1.5, water)
    for _ in range(int(rng.integers(3, 8))):
        stone = plain(rng, np.full(3, rng.uniform(0.3, 0.6)), 0.15)
        wide = rng.uniform(0.2, 0.8)
        high = wide * rng.uniform(0.3, 0.6)
        shape = [(high, 0.4 * wide), (0.6 * high, 0.9 * wide), (0.0, wide)]
        place = (rng.uniform(-6, 6), 0.0, rng.uniform(shore, -2.0))
        yield from spindle(place, shape, stone, int(rng.integers(5, 9)))
    if rng.uniform() < 0.7:
        paint = any_color(rng, 0.4, 0.95)
        shed = planks(rng, paint, (6.0, 0.16), 0.06)
        x, z = rng.uniform(-5, 2), rng.uniform(-5.0, -3.0)
        yield from box((x, 0.0, z), (2.2, 2.1, 1.8), shed, plain(rng, 0.5 * paint, 0.05))


def heaven(rng: Rng) -> Iterator[Surface]:
    """The sky, so far away that it does not shift."""
    height = 170.0
    blue = np.array([0.42, 0.60, 0.85]) * rng.uniform(0.85, 1.1)
    cloudy = rng.uniform(0.0, 0.9)
    gray = np.full(3, 0.78)
    color = (1 - cloudy**2) * blue + cloudy**2 * gray
    yield upright(-_WIDE_M, _WIDE_M, -5.0, height, -_FAR_M, sky(rng, color, cloudy, height))


def woods(rng: Rng, z: float) -> Iterator[Surface]:
    """Trees on the horizon: low hills of foliage, each before the next."""
    for depth in (0.0, 6.0, 12.0):
        x = -1.3 * abs(z)
        while x < 1.3 * abs(z):
            width, height = rng.uniform(9, 22), rng.uniform(7, 13)
            crown = leaves(rng, _green(rng) * rng.uniform(0.6, 0.95), (width, 2 * height), 0.7)
            place = (x + width / 2, -height, z - depth)
            yield from cards(place, width, 2 * height, crown, 1)
            x += 0.55 * width


def tree(rng: Rng, x: float, z: float) -> Iterator[Surface]:
    """A trunk under a crown of leaves."""
    height = rng.uniform(4.0, 7.0)
    spread = height * rng.uniform(0.75, 1.1)
    bark = plain(rng, np.array([0.36, 0.28, 0.21]) * rng.uniform(0.7, 1.4), 0.2)
    bottom = rng.uniform(0.9, 1.8)
    yield from post((x, 0.0, z), bottom + 0.35 * height, rng.uniform(0.12, 0.22), bark)
    color = _green(rng) * rng.uniform(0.75, 1.05)
    for _ in range(2):
        crown = leaves(rng, color, (spread, height), 0.12)
        yield from cards((x, bottom, z + rng.uniform(-0.2, 0.2)), spread, height, crown, 2)


def _house(rng: Rng, x: float, num_bays: int, z: float) -> Iterator[Surface]:
    """A house front of bays and floors with a window in each, one bay with the door."""
    paint = any_color(rng, 0.4, 0.95, 0.45)
    style = rng.integers(3)
    if style == 0:
        wall = bricks(rng, paint, (0.25, 0.085))
    elif style == 1:
        wall = plain(rng, paint, rng.uniform(0.01, 0.03), BROAD)
    else:
        wall = tiles(rng, paint, (1.2, 0.6), 0.015, 0.75, 0.04)
    width, height = _BAY_M[0] * num_bays, _BAY_M[1] * rng.integers(2, 5)
    front = facade(rng, wall, (rng.uniform(0.8, 1.2), rng.uniform(1.2, 1.5)), _BAY_M)
    yield upright(x, x + width, 0.0, height, z, front)
    yield panel((x, height, z - 8), (0, 0, 8), (0, -height, 0), wall)
    yield panel((x + width, height, z), (0, 0, -8), (0, -height, 0), wall)
    yield from box((x, 0.0, z), (width, 0.5, 0.05), plain(rng, 0.6 * paint, 0.08))
    door = planks(rng, any_color(rng, 0.15, 0.7), (0.3, 2.4), 0.05)
    middle = x + _BAY_M[0] * (rng.integers(num_bays) + 0.5)
    frame = plain(rng, (0.8, 0.8, 0.78), 0.03)
    yield from box((middle - 0.68, 0.0, z), (1.36, 2.4, 0.06), frame)
    yield upright(middle - 0.55, middle + 0.55, 0.0, 2.25, z + 0.065, door)


def _front(shot: Shot) -> float:
    """Z up to which the ground goes: behind the camera."""
    return float(shot.eye_T3[:, 2].max()) + 1.0


def _green(rng: Rng) -> Array:
    return np.array([0.36, 0.47, 0.22]) * rng.uniform(0.75, 1.25) + rng.uniform(-0.05, 0.05, 3)
