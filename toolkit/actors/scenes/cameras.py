"""Cameras: where they stand, how they move, and where people can stand and be seen whole.

Shape suffixes: T frames, N places, 3 a point, 33 a rotation. World axes as in ``motions``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from toolkit.actors.scenes.materials import Rng
from toolkit.m2m.types import Array, Camera

CAMERA_MOTIONS = ("dolly", "pan", "shake", "still")

_BODY_M = (0.45, 2.1)
"""Half the width and the height of the space a person needs."""
_DEEPEST_M = -0.9
_WIDE_M = 1.2
_OPENCV_FROM_WORLD = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Stage:
    """Where on the floor people can stand and be seen whole in all frames, m."""

    x_min: float
    x_max: float
    z_min: float
    z_max: float


@dataclass(frozen=True)
class Shot:
    """A camera, and for each frame the way from the world to camera space."""

    camera: Camera
    rotation_T33: Array
    translation_T3: Array

    @property
    def eye_T3(self) -> Array:
        """Where the camera is."""
        return np.asarray(-np.einsum("tji,tj->ti", self.rotation_T33, self.translation_T3))

    def project(self, points_N3: Array) -> tuple[Array, Array]:
        """Return x and y px of points in each frame's picture, [T, N]."""
        points_TN3 = points_N3 @ self.rotation_T33.transpose(0, 2, 1) + self.translation_T3[:, None]
        x, y, z = np.moveaxis(points_TN3, -1, 0)
        camera = self.camera
        return camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy


def place_camera(
    rng: Rng, size: tuple[int, int], num_frames: int, motion: str, view_m: tuple[float, float]
) -> Shot:
    """Choose a camera that looks at people near the origin.

    Args:
        rng: chooses distance, height and course.
        size: width and height of the picture, px.
        num_frames: length of the clip.
        motion: one of ``CAMERA_MOTIONS``.
        view_m: least and greatest height of what the picture shows at z = 0. A narrow picture shows
            more, so that people have room to walk.
    """
    widest_m = 4.4 if motion == "still" else 5.0
    least_m = widest_m * size[1] / size[0]
    view_height_m = max(rng.uniform(*view_m) + (motion != "still") * 0.3, least_m)
    distance_m = max(1.6 * view_height_m * rng.uniform(0.9, 1.15), 4.0)
    eye_3 = np.array([rng.uniform(-0.5, 0.5), rng.uniform(1.15, 1.7), distance_m])
    target_3 = np.array([0.0, rng.uniform(0.36, 0.40) * view_height_m, 0.0])
    steady = Shot(*look(size, eye_3, target_3, view_height_m))
    eye_T3, angles_T3 = _course(rng, motion, num_frames, size, view_height_m, distance_m)
    turn_T33 = Rotation.from_euler("YXZ", angles_T3).as_matrix()
    rotation_T33 = turn_T33 @ steady.rotation_T33
    translation_T3 = -np.einsum("tij,tj->ti", rotation_T33, eye_3 + eye_T3)
    return Shot(steady.camera, rotation_T33, translation_T3)


def look(
    size: tuple[int, int], eye_3: Array, target_3: Array, view_height_m: float
) -> tuple[Camera, Array, Array]:
    """Return a camera and its one pose, [1, 3, 3] and [1, 3]; it shows that much at the target."""
    width, height = size
    forward_3 = target_3 - eye_3
    distance_m = float(np.linalg.norm(forward_3))
    forward_3 = forward_3 / distance_m
    right_3 = np.cross(forward_3, [0.0, 1.0, 0.0])
    right_3 /= np.linalg.norm(right_3)
    rotation_33 = np.stack([right_3, np.cross(forward_3, right_3), forward_3])
    focal_px = height * distance_m / view_height_m
    camera = Camera(focal_px, focal_px, width / 2, height / 2, width, height)
    return camera, rotation_33[None], (-rotation_33 @ eye_3)[None]


def find_stage(shot: Shot) -> Stage:
    """Return where a person of 2.1 m is in the picture in every frame: deep if it stays wide."""
    x_N = np.arange(-4, 4.01, 0.05)
    behind_N = _fits(shot, x_N, _DEEPEST_M)
    for z_max in (0.9, 0.6, 0.3, 0.0):
        left, right = _run((behind_N & _fits(shot, x_N, z_max)).tolist(), len(x_N) // 2)
        if min(-x_N[left], x_N[right]) >= _WIDE_M:
            break
    return Stage(float(x_N[left]), float(x_N[right]), _DEEPEST_M, z_max)


def _fits(shot: Shot, x_N: Array, z: float) -> Array:
    """Whether people at places on a line across the stage are in the picture in all frames."""
    inside_N = np.ones(len(x_N), bool)
    for side in (-_BODY_M[0], _BODY_M[0]):
        for height in (0.0, _BODY_M[1]):
            points_N3 = np.stack([x_N + side, 0 * x_N + height, 0 * x_N + z], axis=1)
            x_TN, y_TN = shot.project(points_N3)
            inside_N &= ((x_TN >= 0) & (x_TN <= shot.camera.width)).all(axis=0)
            inside_N &= ((y_TN >= 0) & (y_TN <= shot.camera.height)).all(axis=0)
    return inside_N


def _run(flags: Sequence[bool], middle: int) -> tuple[int, int]:
    """First and last of the run of true flags around ``middle``."""
    first = last = middle
    while first > 0 and flags[first - 1]:
        first -= 1
    while last + 1 < len(flags) and flags[last + 1]:
        last += 1
    return first, last


def _course(
    rng: Rng,
    motion: str,
    num_frames: int,
    size: tuple[int, int],
    view_height_m: float,
    distance_m: float,
) -> tuple[Array, Array]:
    """Shift in the world, m, and turn (right, up, roll; rad) of each frame."""
    eye_T3, angles_T3 = np.zeros((2, num_frames, 3))
    ease_T = -np.cos(np.pi * np.linspace(0, 1, num_frames)) * rng.choice([-1, 1])  # -1 to 1 or back
    px_rad = view_height_m / distance_m / size[1]
    if motion == "pan":
        angles_T3[:, 0] = np.deg2rad(rng.uniform(2.5, 4.5)) * ease_T
    elif motion == "dolly" and rng.uniform() < 0.6:
        eye_T3[:, 0] = rng.uniform(0.25, 0.45) * ease_T
        angles_T3[:, 0] = 0.8 * eye_T3[:, 0] / distance_m  # keeps people in the picture
    elif motion == "dolly":
        eye_T3[:, 2] = rng.uniform(0.05, 0.08) * distance_m * ease_T
    elif motion == "shake":
        sway_px = rng.uniform(1.0, 3.0) * size[1] / 240
        angles_T3[:] = px_rad * sway_px * np.array([3.0, 2.0, 1.2]) * _drift(rng, num_frames)
        angles_T3[:] += px_rad * sway_px * np.array([0.5, 0.5, 0.2]) * _jitter(rng, num_frames)
        eye_T3[:] = 0.02 * _drift(rng, num_frames)
    return eye_T3, angles_T3


def _drift(rng: Rng, num_frames: int) -> Array:
    """Slow waves between about -1 and 1, [T, 3]."""
    time_T1 = np.arange(num_frames)[:, None]
    waves = [
        np.sin(2 * np.pi * (time_T1 / rng.uniform(18, 70, 3) + rng.uniform(0, 1, 3)))
        for _ in range(3)
    ]
    return np.asarray(sum(waves) / 2)


def _jitter(rng: Rng, num_frames: int) -> Array:
    """What a hand adds from frame to frame, about -1 to 1, [T, 3]."""
    shaken_T3 = gaussian_filter1d(rng.standard_normal((num_frames, 3)), 0.7, axis=0)
    return np.asarray(np.clip(shaken_T3, -1.5, 1.5))
