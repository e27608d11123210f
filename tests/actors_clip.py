"""What tests make of an actor's clip: stores, two people in one room, a camera that moves."""

from collections.abc import Iterable

import cv2
import numpy as np

from toolkit.actors.generate import ActorClip
from toolkit.frames import FrameStore


def store(frames: Iterable[np.ndarray]) -> FrameStore:
    """Return frames (at least one) as the steps of the method take them."""
    frames = list(frames)
    filled = FrameStore(frames[0].shape, frames[0].dtype)
    for frame in frames:
        filled.append(np.ascontiguousarray(frame))
    return filled


def masks_of(clip: ActorClip) -> np.ndarray:
    """Return the true masks [T, H, W] as uint8 0 or 255."""
    return clip.masks_THW.astype(np.uint8) * 255


def read_masks(masks: Iterable[np.ndarray]) -> np.ndarray:
    """Return the masks of a step's result as bool [T, H, W]."""
    return np.stack(list(masks)) > 0


def with_mirror_image(clip: ActorClip) -> tuple[np.ndarray, np.ndarray]:
    """Let the actor's mirror image, a fifth smaller, pass behind the actor the other way.

    Returns:
        Frames [T, H, W, 3] and the true masks of both [2, T, H, W], the actor's first; where the
        actor hides the other one, the pixel is the actor's alone.
    """
    height, width = clip.masks_THW.shape[1:]
    shrink_23 = np.array([[0.8, 0, 0.1 * width], [0, 0.8, 0.06 * height]], np.float32)

    def away(image: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(np.ascontiguousarray(image[:, ::-1]), shrink_23, (width, height))

    frames_THWC, behind_THW = clip.frames_THWC.copy(), np.zeros_like(clip.masks_THW)
    for index, mask_HW in enumerate(clip.masks_THW):
        behind_THW[index] = (away(mask_HW.astype(np.uint8)) > 0) & ~mask_HW
        mirrored_HWC = away(clip.frames_THWC[index])
        frames_THWC[index][behind_THW[index]] = mirrored_HWC[behind_THW[index]]
    return frames_THWC, np.stack([clip.masks_THW, behind_THW])


def panned(images: np.ndarray, step_px: int = 2) -> np.ndarray:
    """Return three quarters of each image's width, further right in each frame."""
    width = images.shape[2] * 3 // 4
    return np.stack([image[:, step_px * i : step_px * i + width] for i, image in enumerate(images)])
