"""Scenes of the actors: a camera and a textured room. Metres; world axes as in ``motions``.

Textures are procedural, varied enough everywhere that optical flow has something to hold on to,
and show nothing like a face or a person.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from toolkit.m2m.types import Array, Camera

TEXELS_PER_M = 128
_SUPERSAMPLING = 4
_LIGHT_3 = np.array([0.40, 0.60, 0.70])
_AMBIENT = 0.45
_BACK = -1.4
_Point = tuple[float, float, float]


@dataclass(frozen=True)
class Surface:
    """A rectangle: from ``corner_3`` along two edges (m), facing v x u, its texture uint8 RGB.

    The texture's columns run along u, its rows along v.
    """

    corner_3: Array
    edge_u_3: Array
    edge_v_3: Array
    texture_HWC: Array


@dataclass(frozen=True)
class Scene:
    """What the camera sees without people.

    Attributes:
        surfaces: the room, each nearer than those before it where they overlap in the picture.
        camera: of the picture.
        rotation_33, translation_3: world to camera space.
    """

    surfaces: tuple[Surface, ...]
    camera: Camera
    rotation_33: Array
    translation_3: Array

    def to_camera(self, points_N3: Array) -> Array:
        """Take points from the world to camera space, m."""
        return np.asarray(points_N3 @ self.rotation_33.T + self.translation_3)

    def draw(self) -> Array:
        """Draw the room, [H, W, 3] uint8 RGB."""
        size = self.camera.width * _SUPERSAMPLING, self.camera.height * _SUPERSAMPLING
        picture_HWC = np.zeros((size[1], size[0], 3), np.uint8)
        for surface in self.surfaces:
            height, width = surface.texture_HWC.shape[:2]
            u_3, v_3 = surface.edge_u_3, surface.edge_v_3
            corners_43 = surface.corner_3 + np.array([0 * u_3, u_3, u_3 + v_3, v_3])
            texels_42 = np.array([[0, 0], [width, 0], [width, height], [0, height]])
            # cv2 counts from the middle of the first pixel, we from its corner.
            to_picture_33 = cv2.getPerspectiveTransform(
                (texels_42 - 0.5).astype(np.float32),
                (self._project(corners_43) * _SUPERSAMPLING - 0.5).astype(np.float32),
            )
            cv2.warpPerspective(
                _lit(surface),
                to_picture_33,
                size,
                dst=picture_HWC,
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_TRANSPARENT,
            )
        small = (self.camera.width, self.camera.height)
        return cv2.resize(picture_HWC, small, interpolation=cv2.INTER_AREA)

    def _project(self, points_N3: Array) -> Array:
        x, y, z = self.to_camera(points_N3).T
        camera = self.camera
        return np.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], axis=1)


def make_room(rng: np.random.Generator, size: tuple[int, int]) -> Scene:
    """Build a room with a brick wall, a plank floor and a low chest.

    Args:
        rng: chooses colours and patterns.
        size: width and height of the picture, px. A narrow picture shows more height, so that the
            4 m that a walk takes fit in.
    """
    view_height_m = max(2.4, 4.1 * size[1] / size[0])
    eye_3 = np.array([0.0, 1.40, 1.6 * view_height_m])
    left, width = -1.3 * view_height_m * size[0] / size[1], 2.6 * view_height_m * size[0] / size[1]
    height, depth = 2.2 * view_height_m, eye_3[2] - 1.9 - _BACK  # from the wall to below the view

    wall_rgb = np.array([0.80, 0.77, 0.72]) * rng.uniform(0.85, 1.0) + rng.uniform(-0.05, 0.05, 3)
    wood_rgb = np.array([0.66, 0.49, 0.34]) * rng.uniform(0.7, 1.1)
    chest_rgb = rng.uniform(0.35, 0.75, 3)
    wall = _bricks(rng, wall_rgb, width, height)
    floor = _planks(rng, wood_rgb, width, depth)
    skirting = _mottled(rng, wood_rgb * 0.6, width, 0.1)
    surfaces = (
        _surface((left, height, _BACK), (width, 0, 0), (0, -height, 0), wall),
        _surface((left, 0, _BACK), (width, 0, 0), (0, 0, depth), floor),
        _surface((left, 0.1, _BACK), (width, 0, 0), (0, -0.1, 0), skirting),
        *_box(rng, np.array([-1.75, 0.0, _BACK]), np.array([1.1, 0.62, 0.4]), chest_rgb),
    )
    return Scene(surfaces, *_camera(size, eye_3, view_height_m))


def _camera(
    size: tuple[int, int], eye_3: Array, view_height_m: float
) -> tuple[Camera, Array, Array]:
    """A camera that looks slightly down at people at z = 0, and its world-to-camera transform."""
    width, height = size
    forward_3 = np.array([0.0, 1.06, 0.0]) - eye_3
    distance_m = float(np.linalg.norm(forward_3))
    forward_3 /= distance_m
    right_3 = np.array([1.0, 0.0, 0.0])
    rotation_33 = np.stack([right_3, np.cross(forward_3, right_3), forward_3])
    focal_px = height * distance_m / view_height_m
    camera = Camera(focal_px, focal_px, width / 2, height / 2, width, height)
    return camera, rotation_33, -rotation_33 @ eye_3


def _lit(surface: Surface) -> Array:
    """The texture as bright as the surface's slope to the light makes it."""
    normal_3 = np.cross(surface.edge_v_3, surface.edge_u_3)
    cosine = normal_3 @ _LIGHT_3 / np.linalg.norm(normal_3) / np.linalg.norm(_LIGHT_3)
    light = _AMBIENT + (1 - _AMBIENT) * max(float(cosine), 0.0)
    color_HWC: Array = np.rint(surface.texture_HWC * light ** (1 / 2.2))
    return color_HWC.astype(np.uint8)


def _surface(corner: _Point, edge_u: _Point, edge_v: _Point, texture_HWC: Array) -> Surface:
    return Surface(np.array(corner), np.array(edge_u), np.array(edge_v), texture_HWC)


def _box(
    rng: np.random.Generator, corner_3: Array, size_3: Array, color: Array
) -> Iterator[Surface]:
    """Both sides, top and front of a box, seen from in front of it."""
    x_3, y_3, z_3 = np.diag(size_3)
    for start_3, u_3, v_3 in (
        (corner_3 + y_3, z_3, -y_3),
        (corner_3 + x_3 + y_3 + z_3, -z_3, -y_3),
        (corner_3 + y_3, x_3, z_3),
        (corner_3 + y_3 + z_3, x_3, -y_3),
    ):
        width_m, height_m = np.linalg.norm(u_3), np.linalg.norm(v_3)
        yield Surface(start_3, u_3, v_3, _mottled(rng, color, float(width_m), float(height_m)))


def _noise(rng: np.random.Generator, width_m: float, height_m: float) -> Array:
    """Smooth noise of several scales, [H, W] about 0 with a standard deviation near 1."""
    width, height = round(width_m * TEXELS_PER_M), round(height_m * TEXELS_PER_M)
    total_HW = np.zeros((height, width), np.float32)
    for cell_m, strength in ((0.8, 0.7), (0.25, 0.5), (0.08, 0.4), (0.025, 0.3)):
        coarse = rng.standard_normal((int(height_m / cell_m) + 2, int(width_m / cell_m) + 2))
        fine = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        total_HW += strength * fine
    return total_HW


def _paint(color: Array, shade_HW: Array) -> Array:
    """A colour at varying brightness, [H, W, 3] uint8."""
    color_HWC: Array = np.clip(color * shade_HW[..., None], 0, 1) * 255
    return color_HWC.astype(np.uint8)


def _mottled(rng: np.random.Generator, color: Array, width_m: float, height_m: float) -> Array:
    return _paint(color, 1 + 0.10 * _noise(rng, width_m, height_m))


def _bricks(rng: np.random.Generator, color: Array, width_m: float, height_m: float) -> Array:
    """A painted brick wall, each brick of its own shade."""
    noise_HW = _noise(rng, width_m, height_m)
    y_H1, x_1W = np.ogrid[: noise_HW.shape[0], : noise_HW.shape[1]]
    brick_w, brick_h = 0.26 * TEXELS_PER_M, 0.095 * TEXELS_PER_M
    row_H1 = (y_H1 // brick_h).astype(int)
    along_HW = x_1W / brick_w + 0.5 * (row_H1 % 2)
    shades = rng.uniform(0.82, 1.12, (row_H1.max() + 1, int(along_HW.max()) + 1))
    shade_HW = shades[row_H1, along_HW.astype(int)]
    joint_HW = (y_H1 % brick_h < 1.5) | (along_HW % 1 * brick_w < 1.5)
    return _paint(color, np.where(joint_HW, 1.12, shade_HW) + 0.06 * noise_HW)


def _planks(rng: np.random.Generator, color: Array, width_m: float, height_m: float) -> Array:
    """Floor boards that run across the picture, with grain along them."""
    stretched_HW = _noise(rng, width_m / 6, height_m)
    size = (round(width_m * TEXELS_PER_M), stretched_HW.shape[0])
    grain_HW = cv2.resize(stretched_HW, size, interpolation=cv2.INTER_LINEAR)
    y_H1, x_1W = np.ogrid[: size[1], : size[0]]
    board_w, board_h = 1.1 * TEXELS_PER_M, 0.14 * TEXELS_PER_M
    row_H1 = (y_H1 // board_h).astype(int)
    along_HW = x_1W / board_w + rng.uniform(0, 1, row_H1.max() + 1)[row_H1]
    shades = rng.uniform(0.75, 1.15, (row_H1.max() + 1, int(along_HW.max()) + 1))
    gap_HW = (y_H1 % board_h < 1.5) | (along_HW % 1 * board_w < 1.5)
    shade_HW = np.where(gap_HW, 0.45, shades[row_H1, along_HW.astype(int)])
    return _paint(color, shade_HW + 0.08 * grain_HW)
