"""Inpainting frame by frame: Navier-Stokes (the paper's footnote 2) and none (its Table 2)."""

import cv2
import numpy as np

from toolkit.frames import FrameStore
from toolkit.m2m.types import Array, Progress

RADIUS_PX = 3
MID_GREY = 128


def fill_from_border(frame_HWC: Array, hole_HW: Array) -> Array:
    """Continue the colours around a hole into it, along their edges (Navier-Stokes).

    Args:
        frame_HWC: [H, W, 3] uint8.
        hole_HW: [H, W], not zero where the frame is to be filled.

    Returns:
        [H, W, 3] uint8, equal to the frame outside the hole; mid-grey if the hole is everything.
    """
    hole_HW = (hole_HW != 0).astype(np.uint8)
    if hole_HW.all():
        return np.full_like(frame_HWC, MID_GREY)
    if not hole_HW.any():
        return frame_HWC
    filled_HWC = cv2.inpaint(frame_HWC, hole_HW, RADIUS_PX, cv2.INPAINT_NS)
    return np.where(hole_HW[..., None] != 0, filled_HWC, frame_HWC)


class NavierStokesInpainter:
    """Fills each frame from its own surroundings: fast, smooth, and restless in time."""

    def inpaint(self, frames: FrameStore, masks: FrameStore, progress: Progress) -> FrameStore:
        """Return [T, H, W, 3] uint8 frames, filled where ``masks`` [T, H, W] are not zero."""
        filled = FrameStore(frames.frame_shape)
        for frame_HWC, mask_HW in zip(frames, masks, strict=True):
            filled.append(fill_from_border(frame_HWC, mask_HW))
            progress(1)
        return filled


class NoInpainter:
    """Leaves the people in: the meshes are drawn over them (the ablation of Table 2)."""

    def inpaint(self, frames: FrameStore, masks: FrameStore, progress: Progress) -> FrameStore:
        """Return a copy of ``frames`` [T, H, W, 3]; ``masks`` are not looked at."""
        del masks
        copies = FrameStore(frames.frame_shape)
        for frame_HWC in frames:
            copies.append(frame_HWC)
            progress(1)
        return copies
