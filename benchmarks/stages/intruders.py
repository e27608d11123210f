"""What is drawn into a clip for the masks to miss: a shadow, a mirror image, a second person.

All move with a true person, lie behind all people, and are drawn from the true masks.

Shape suffixes: T frames, H height, W width, C colours.
"""

import cv2
import numpy as np

from benchmarks.stages.run import ClipRun
from toolkit.m2m.types import Array

INTRUDERS = ("shadow", "mirror", "second_person")

_SHADOW_DARKNESS, _SHADOW_LENGTH = 0.45, 0.35
_MIRROR_SIZE, _MIRROR_STRENGTH = 0.85, 0.85
_SMALL_HEIGHT_PX = (45.0, 64.0)
_HORIZON = 0.6
"""Share of the height at which what is smaller is farther away, not higher or lower."""
_NUM_PLACES, _NUM_LOOKS = 72, 5


class Intruder:
    """Draws one kind of intruder over the frames of a clip.

    Args:
        kind: one of ``INTRUDERS``.
        run: the clip.
        person: whose shadow, mirror image or double it is.
        rng: chooses size, side and place.
    """

    def __init__(self, kind: str, run: ClipRun, person: int, rng: np.random.Generator) -> None:
        self._kind, self._run = kind, run
        self._masks_THW: Array = run.truth.visible_PTHW[person].astype(np.float32)
        self._side = float(rng.choice([-1, 1]))
        self._place_23 = np.eye(2, 3)
        if kind != "shadow":
            size = _MIRROR_SIZE if kind == "mirror" else self._small_size(rng)
            self._place_23 = self._best_place(size)

    def draw(self, index: int) -> Array:
        """Return frame ``index`` of the source with the intruder in it, [H, W, 3] uint8."""
        frame_HWC = self._run.clip.frames[index]
        alpha_HW, color_HWC = self._shadow(index) if self._kind == "shadow" else self._double(index)
        alpha_HW = np.where(self._run.visible_HW(index), 0, alpha_HW)[..., None]
        mixed_HWC = np.rint(frame_HWC + alpha_HW * (color_HWC - frame_HWC))
        return np.asarray(mixed_HWC, np.uint8)

    def _shadow(self, index: int) -> tuple[Array, Array]:
        """A soft, dark outline that lies on the floor behind the person, from their feet."""
        mask_HW = self._masks_THW[index]
        rows = np.flatnonzero(mask_HW.any(1))
        feet_y = int(rows.max(initial=0)) + 1
        lean, length = 0.8 * self._side, _SHADOW_LENGTH
        flat_23 = np.array([[1, -lean, lean * feet_y], [0, length, (1 - length) * feet_y]])
        alpha_HW = cv2.GaussianBlur(_moved(mask_HW, flat_23), (5, 5), 0)
        return _SHADOW_DARKNESS * alpha_HW, np.zeros(3)

    def _double(self, index: int) -> tuple[Array, Array]:
        """The person, smaller and elsewhere: a mirror image, or what they do in another frame."""
        shown = self._shown(index)
        mask_HW, frame_HWC = self._masks_THW[shown], self._run.clip.frames[shown]
        alpha_HW = _moved(mask_HW, self._place_23)
        premultiplied_HWC = _moved(frame_HWC * mask_HW[..., None], self._place_23)
        color_HWC = premultiplied_HWC / np.maximum(alpha_HW, 1e-3)[..., None]
        return alpha_HW * (_MIRROR_STRENGTH if self._kind == "mirror" else 1.0), color_HWC

    def _shown(self, index: int) -> int:
        """Return the frame whose person is seen in frame ``index``."""
        return index if self._kind == "mirror" else self._run.num_frames - 1 - index

    def _small_size(self, rng: np.random.Generator) -> float:
        heights_T = self._masks_THW.any(2).sum(1)
        size = float(rng.uniform(*_SMALL_HEIGHT_PX)) / float(np.median(heights_T[heights_T > 0]))
        return min(1.0, size)

    def _best_place(self, size: float) -> Array:
        """Return where, from left to right, the person is least hidden by masks of people."""
        height, width = self._run.clip.frames.frame_shape[:2]
        flip = -1.0 if self._kind == "mirror" else self._side
        chosen = np.linspace(0, self._run.num_frames - 1, _NUM_LOOKS).round().astype(int).tolist()
        places = [
            np.array([[flip * size, 0, shift_x], [0, size, (1 - size) * _HORIZON * height]])
            for shift_x in np.linspace(-width, 2 * width, _NUM_PLACES)
        ]

        def num_seen_px(place_23: Array) -> int:
            """In the frame in which least is seen."""
            return min(
                int(np.count_nonzero((_moved(mask_HW, place_23) > 0.5) & ~self._run.mask_HW(index)))
                for index in chosen
                if (mask_HW := self._masks_THW[self._shown(index)]).any()
            )

        return max(places, key=num_seen_px)


def _moved(image: Array, place_23: Array) -> Array:
    """Warp a float32 image; one that shrinks is softened first, as a lens would."""
    scale = float(np.sqrt(abs(np.linalg.det(place_23[:, :2]))))
    if scale < 0.7:
        image = cv2.GaussianBlur(image, (0, 0), 0.4 / scale)
    return np.asarray(cv2.warpAffine(image, place_23, image.shape[1::-1], flags=cv2.INTER_LINEAR))
