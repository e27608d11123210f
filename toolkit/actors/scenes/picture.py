"""Drawing: tiles, which are flat and textured, before a camera; the nearest is on top.

Each tile's texture has about one texel for a pixel that is drawn (``baking``), so nothing shimmers
and a frame costs one warp a tile.

Shape suffixes: N corners, H rows, W columns, C colours, 2, 3, 33 vectors and matrices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from toolkit.m2m.types import Array

FAR_M = 1000.0
NEAR_M = 0.1
"""No depth is beyond these."""


@dataclass(frozen=True)
class Pose:
    """From the world to camera space, and the lens in drawn pixels."""

    rotation_33: Array
    translation_3: Array
    lens_33: Array

    def homography(self, corner_3: Array, u_3: Array, v_3: Array) -> Array:
        """Return what takes (a, b, 1) on the plane corner + a u + b v to picture times depth."""
        plane_33 = np.stack([u_3, v_3, corner_3], axis=1)
        plane_33 = self.rotation_33 @ plane_33
        plane_33[:, 2] += self.translation_3
        return np.asarray(self.lens_33 @ plane_33)


@dataclass(frozen=True)
class Tile:
    """A polygon with its texture: texel (a, b) lies at corner_3 + a u_3 + b v_3.

    Attributes:
        outline_3N: corners of the polygon in texels, homogeneous.
        texture_HWC: uint8, RGB or RGBA.
        two_sided: drawn also where it is seen from behind.
    """

    corner_3: Array
    u_3: Array
    v_3: Array
    outline_3N: Array
    texture_HWC: Array
    two_sided: bool


def draw(tiles: Sequence[Tile], pose: Pose, size: tuple[int, int]) -> tuple[Array, Array]:
    """Draw tiles, nearest on top.

    Returns:
        color [H, W, 3] uint8 and depth [H, W] float32 m.
    """
    width, height = size
    color_HWC = np.zeros((height, width, 3), np.uint8)
    inverse_HW = np.full((height, width), 1 / FAR_M, np.float32)
    for tile in tiles:
        to_picture_33 = pose.homography(tile.corner_3, tile.u_3, tile.v_3)
        corners_3N = clip(to_picture_33 @ tile.outline_3N, np.array([0.0, 0.0, 1.0]), -NEAR_M)
        if corners_3N.shape[1] > 2:
            _draw_tile(tile, to_picture_33, corners_3N[:2] / corners_3N[2], color_HWC, inverse_HW)
    return color_HWC, 1 / inverse_HW


def _draw_tile(
    tile: Tile, to_picture_33: Array, corners_2N: Array, color_HWC: Array, inverse_HW: Array
) -> None:
    """Draw into ``color_HWC`` and ``inverse_HW``, 1 / depth, what is nearer than them."""
    height, width = inverse_HW.shape
    x0, y0 = (max(0, int(np.floor(np.clip(low, -1, 1e6)))) for low in corners_2N.min(axis=1))
    x1, y1 = (
        min(side, int(np.ceil(np.clip(high, -1, 1e6))))
        for high, side in zip(corners_2N.max(axis=1), (width, height), strict=True)
    )
    if x1 <= x0 or y1 <= y0 or abs(np.linalg.det(to_picture_33)) < 1e-12:
        return
    to_texels_33 = np.linalg.inv(to_picture_33)
    # The third row gives 1 / depth, as (a, b, 1) = to_texels (x z, y z, z).
    inside_HW = _inside(corners_2N, tile.two_sided, x0, y0, x1, y1)
    if inside_HW is None:
        return
    nearness_HW = _plane(to_texels_33[2], x0, y0, x1, y1)
    window = np.s_[y0:y1, x0:x1]
    inside_HW &= nearness_HW > inverse_HW[window]
    if not inside_HW.any():
        return
    # cv2 counts from the middle of the first pixel and texel, we from their corners.
    to_pixel = np.array([[1, 0, x0 + 0.5], [0, 1, y0 + 0.5], [0, 0, 1]])
    to_texel = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    warped_HWC = cv2.warpPerspective(
        tile.texture_HWC,
        to_texel @ to_texels_33 @ to_pixel,
        (x1 - x0, y1 - y0),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if warped_HWC.shape[2] == 4:
        inside_HW &= warped_HWC[..., 3] > 127
        warped_HWC = cv2.cvtColor(warped_HWC, cv2.COLOR_RGBA2RGB)
    mask_HW = inside_HW.view(np.uint8)
    cv2.copyTo(warped_HWC, mask_HW, color_HWC[window])
    cv2.copyTo(nearness_HW, mask_HW, inverse_HW[window])


def _plane(line_3: Array, x0: int, y0: int, x1: int, y1: int) -> Array:
    """Values of line_3 . (x, y, 1) at the middles of pixels, float32."""
    x_1W = (line_3[0] * (np.arange(x0, x1) + 0.5))[None].astype(np.float32)
    y_H1 = (line_3[1] * (np.arange(y0, y1) + 0.5) + line_3[2])[:, None].astype(np.float32)
    return np.asarray(x_1W + y_H1)


def _inside(corners_2N: Array, two_sided: bool, x0: int, y0: int, x1: int, y1: int) -> Array | None:
    """Whether the middles of pixels lie in a convex polygon; None where it is seen from behind."""
    edges_2N = np.concatenate([corners_2N[:, 1:], corners_2N[:, :1]], axis=1) - corners_2N
    area = shoelace(corners_2N)
    if area == 0 or (area < 0 and not two_sided):
        return None
    y_H1 = np.arange(y0, y1)[:, None] + 0.5
    edge_x, edge_y = edges_2N * np.sign(area)
    # Inside: edge_x (y - cy) - edge_y (x - cx) >= 0 for all edges; solve for x in each row.
    upright = np.abs(edge_y) > 1e-9
    slope = np.divide(edge_x, edge_y, out=np.zeros_like(edge_x), where=upright)
    bound_HN = corners_2N[0] + slope * (y_H1 - corners_2N[1])
    epsilon = 1e-4
    right_H1 = np.where(upright & (edge_y > 0), bound_HN, np.inf).min(axis=1, keepdims=True)
    left_H1 = np.where(upright & (edge_y < 0), bound_HN, -np.inf).max(axis=1, keepdims=True)
    x_1W = np.arange(x0, x1)[None] + 0.5
    low, high = corners_2N[1].min(), corners_2N[1].max()
    right_H1 = np.where((y_H1 >= low - epsilon) & (y_H1 <= high + epsilon), right_H1, -np.inf)
    return np.asarray((x_1W >= left_H1 - epsilon) & (x_1W <= right_H1 + epsilon))


def shoelace(corners_2N: Array) -> float:
    """Return the area of a polygon; it is below zero where the corners run the other way."""
    x_N, y_N = corners_2N
    return float(x_N @ np.roll(y_N, -1) - y_N @ np.roll(x_N, -1)) / 2


def clip(points_3N: Array, line_3: Array, offset: float) -> Array:
    """Keep the part of a polygon of homogeneous points where line_3 . p + offset >= 0."""
    values_N = line_3 @ points_3N + offset
    if (values_N >= 0).all():
        return points_3N
    kept = []
    for i, value in enumerate(values_N):
        j = (i + 1) % len(values_N)
        if value >= 0:
            kept.append(points_3N[:, i])
        if (value >= 0) != (values_N[j] >= 0):
            share = value / (value - values_N[j])
            kept.append(points_3N[:, i] + share * (points_3N[:, j] - points_3N[:, i]))
    return np.stack(kept, axis=1) if kept else np.zeros((3, 0))
