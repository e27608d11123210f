"""A scene without people: what the camera sees in each frame, with its depth."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from toolkit.actors.scenes.baking import Baker
from toolkit.actors.scenes.cameras import Shot, Stage, find_stage
from toolkit.actors.scenes.light import Light
from toolkit.actors.scenes.picture import Pose, Tile, draw
from toolkit.actors.scenes.surfaces import Surface
from toolkit.m2m.types import Array, Camera

SUPERSAMPLING = 2
"""How many times as wide and high as the final picture scenes are drawn."""
_NUM_BAKING_POSES = 7


@dataclass(frozen=True)
class Scene:
    """A scene of surfaces in front of a camera.

    Attributes:
        camera: of the final picture.
        still: whether the camera stands.
        rotation_T33, translation_T3: from the world to the camera space of each frame.
        stage: where people can stand and be seen whole in all frames.
        tiles: the textured pieces it is drawn from.
    """

    camera: Camera
    still: bool
    rotation_T33: Array
    translation_T3: Array
    stage: Stage
    tiles: tuple[Tile, ...]
    _drawn: dict[int, tuple[Array, Array]] = field(default_factory=dict, repr=False)

    def to_camera(self, points_N3: Array, index: int = 0) -> Array:
        """Take points from the world to the camera space of a frame, m."""
        return np.asarray(points_N3 @ self.rotation_T33[index].T + self.translation_T3[index])

    def draw(self, index: int) -> tuple[Array, Array]:
        """Draw the scene of a frame at ``SUPERSAMPLING`` times the final picture's size.

        Returns:
            color [kH, kW, 3] uint8 RGB and depth [kH, kW] float32 m. Neither may be written to.
        """
        if self.still and self._drawn:
            return self._drawn[0]
        size = SUPERSAMPLING * self.camera.width, SUPERSAMPLING * self.camera.height
        lens_33 = _lens(self.camera)
        pose = Pose(self.rotation_T33[index], self.translation_T3[index], lens_33)
        drawn = draw(self.tiles, pose, size)
        for array in drawn:
            array.flags.writeable = False
        if self.still:
            self._drawn[0] = drawn
        return drawn


def build(shot: Shot, surfaces: Sequence[Surface], light: Light) -> Scene:
    """Bake surfaces under a light for a camera."""
    num_frames = len(shot.rotation_T33)
    still = bool(
        (shot.rotation_T33 == shot.rotation_T33[0]).all()
        and (shot.translation_T3 == shot.translation_T3[0]).all()
    )
    count = 1 if still else min(num_frames, _NUM_BAKING_POSES)
    poses = [
        Pose(shot.rotation_T33[i], shot.translation_T3[i], _lens(shot.camera))
        for i in np.linspace(0, num_frames - 1, count).round().astype(int)
    ]
    width, height = SUPERSAMPLING * shot.camera.width, SUPERSAMPLING * shot.camera.height
    baker = Baker(poses, (width, height), light, surfaces)
    tiles = tuple(tile for surface in surfaces for tile in baker.bake(surface))
    return Scene(
        shot.camera, still, shot.rotation_T33, shot.translation_T3, find_stage(shot), tiles
    )


def _lens(camera: Camera) -> Array:
    """The camera's matrix in drawn pixels."""
    k = SUPERSAMPLING
    return np.array(
        [
            [k * camera.fx, 0, k * camera.cx],
            [0, k * camera.fy, k * camera.cy],
            [0, 0, 1],
        ]
    )
