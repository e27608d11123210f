"""Light: how bright each place of a surface is, and the shadows that things cast on the floor.

Shape suffixes: N corners or places, H rows, W columns, 3 a point, direction or colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from toolkit.actors.scenes.materials import Rng
from toolkit.actors.scenes.surfaces import Surface
from toolkit.m2m.types import Array

_GAMMA = 2.2
_FLOOR_M = 0.005
"""What lies lower casts no shadow."""


@dataclass(frozen=True)
class Light:
    """A lamp, or the sun, and light from everywhere.

    Attributes:
        place_3: of the lamp, m; the sun is far away.
        reach_m: from here on the lamp's light fades; infinite for the sun.
        ambient: share of light that comes from everywhere, 0..1.
        color_3: linear gain of red, green, blue.
        penumbra_m: width of the edge of shadows.
    """

    place_3: Array
    reach_m: float
    ambient: float
    color_3: Array
    penumbra_m: float

    def at(self, places_N3: Array, normal_3: Array) -> Array:
        """Return the linear brightness [N] of places of a surface that looks along ``normal_3``."""
        toward_N3 = self.place_3 - places_N3
        distance_N = np.linalg.norm(toward_N3, axis=1)
        cosine_N = np.maximum(toward_N3 @ normal_3 / distance_N, 0)
        fading_N = (1 + (np.linalg.norm(self.place_3) / self.reach_m) ** 2) / (
            1 + (distance_N / self.reach_m) ** 2
        )
        return np.asarray(self.ambient + (1 - self.ambient) * cosine_N * np.minimum(fading_N, 1.5))

    def paint(self, color_HWC: Array, bright_HW: Array) -> Array:
        """Return a colour 0..1 under the light as uint8; a fourth channel stays."""
        tint_3 = (self.color_3 ** (1 / _GAMMA)).astype(np.float32)
        lit_HWC = np.array(color_HWC, np.float32)
        lit_HWC[..., :3] *= cv2.pow(bright_HW.astype(np.float32), 1 / _GAMMA)[..., None] * tint_3
        return np.rint(np.clip(lit_HWC, 0, 1) * 255).astype(np.uint8)

    def shadow_on_floor(self, corners_N3: Array) -> Array | None:
        """Project a polygon from the lamp onto the floor, [N, 2] x and z; None: casts none."""
        lamp_3 = self.place_3
        if corners_N3[:, 1].max() < _FLOOR_M or corners_N3[:, 1].max() > 0.8 * lamp_3[1]:
            return None
        scale_N1 = (lamp_3[1] / (lamp_3[1] - corners_N3[:, 1]))[:, None]
        return np.asarray((lamp_3 + scale_N1 * (corners_N3 - lamp_3))[:, [0, 2]])


def sun(rng: Rng) -> Light:
    """Sunlight, or a bright overcast sky."""
    overcast = rng.uniform() < 0.4
    direction_3 = np.array([rng.uniform(-0.9, 0.9), rng.uniform(0.8, 1.4), rng.uniform(0.2, 1.0)])
    return Light(
        place_3=1000 * direction_3 / np.linalg.norm(direction_3),
        reach_m=np.inf,
        ambient=float(rng.uniform(0.75, 0.9) if overcast else rng.uniform(0.4, 0.6)),
        color_3=_tint(rng, 0.9) * rng.uniform(0.75, 1.3),
        penumbra_m=0.5 if overcast else 0.04,
    )


def lamp(rng: Rng, height_m: float) -> Light:
    """A lamp below a ceiling, somewhere between the camera and the back wall."""
    return Light(
        place_3=np.array([rng.uniform(-1.5, 1.5), height_m - 0.2, rng.uniform(0.3, 2.5)]),
        reach_m=float(rng.uniform(2.5, 6.0)),
        ambient=float(rng.uniform(0.4, 0.7)),
        color_3=_tint(rng, 1.0) * rng.uniform(0.6, 1.25),
        penumbra_m=0.12,
    )


class FloorShadows:
    """Which parts of the floor near the stage the lamp does not reach."""

    _HALF_M, _CELL_M = 16.0, 0.04

    def __init__(self, light: Light, surfaces: Sequence[Surface]) -> None:
        side = round(2 * self._HALF_M / self._CELL_M)
        mask_HW = np.zeros((side, side), np.uint8)
        for surface in surfaces:
            outline_N2 = None if surface.two_sided else light.shadow_on_floor(surface.corners_N3)
            if outline_N2 is not None:
                cells_N2 = np.clip((outline_N2 + self._HALF_M) / self._CELL_M - 0.5, -1e4, 1e4)
                cv2.fillConvexPoly(mask_HW, np.rint(cells_N2 * 16).astype(np.int32), 255, shift=4)
        blur = max(light.penumbra_m / self._CELL_M, 0.5)
        self._lit_HW = 255 - cv2.GaussianBlur(mask_HW, (0, 0), blur)

    def lit(self, corner_2: Array, texel_2: Array, shape_HW: tuple[int, int]) -> Array:
        """Return how much of the lamp reaches each texel of a patch of the floor, 0..1.

        Args:
            corner_2: x and z of the patch's corner.
            texel_2: size of a texel along x and z, m.
            shape_HW: rows along z, columns along x.
        """
        start_2 = (corner_2 + texel_2 / 2 + self._HALF_M) / self._CELL_M - 0.5
        to_cell_23 = np.array(
            [[texel_2[0] / self._CELL_M, 0, start_2[0]], [0, texel_2[1] / self._CELL_M, start_2[1]]]
        )
        lit_HW = cv2.warpAffine(
            self._lit_HW,
            to_cell_23,
            shape_HW[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderValue=255,
        )
        return np.asarray(lit_HW / np.float32(255))


def _tint(rng: Rng, mean_red: float) -> Array:
    """From warm to cool light, of the same brightness."""
    warmth = rng.uniform(-0.12, 0.22) * mean_red
    tint_3 = np.array([1 + warmth, 1 + 0.1 * warmth, 1 - 1.2 * warmth])
    return np.asarray(tint_3 / tint_3.mean())
