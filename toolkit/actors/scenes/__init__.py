"""Procedural scenes: rooms and places with real depth, light, props and a camera that may move.

Metres; world axes as in ``motions``. Nothing here looks like a face or a person to a detector.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from toolkit.actors.scenes import indoors, outdoors
from toolkit.actors.scenes.cameras import CAMERA_MOTIONS, Shot, Stage, look, place_camera
from toolkit.actors.scenes.light import Light, lamp, sun
from toolkit.actors.scenes.materials import bricks, plain, planks
from toolkit.actors.scenes.props import HELD, PROPS, prop_mesh, stand_in_front
from toolkit.actors.scenes.scene import SUPERSAMPLING, Scene, build
from toolkit.actors.scenes.surfaces import Surface, box, ground, turned, upright

__all__ = [
    "CAMERA_MOTIONS",
    "HELD",
    "KINDS",
    "PROPS",
    "SUPERSAMPLING",
    "Scene",
    "Stage",
    "make_room",
    "make_scene",
    "prop_mesh",
]

_INDOORS = {
    "gym": (indoors.gym, 6.0),
    "kitchen": (indoors.kitchen, 2.6),
    "office": (indoors.office, 2.8),
    "room": (indoors.room, 2.7),
}
"""Each with the height of its ceiling, m."""
_OUTDOORS = {
    "beach": outdoors.beach,
    "field": outdoors.field,
    "park": outdoors.park,
    "street": outdoors.street,
}
KINDS = (*sorted({**_INDOORS, **_OUTDOORS}),)


def make_scene(
    rng: np.random.Generator,
    size: tuple[int, int],
    num_frames: int,
    *,
    kind: str,
    camera_motion: str = "still",
    props: Sequence[str] = (),
    heading: float = 0.0,
    occluder: bool = False,
) -> Scene:
    """Build a scene for people near the origin.

    Args:
        rng: chooses colours, patterns, furniture, light, and the camera's place and course.
        size: width and height of the picture, px.
        num_frames: length of the clip.
        kind: one of ``KINDS``.
        camera_motion: one of ``CAMERA_MOTIONS``.
        props: of ``PROPS``, placed for a person at the origin.
        heading: of that person, rad: 0 faces the camera, as in ``motions``.
        occluder: put something in front of the stage that hides 10 to 40 % of who stands at the
            origin.
    """
    inside = kind in _INDOORS
    shot = place_camera(rng, size, num_frames, camera_motion, (2.6, 3.6) if inside else (2.6, 4.6))
    light: Light
    if inside:
        furnish, height_m = _INDOORS[kind]
        light = lamp(rng, height_m)
        surfaces = list(furnish(rng, shot, height_m))
    else:
        light = sun(rng)
        surfaces = list(_OUTDOORS[kind](rng, shot))
    for name in props:
        surfaces += turned(PROPS[name](rng), heading)
    if occluder:
        surfaces += stand_in_front(rng, shot)
    return build(shot, surfaces, light)


_BACK = -1.4


def make_room(rng: np.random.Generator, size: tuple[int, int]) -> Scene:
    """Build the room of the demo: a brick wall, a plank floor and a low chest; the camera stands.

    Args:
        rng: chooses colours and patterns.
        size: width and height of the picture, px. A narrow picture shows more height, so that the
            4 m that a walk takes fit in.
    """
    view_height_m = max(2.4, 4.1 * size[1] / size[0])
    eye_3 = np.array([0.0, 1.40, 1.6 * view_height_m])
    shot = Shot(*look(size, eye_3, np.array([0.0, 1.06, 0.0]), view_height_m))
    half, front = 1.3 * view_height_m * size[0] / size[1], float(eye_3[2]) - 1.9
    daylight = Light(1000 * np.array([0.40, 0.60, 0.70]), np.inf, 0.45, np.ones(3), 0.1)
    return build(shot, list(_demo_room(rng, half, front, 2.2 * view_height_m)), daylight)


def _demo_room(
    rng: np.random.Generator, half: float, front: float, height: float
) -> Iterator[Surface]:
    wall_rgb = np.array([0.80, 0.77, 0.72]) * rng.uniform(0.85, 1.0) + rng.uniform(-0.05, 0.05, 3)
    wood_rgb = np.array([0.66, 0.49, 0.34]) * rng.uniform(0.7, 1.1)
    chest_rgb = rng.uniform(0.35, 0.75, 3)
    yield upright(-half, half, 0.0, height, _BACK, bricks(rng, wall_rgb))
    yield ground(-half, half, _BACK, front, planks(rng, wood_rgb))
    yield upright(-half, half, 0.0, 0.1, _BACK + 0.002, plain(rng, 0.6 * wood_rgb))
    yield from box((-1.75, 0.0, _BACK), (1.1, 0.62, 0.4), plain(rng, chest_rgb))
