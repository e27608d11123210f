"""Baking: surfaces are cut into tiles whose texels fit the picture, for the camera's whole course.

Shape suffixes: N corners or places, H rows, W columns, 2, 3, 33 vectors and matrices.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from toolkit.actors.scenes.light import FloorShadows, Light
from toolkit.actors.scenes.materials import Patch
from toolkit.actors.scenes.picture import NEAR_M, Pose, Tile, clip, shoelace
from toolkit.actors.scenes.surfaces import Surface
from toolkit.m2m.types import Array

_MARGIN = 0.08
"""How far beyond the picture tiles are baked, as a share of its width."""
_MAX_RATIO = 3.0
"""Between the finest and the coarsest scale within a tile."""
_MIN_AREA_PX = 6000.0
_MAX_LEVEL = 7
_LIGHT_GRID = 9


class Baker:
    """Cuts surfaces into tiles for the poses from which they are seen."""

    def __init__(
        self,
        poses: Sequence[Pose],
        size: tuple[int, int],
        light: Light,
        surfaces: Sequence[Surface],
    ) -> None:
        self._poses = poses
        self._size = size
        self._light = light
        self._shadows = FloorShadows(light, surfaces)

    def bake(self, surface: Surface) -> Iterator[Tile]:
        """Yield the tiles of a surface that are in the picture at any pose."""
        offsets_N3 = surface.corners_N3 - surface.corners_N3[0]
        outline_2N = np.stack([offsets_N3 @ surface.u_3, offsets_N3 @ surface.v_3])
        whole = (*outline_2N.min(axis=1), *outline_2N.max(axis=1))
        for bounds, per_m_2 in self._cut(surface, outline_2N, whole, 0):
            yield self._tile(surface, outline_2N, bounds, per_m_2)

    def _cut(
        self, surface: Surface, outline_2N: Array, bounds: tuple[float, ...], level: int
    ) -> Iterator[tuple[tuple[float, ...], Array]]:
        """Yield (x0, y0, x1, y1 in m on the surface, texels per m along x and y)."""
        seen = self._seen(surface, _crop(outline_2N, bounds))
        if seen is None:
            return
        places_2N, per_m_2N, area_px = seen
        low_2 = np.maximum(places_2N.min(axis=1), bounds[:2])
        high_2 = np.minimum(places_2N.max(axis=1), bounds[2:])
        bounds = (*low_2, *high_2)
        finest_2, ratio_2 = per_m_2N.max(axis=1), _ratio(per_m_2N)
        axis = _best_cut(places_2N, per_m_2N, (low_2 + high_2) / 2)
        if ratio_2.max() < _MAX_RATIO or level == _MAX_LEVEL or area_px < _MIN_AREA_PX:
            yield bounds, finest_2 / np.sqrt(np.minimum(ratio_2, _MAX_RATIO**2))
            return
        middle = (bounds[axis] + bounds[axis + 2]) / 2
        for side in (0, 1):
            half = list(bounds)
            half[axis + 2 * (1 - side)] = middle
            yield from self._cut(surface, outline_2N, tuple(half), level + 1)

    def _seen(self, surface: Surface, outline_2N: Array) -> tuple[Array, Array, float] | None:
        """Places in what is in the picture at any pose, texels per m there, [2, N]; area, px."""
        if outline_2N.shape[1] < 3:
            return None
        outline_3N = np.concatenate([outline_2N, np.ones((1, outline_2N.shape[1]))])
        width, height = self._size
        margin = _MARGIN * width
        planes = np.array(
            [
                [1, 0, margin],
                [-1, 0, width + margin],
                [0, 1, margin],
                [0, -1, height + margin],
            ]
        )
        places, densities, area_px = [], [], 0.0
        for pose in self._poses:
            to_picture_33 = pose.homography(surface.corners_N3[0], surface.u_3, surface.v_3)
            if np.linalg.det(to_picture_33) <= 0 and not surface.two_sided:
                continue
            points_3N = clip(to_picture_33 @ outline_3N, np.array([0.0, 0.0, 1.0]), -NEAR_M)
            for plane_3 in planes:
                points_3N = clip(points_3N, plane_3, 0.0) if points_3N.shape[1] else points_3N
            if points_3N.shape[1] < 3:
                continue
            area_px = max(area_px, abs(shoelace(points_3N[:2] / points_3N[2])))
            next_3N = np.roll(points_3N, -1, axis=1)
            middle_31 = points_3N.mean(axis=1, keepdims=True)
            points_3N = np.concatenate([points_3N, points_3N + next_3N, middle_31], axis=1)
            texels_3N = np.linalg.inv(to_picture_33) @ points_3N
            places.append(texels_3N[:2] / texels_3N[2])
            densities.append(_density(to_picture_33, points_3N))
        if not places:
            return None
        return np.concatenate(places, axis=1), np.concatenate(densities, axis=1), area_px

    def _tile(
        self, surface: Surface, outline_2N: Array, bounds: tuple[float, ...], per_m_2: Array
    ) -> Tile:
        low_2, high_2 = np.array(bounds[:2]), np.array(bounds[2:])
        counts_2 = np.maximum(np.ceil((high_2 - low_2) * per_m_2), 2).astype(int)
        texel_2 = (high_2 - low_2) / counts_2
        corner_2 = low_2 - texel_2  # one texel more all around
        shape = int(counts_2[1]) + 2, int(counts_2[0]) + 2
        patch = Patch(
            x_1W=(corner_2[0] + texel_2[0] * (np.arange(shape[1]) + 0.5) + surface.start_m)[None],
            y_H1=(corner_2[1] + texel_2[1] * (np.arange(shape[0]) + 0.5))[:, None],
            texel_w_m=float(texel_2[0]),
            texel_h_m=float(texel_2[1]),
        )
        corner_3 = surface.corners_N3[0] + corner_2[0] * surface.u_3 + corner_2[1] * surface.v_3
        u_3, v_3 = texel_2[0] * surface.u_3, texel_2[1] * surface.v_3
        bright_HW = self._brightness(surface, corner_3, u_3, v_3, shape)
        piece_2N = (_crop(outline_2N, bounds) - corner_2[:, None]) / texel_2[:, None]
        return Tile(
            corner_3,
            u_3,
            v_3,
            np.concatenate([piece_2N, np.ones((1, piece_2N.shape[1]))]),
            self._light.paint(surface.material(patch), bright_HW),
            surface.two_sided,
        )

    def _brightness(
        self, surface: Surface, corner_3: Array, u_3: Array, v_3: Array, shape: tuple[int, int]
    ) -> Array:
        """Linear brightness [H, W] of a tile's texels."""
        rows, columns = np.meshgrid(
            *(np.linspace(0, side, _LIGHT_GRID) for side in shape), indexing="ij"
        )
        places_N3 = corner_3 + columns.reshape(-1, 1) * u_3 + rows.reshape(-1, 1) * v_3
        normal_3 = surface.normal_3
        if surface.two_sided:
            normal_3 = normal_3 * np.sign((self._light.place_3 - corner_3) @ normal_3)
        coarse = self._light.at(places_N3, normal_3).reshape(_LIGHT_GRID, _LIGHT_GRID)
        bright_HW = cv2.resize(coarse.astype(np.float32), shape[::-1])
        if corner_3[1] < 0.01 and normal_3[1] > 0.99:
            step_2 = np.array([u_3[0], v_3[2]])
            lamp_HW = self._shadows.lit(corner_3[[0, 2]], step_2, shape)
            bright_HW = self._light.ambient + (bright_HW - self._light.ambient) * lamp_HW
        return np.asarray(bright_HW)


def _density(to_picture_33: Array, points_3N: Array) -> Array:
    """Texels per metre along both axes of a plane, [2, N], at points of the picture times depth.

    A pixel sees a stretch of each axis, also where the axes lean against each other: fewer texels
    than pixels along an axis then show no pattern that is finer than the pixels.
    """
    x_N, y_N = points_3N[:2] / points_3N[2]
    (du_x, du_y), (dv_x, dv_y) = (
        ((h[0] - x_N * h[2]) / points_3N[2], (h[1] - y_N * h[2]) / points_3N[2])
        for h in to_picture_33.T[:2]
    )
    area_N = np.maximum(np.abs(du_x * dv_y - du_y * dv_x), 1e-6)
    return np.stack([area_N / np.hypot(dv_x, dv_y), area_N / np.hypot(du_x, du_y)])


def _ratio(per_m_2N: Array) -> Array:
    """How much finer than the coarsest the finest scale is, along both axes."""
    return np.asarray(per_m_2N.max(axis=1) / per_m_2N.min(axis=1))


def _best_cut(places_2N: Array, per_m_2N: Array, middle_2: Array) -> int:
    """Across which axis to cut, so that scales vary least in both halves."""

    def spread(axis: int) -> float:
        offset_N = places_2N[axis] - middle_2[axis]
        slack = 1e-6 + 0.01 * np.ptp(offset_N)
        halves = per_m_2N[:, offset_N <= slack], per_m_2N[:, offset_N >= -slack]
        return float(sum(_ratio(half_2N).max() for half_2N in halves))

    return 0 if spread(0) < spread(1) else 1


def _crop(outline_2N: Array, bounds: tuple[float, ...]) -> Array:
    """Cut a polygon to a rectangle."""
    points_3N = np.concatenate([outline_2N, np.ones((1, outline_2N.shape[1]))])
    for plane_3 in np.array(
        [[1, 0, -bounds[0]], [-1, 0, bounds[2]], [0, 1, -bounds[1]], [0, -1, bounds[3]]]
    ):
        points_3N = clip(points_3N, plane_3, 1e-9) if points_3N.shape[1] else points_3N
    return points_3N[:2]
