"""Indoor scenes: a room of some size with what belongs in it."""

from collections.abc import Iterator

import numpy as np

from toolkit.actors.scenes.cameras import Shot
from toolkit.actors.scenes.materials import (
    BROAD,
    FINE,
    Color,
    Material,
    Rng,
    any_color,
    books,
    bricks,
    plain,
    planks,
    tiles,
    with_marks,
)
from toolkit.actors.scenes.surfaces import Surface, box, ground, panel, post, upright
from toolkit.m2m.types import Array

_FRONT_M = 1.0
"""How far behind the camera a room goes on."""


def room(rng: Rng, shot: Shot, height_m: float) -> Iterator[Surface]:
    """A living room: plaster or bricks, a sofa or chest, shelf, picture, lamp."""
    paint = rng.uniform(0.55, 0.92) * np.array([1.0, 0.97, 0.92]) + rng.uniform(-0.07, 0.05, 3)
    wall = bricks(rng, paint) if rng.uniform() < 0.35 else smooth(rng, paint)
    wood = _wood(rng)
    back, half = _room_size(rng, shot, deepest_m=-2.6)
    yield from shell(rng, shot, half, back, height_m, wall, planks(rng, wood))
    yield from skirting(rng, half, back, 0.6 * wood)
    sofa = plain(rng, any_color(rng, 0.2, 0.7), 0.08, FINE)
    side = rng.choice([-1, 1])
    x = side * rng.uniform(0.9, 1.5)
    yield from box((x - 0.9, 0.0, back + 0.05), (1.8, 0.42, 0.75), sofa)
    yield from box((x - 0.9, 0.42, back + 0.05), (1.8, 0.4, 0.2), sofa)
    for arm in (x - 1.05, x + 0.85):
        yield from box((arm, 0.0, back + 0.05), (0.2, 0.6, 0.75), sofa)
    yield from shelf(rng, -side * rng.uniform(1.0, 1.8), back)
    yield from picture(rng, x + rng.uniform(-0.3, 0.3), 1.65, back + 0.02)
    lamp_x = x + side * 1.25
    yield from post((lamp_x, 0.0, back + 0.35), 1.45, 0.015, plain(rng, (0.2, 0.2, 0.2), 0.02))
    yield from post((lamp_x, 1.45, back + 0.35), 0.3, 0.17, plain(rng, (0.9, 0.85, 0.7), 0.03))


def kitchen(rng: Rng, shot: Shot, height_m: float) -> Iterator[Surface]:
    """Cupboards along the back wall, tiles above them, a fridge, tiles on the floor."""
    back, half = _room_size(rng, shot, deepest_m=-2.2)
    wall = smooth(rng, any_color(rng, 0.7, 0.95, 0.2))
    stone = rng.uniform(0.35, 0.8) * np.array([1.0, 0.97, 0.93])
    side_m = float(rng.choice([0.3, 0.45, 0.6]))
    floor = tiles(rng, stone, (side_m, side_m), 0.008, 0.75, contrast=0.06, roughness=0.04)
    yield from shell(rng, shot, half, back, height_m, wall, floor)
    door = any_color(rng, 0.35, 0.95, 0.5)
    fronts = tiles(rng, door, (0.6, 0.86), 0.012, 0.55, contrast=0.02, roughness=0.015)
    slab = plain(rng, any_color(rng, 0.2, 0.6), 0.12, FINE)
    fridge_x = float(rng.choice([-1, 1]) * rng.uniform(1.2, 1.9))
    yield from box((-half, 0.0, back), (2 * half, 0.86, 0.6), fronts)
    yield from box((-half, 0.86, back), (2 * half, 0.04, 0.63), slab)
    splash = tiles(rng, any_color(rng, 0.5, 0.95, 0.4), (0.15, 0.15), 0.006, 0.8, 0.05, 0.015)
    yield upright(-half, half, 0.9, 1.45, back + 0.01, splash)
    yield from box((-half, 1.45, back), (2 * half, 0.7, 0.34), fronts)
    steel = plain(rng, rng.uniform(0.55, 0.85) * np.ones(3), 0.02, BROAD)
    yield from box((fridge_x - 0.32, 0.0, back), (0.64, 1.85, 0.7), steel)
    for _ in range(4):
        x, size = rng.uniform(-half, half), rng.uniform(0.1, 0.28, 3)
        if abs(x - fridge_x) > 0.6:
            thing = plain(rng, any_color(rng, 0.1, 0.9), 0.08)
            yield from box((x, 0.9, back + 0.2), (size[0], size[1], 0.2), thing)


def office(rng: Rng, shot: Shot, height_m: float) -> Iterator[Surface]:
    """Desks with screens, a whiteboard, cabinets, a carpet and a panelled ceiling."""
    back, half = _room_size(rng, shot, deepest_m=-3.4)
    wall = smooth(rng, any_color(rng, 0.65, 0.92, 0.25))
    carpet = plain(rng, any_color(rng, 0.25, 0.55, 0.4), 0.1, FINE)
    panels = tiles(rng, (0.9, 0.9, 0.88), (0.6, 0.6), 0.02, 0.8, contrast=0.02)
    yield from shell(rng, shot, half, back, height_m, wall, carpet, panels)
    yield from skirting(rng, half, back, np.full(3, 0.35))
    board_x = rng.uniform(-1.0, 1.0)
    yield from framed(rng, board_x, 1.0, 1.8, 1.05, back + 0.03, smooth(rng, (0.95, 0.95, 0.95)))
    yield from _cabinets(rng, back, half)
    for x in np.arange(-half, half, 1.9) + rng.uniform(0, 0.4):
        if rng.uniform() < 0.8:
            yield from desk(rng, float(x), back + rng.uniform(0.7, 1.1))


def gym(rng: Rng, shot: Shot, height_m: float) -> Iterator[Surface]:
    """A sports hall: sprung floor with lines, padded wall, wall bars, high and smooth walls."""
    back, half = _room_size(rng, shot, deepest_m=rng.uniform(-9.0, -4.0), wider=1.4)
    floor = planks(rng, _wood(rng) * 1.15, (2.2, 0.07), contrast=0.04, grain=0.035)
    lines = [(x, 0.0, x + 0.05, 30.0) for x in rng.uniform(0, 2 * half, 2)]
    lines += [(0.0, z, 40.0, z + 0.05) for z in -back + rng.uniform(-2.5, 2.0, 2)]
    court = with_marks(floor, lines[:2], any_color(rng, 0.1, 0.9))
    court = with_marks(court, lines[2:], any_color(rng, 0.1, 0.95))
    wall = tiles(rng, rng.uniform(0.6, 0.85) * np.ones(3), (0.4, 0.2), 0.008, 0.9, 0.02, 0.02)
    yield from shell(rng, shot, half, back, height_m, wall, court)
    pad = tiles(rng, any_color(rng, 0.25, 0.7), (1.0, 2.1), 0.02, 0.6, contrast=0.05)
    yield from box((-half, 0.0, back), (2 * half, 2.0, 0.06), pad)
    wood = plain(rng, (0.72, 0.55, 0.36), 0.06)
    for x in rng.uniform(-0.8 * half, 0.6 * half, 2):
        for rung in range(14):
            yield upright(x, x + 0.9, 0.3 + 0.17 * rung, 0.34 + 0.17 * rung, back + 0.16, wood)
        for side in (x - 0.05, x + 0.9):
            yield upright(side, side + 0.05, 0.0, 2.8, back + 0.17, wood)
    vault = plain(rng, any_color(rng, 0.25, 0.6), 0.06)
    yield from box(
        (rng.uniform(-2.5, 1.2), 0.0, back + 0.5), (1.5, rng.uniform(0.6, 1.1), 0.6), vault
    )
    stack = tiles(rng, any_color(rng, 0.15, 0.6), (9.0, 0.06), 0.012, 0.5, 0.12)
    yield from box((rng.uniform(-3.0, 2.0), 0.0, back + 1.3), (1.7, 0.36, 1.0), stack)


def shell(
    rng: Rng,
    shot: Shot,
    half: float,
    back: float,
    height: float,
    wall: Material,
    floor: Material,
    ceiling: Material | None = None,
) -> Iterator[Surface]:
    """Floor, walls and ceiling of a room that is ``2 * half`` wide and ends at z = ``back``."""
    front = float(shot.eye_T3[:, 2].max()) + _FRONT_M
    depth = front - back
    yield ground(-half, half, back, front, floor)
    yield upright(-half, half, 0.0, height, back, wall)
    yield panel((-half, height, front), (0, 0, -depth), (0, -height, 0), wall)
    yield panel((half, height, back), (0, 0, depth), (0, -height, 0), wall)
    white = ceiling or smooth(rng, (0.93, 0.93, 0.91))
    yield panel((-half, height, front), (2 * half, 0, 0), (0, 0, -depth), white)


def smooth(rng: Rng, color: Color) -> Material:
    """Plaster: hardly anything for optical flow to hold on to."""
    return plain(rng, color, rng.uniform(0.006, 0.02), BROAD)


def skirting(rng: Rng, half: float, back: float, color: Color) -> Iterator[Surface]:
    """The board along the foot of the back wall."""
    yield upright(-half, half, 0.0, 0.1, back + 0.015, plain(rng, color, 0.05))


def framed(
    rng: Rng, x: float, bottom: float, width: float, height: float, z: float, inside: Material
) -> Iterator[Surface]:
    """Something flat on a wall with a frame around it."""
    rim = plain(rng, np.full(3, rng.uniform(0.15, 0.8)), 0.03)
    left, right, top = x - width / 2, x + width / 2, bottom + height
    yield upright(left, right, bottom, top, z, rim)
    yield upright(left + 0.04, right - 0.04, bottom + 0.04, top - 0.04, z + 0.01, inside)


def picture(rng: Rng, x: float, y: float, z: float) -> Iterator[Surface]:
    """A framed picture of a few rectangles of colour."""
    width, height = rng.uniform(0.5, 1.0), rng.uniform(0.4, 0.7)
    art = plain(rng, any_color(rng, 0.4, 0.9), 0.15)
    for _ in range(3):
        x0, y0 = rng.uniform(0, width), rng.uniform(0, height)
        mark = (x0 - 0.2 * width, y0 - 0.15 * height, x0 + 0.2 * width, y0 + 0.15 * height)
        art = with_marks(art, [mark], any_color(rng, 0.1, 0.9))
    yield from framed(rng, x, y - height / 2, width, height, z, art)


def shelf(rng: Rng, x: float, back: float) -> Iterator[Surface]:
    """A shelf full of books against the back wall."""
    width, height = rng.uniform(0.8, 1.4), rng.uniform(0.9, 1.9)
    side = plain(rng, _wood(rng) * 0.8, 0.06)
    left = x - width / 2
    yield from box((left, 0.0, back), (width, height, 0.3), side)
    yield upright(left + 0.04, left + width - 0.04, 0.06, height - 0.03, back + 0.305, books(rng))


def desk(rng: Rng, x: float, z: float) -> Iterator[Surface]:
    """A desk with a screen that shows its back or a blank page."""
    wood = plain(rng, _wood(rng), 0.05)
    metal = plain(rng, np.full(3, rng.uniform(0.15, 0.5)), 0.02)
    yield from box((x, 0.70, z - 0.35), (1.5, 0.04, 0.7), wood)
    for leg in (x + 0.03, x + 1.42):
        yield from box((leg, 0.0, z - 0.32), (0.05, 0.70, 0.64), metal)
    yield upright(x + 0.08, x + 1.42, 0.35, 0.70, z - 0.3, wood)
    middle = x + rng.uniform(0.5, 1.0)
    yield from box((middle - 0.03, 0.74, z - 0.15), (0.06, 0.12, 0.04), metal)
    yield from box((middle - 0.28, 0.84, z - 0.16), (0.56, 0.34, 0.03), metal)
    page = plain(rng, any_color(rng, 0.3, 0.8), 0.1)
    yield upright(middle - 0.26, middle + 0.26, 0.86, 1.16, z - 0.125, page)


def _cabinets(rng: Rng, back: float, half: float) -> Iterator[Surface]:
    steel = rng.uniform(0.4, 0.8) * np.ones(3)
    fronts = tiles(rng, steel, (0.45, 0.35), 0.015, 0.6, contrast=0.02, roughness=0.01)
    x = float(rng.choice([-1, 1]) * rng.uniform(0.5 * half, 0.7 * half))
    yield from box((x - 0.68, 0.0, back), (1.35, 1.4, 0.45), fronts)


def _room_size(rng: Rng, shot: Shot, deepest_m: float, wider: float = 1.0) -> tuple[float, float]:
    """Where the back wall stands, and half the room's width: side walls are seen or not."""
    back = min(-1.9, float(deepest_m * rng.uniform(0.85, 1.15)))
    distance = float(shot.eye_T3[0, 2]) - back
    reach = 0.5 * shot.camera.width / shot.camera.fx * distance
    return back, float(max(2.6, wider * reach * rng.uniform(0.72, 1.2)))


def _wood(rng: Rng) -> Array:
    return np.array([0.66, 0.49, 0.34]) * rng.uniform(0.65, 1.2) + rng.uniform(-0.04, 0.04, 3)
