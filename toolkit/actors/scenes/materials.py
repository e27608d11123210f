"""Materials: colour as a function of the place on a surface, filtered for the size of a texel.

Because a material is asked for texels of any size, no surface is drawn from a texture that is too
fine or too coarse for its distance, and nothing shimmers when the camera moves. Nothing here looks
like a face or a person.

Shape suffixes: H rows, W columns, C colours (RGB, or RGBA where a material has holes).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from toolkit.m2m.types import Array

Color = Sequence[float] | Array
Rng = np.random.Generator


@dataclass(frozen=True)
class Patch:
    """Where texels lie on a surface: ``x_1W`` and ``y_H1`` of their centres, and their size, m."""

    x_1W: Array
    y_H1: Array
    texel_w_m: float
    texel_h_m: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.y_H1.shape[0], self.x_1W.shape[1]


Material = Callable[[Patch], Array]
"""Gives colours 0..1, float [H, W, 3]; or [H, W, 4] with a hole where the fourth is below 0.5."""

Octaves = Sequence[tuple[float, float]]
"""Pairs of the size of a blotch, m, and its strength."""

ROUGH: Octaves = ((0.8, 0.7), (0.25, 0.5), (0.08, 0.4), (0.025, 0.3))
FINE: Octaves = ((0.4, 0.4), (0.06, 0.6), (0.02, 0.7))
BROAD: Octaves = ((2.5, 0.8), (0.9, 0.4))


_LATTICE, _PAD = 96, 3


class Noise:
    """Smooth noise about 0 with a standard deviation near 1, everywhere in the plane."""

    def __init__(self, rng: Rng, octaves: Octaves = ROUGH) -> None:
        lattice = rng.standard_normal((_LATTICE, _LATTICE)).astype(np.float32)
        self._lattice = cv2.copyMakeBorder(lattice, _PAD, _PAD, _PAD, _PAD, cv2.BORDER_WRAP)
        self._octaves = octaves

    def __call__(self, patch: Patch, stretch: float = 1.0) -> Array:
        """Return [H, W]; ``stretch`` makes it longer along x."""
        total_HW = np.zeros(patch.shape, np.float32)
        for number, (cell_m, strength) in enumerate(self._octaves):
            # What is smaller than texels averages out: the rest is as large as texels, but weak.
            width_m = max(cell_m, 1.5 * patch.texel_w_m / stretch)
            height_m = max(cell_m, 1.5 * patch.texel_h_m)
            weight = strength * cell_m / np.sqrt(width_m * height_m)
            if weight < 0.1 * strength:
                continue
            x_1W = (patch.x_1W / (width_m * stretch) + 17.3 * number) % _LATTICE + _PAD
            y_H1 = (patch.y_H1 / height_m + 31.7 * number) % _LATTICE + _PAD
            x_HW, y_HW = (
                np.ascontiguousarray(places, np.float32)
                for places in np.broadcast_arrays(x_1W, y_H1)
            )
            total_HW += weight * cv2.remap(self._lattice, x_HW, y_HW, cv2.INTER_CUBIC)
        return total_HW


def any_color(rng: Rng, low: float = 0.2, high: float = 0.85, vivid: float = 0.7) -> Array:
    """Choose a colour that things of daily life have: between two values, few of them vivid."""
    value, vividness = rng.uniform(low, high), vivid * rng.beta(1.2, 1.8)
    hue_3 = np.clip(np.abs((6 * rng.uniform() + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return np.asarray(value * (1 - vividness * (1 - hue_3)))


def plain(rng: Rng, color: Color, contrast: float = 0.1, octaves: Octaves = ROUGH) -> Material:
    """One colour with blotches; a contrast of 0.01 is a smooth wall, 0.2 is rough ground."""
    noise = Noise(rng, octaves)
    return lambda patch: _paint(color, 1 + contrast * noise(patch))


def bricks(
    rng: Rng, color: Color, size: tuple[float, float] = (0.26, 0.095), contrast: float = 0.09
) -> Material:
    """A brick wall, each brick of its own shade, with lighter joints."""
    shade = _cells(rng, size, contrast, stagger=0.5)
    noise = Noise(rng)
    return lambda patch: _paint(
        color, _mix(shade(patch), 1.12, _joints(patch, size, 0.012, 0.5)) + 0.06 * noise(patch)
    )


def planks(
    rng: Rng,
    color: Color,
    size: tuple[float, float] = (1.1, 0.14),
    contrast: float = 0.12,
    grain: float = 0.07,
) -> Material:
    """Boards along x with grain, and dark gaps between them."""
    shade = _cells(rng, size, contrast, stagger=0.37)
    noise = Noise(rng)
    return lambda patch: _paint(
        color,
        _mix(shade(patch), 0.5, _joints(patch, size, 0.01, 0.37))
        + grain * noise(patch, stretch=6.0),
    )


def tiles(
    rng: Rng,
    color: Color,
    size: tuple[float, float],
    joint_m: float = 0.012,
    joint_shade: float = 0.7,
    contrast: float = 0.05,
    roughness: float = 0.03,
) -> Material:
    """Tiles, slabs, doors of cupboards: a grid of plates of their own shades."""
    shade = _cells(rng, size, contrast)
    noise = Noise(rng)
    return lambda patch: _paint(
        color,
        _mix(shade(patch), joint_shade, _joints(patch, size, joint_m)) + roughness * noise(patch),
    )


def grass(rng: Rng, color: Color, contrast: float = 0.13, band_m: float = 0.0) -> Material:
    """A lawn; with ``band_m`` it is mown in lighter and darker bands."""
    blades, patches = (
        Noise(rng, ((0.3, 0.4), (0.12, 0.5), (0.04, 0.7), (0.015, 0.8))),
        Noise(rng, BROAD),
    )

    def shine(patch: Patch) -> Array:
        shade_HW = 1 + contrast * blades(patch) + 0.06 * patches(patch)
        if band_m:
            shade_HW += 0.1 * _stripe(patch.x_1W, 2 * band_m, band_m, patch.texel_w_m) - 0.05
        tint_HW = 0.05 * patches(patch)
        color_HWC = _paint(color, shade_HW)
        color_HWC[..., 0] = np.clip(color_HWC[..., 0] + tint_HW, 0, 1)
        return color_HWC

    return shine


def sky(rng: Rng, color: Color, cloudiness: float, height_m: float) -> Material:
    """Brighter towards the horizon at y = ``height_m``, with soft clouds."""
    noise = Noise(rng, ((90.0, 0.8), (30.0, 0.4), (11.0, 0.2), (4.0, 0.1)))

    def shine(patch: Patch) -> Array:
        down_H1 = np.clip(patch.y_H1 / height_m, 0, 1) ** 3
        cloud_HW = np.clip(noise(patch, stretch=2.5) * 0.5 + cloudiness - 0.4, 0, 1) * 0.8
        white_HW1 = np.clip(0.75 * down_H1 + cloud_HW, 0, 1)[..., None]
        return np.asarray(color) * (1 - white_HW1) + np.array([0.93, 0.94, 0.95]) * white_HW1

    return shine


def books(rng: Rng, row_m: float = 0.32) -> Material:
    """Rows of books of many colours in a shelf."""
    color_RBC = rng.uniform(0.15, 0.75, (16, 64, 1)) * rng.uniform(0.6, 1.1, (16, 64, 3))
    noise = Noise(rng)
    width_m = float(rng.uniform(0.035, 0.06))

    def shine(patch: Patch) -> Array:
        row_H1 = np.floor(patch.y_H1 / row_m).astype(int)
        book_HW = np.floor(patch.x_1W / width_m + 0.3 * row_H1).astype(int)
        color_HWC = color_RBC[row_H1 % 16, book_HW % 64]
        board_HW1 = _stripe(patch.y_H1, row_m, 0.035, patch.texel_h_m)[..., None]
        shade_HW1 = 1 + 0.06 * noise(patch)[..., None]
        return np.clip(_mix(color_HWC, 0.45, board_HW1) * shade_HW1, 0, 1)

    return shine


def facade(
    rng: Rng, wall: Material, window: tuple[float, float], every: tuple[float, float]
) -> Material:
    """A wall with a grid of windows of dark glass in light frames."""
    glass = _cells(rng, every, 0.3)
    noise = Noise(rng, BROAD)
    tint = np.array([0.26, 0.32, 0.38]) * rng.uniform(0.7, 1.3)

    def shine(patch: Patch) -> Array:
        frame_HW1 = _plates(patch, every, window)[..., None]
        pane_HW1 = _plates(patch, every, (window[0] - 0.12, window[1] - 0.12))[..., None]
        glass_HWC = tint * (glass(patch) + 0.15 * noise(patch))[..., None]
        color_HWC = _mix(wall(patch), 0.82, frame_HW1)
        return np.clip(_mix(color_HWC, glass_HWC, pane_HW1), 0, 1)

    return shine


def with_marks(
    ground: Material, marks: Sequence[tuple[float, float, float, float]], color: Color
) -> Material:
    """Paint rectangles (x0, y0, x1, y1 in m) over a material: lines of a court, a frame."""

    def shine(patch: Patch) -> Array:
        color_HWC = np.array(ground(patch))
        for x0, y0, x1, y1 in marks:
            inside_HW1 = (
                _between(patch.x_1W, x0, x1, patch.texel_w_m)
                * _between(patch.y_H1, y0, y1, patch.texel_h_m)
            )[..., None]
            color_HWC = _mix(color_HWC, np.asarray(color), inside_HW1)
        return color_HWC

    return shine


def leaves(rng: Rng, color: Color, size: tuple[float, float], leaf_m: float = 0.05) -> Material:
    """A cut-out oval of foliage, ``size`` m wide and high."""
    light = Noise(rng, ((6 * leaf_m, 0.6), (2 * leaf_m, 0.5), (leaf_m, 0.5)))
    edge = Noise(rng, ((size[0] / 4, 0.5), (3 * leaf_m, 0.6), (leaf_m, 0.5)))

    def shine(patch: Patch) -> Array:
        across_1W = 2 * patch.x_1W / size[0] - 1
        down_H1 = 2 * patch.y_H1 / size[1] - 1
        solid_HW = 0.5 + 2.2 * (0.72 - np.hypot(across_1W, down_H1)) + 0.15 * edge(patch)
        shade_HW = 1 + 0.22 * light(patch) - 0.18 * down_H1
        return np.dstack([_paint(color, shade_HW), np.clip(solid_HW, 0, 1)])

    return shine


def bars(material: Material, every_m: float, bar_m: float, rails: Sequence[float] = ()) -> Material:
    """Cut a material into upright bars with rails across at the given y."""

    def shine(patch: Patch) -> Array:
        solid_HW = np.zeros(patch.shape) + _stripe(patch.x_1W, every_m, bar_m, patch.texel_w_m)
        for y in rails:
            rail_H1 = _between(patch.y_H1, y, y + 0.07, patch.texel_h_m)
            solid_HW = np.maximum(solid_HW, rail_H1)
        return np.dstack([material(patch), solid_HW])

    return shine


def _paint(color: Color, shade_HW: Array) -> Array:
    """A colour at varying brightness."""
    return np.clip(np.asarray(color, np.float32) * shade_HW[..., None].astype(np.float32), 0, 1)


def _mix(under: Array | float, over: Array | float, share: Array) -> Array:
    return np.asarray(under * (1 - share) + over * share)


def _cells(
    rng: Rng, size: tuple[float, float], contrast: float, stagger: float = 0.0
) -> Callable[[Patch], Array]:
    """A shade about 1 for each cell of a grid whose rows are shifted against each other."""
    shades = rng.uniform(-1.6 * contrast, 1.6 * contrast, (64, 64)).astype(np.float32)

    def shade(patch: Patch) -> Array:
        row_H1 = np.floor(patch.y_H1 / size[1]).astype(int)
        column_HW = np.floor(patch.x_1W / size[0] + stagger * row_H1).astype(int)
        fading = _clarity(size[0], patch.texel_w_m) * _clarity(size[1], patch.texel_h_m)
        return np.asarray(1 + np.float32(fading) * shades[row_H1 % 64, column_HW % 64])

    return shade


def _joints(patch: Patch, size: tuple[float, float], joint_m: float, stagger: float = 0.0) -> Array:
    """How much of each texel is joint, 0..1."""
    row_H1 = np.floor(patch.y_H1 / size[1])
    x_HW = patch.x_1W + size[0] * stagger * row_H1
    upright_HW = _stripe(x_HW, size[0], joint_m, patch.texel_w_m)
    level_H1 = _stripe(patch.y_H1, size[1], joint_m, patch.texel_h_m)
    return np.maximum(upright_HW, level_H1)


def _plates(patch: Patch, every: tuple[float, float], size: tuple[float, float]) -> Array:
    """How much of each texel lies in rectangles in the middle of the cells of a grid, 0..1."""
    left, top = ((step - side) / 2 for step, side in zip(every, size, strict=True))
    across_1W = _stripe(patch.x_1W - left, every[0], size[0], patch.texel_w_m)
    return np.asarray(across_1W * _stripe(patch.y_H1 - top, every[1], size[1], patch.texel_h_m))


def _stripe(place: Array, period: float, width: float, texel: float) -> Array:
    """Share of a texel that is covered by stripes at 0..width of each period."""

    def covered(x: Array) -> Array:
        return np.asarray(np.floor(x / period) * width + np.minimum(x % period, width))

    share = (covered(place + texel / 2) - covered(place - texel / 2)) / texel
    mean = width / period
    return np.asarray(mean + _clarity(period, texel) * (share - mean))


def _clarity(period: float, texel: float) -> float:
    """How clear a pattern is in texels of a size: 1 where they are fine, 0 where it would alias."""
    return float(np.clip(0.4 * period / texel - 0.6, 0, 1))


def _between(place: Array, low: float, high: float, texel: float) -> Array:
    """Share of a texel between two bounds."""
    start, end = np.maximum(place - texel / 2, low), np.minimum(place + texel / 2, high)
    return np.clip((end - start) / texel, 0, 1)
