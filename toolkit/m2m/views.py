"""Frames as detectors want them: square pixels, and not too many."""

import cv2
import numpy as np

from toolkit.frames import FrameStore

_MAX_AREA_PX = 512 * 288


def view_size(shape_HW: tuple[int, ...], pixel_aspect: float) -> tuple[int, int]:
    """Return (width, height) of a frame with square pixels and at most 512x288 of them."""
    height, width = shape_HW[:2]
    shrink = min(1.0, np.sqrt(_MAX_AREA_PX / (width * height)))
    return (
        max(1, round(width * np.sqrt(pixel_aspect) * shrink)),
        max(1, round(height / np.sqrt(pixel_aspect) * shrink)),
    )


def square_pixel_views(frames: FrameStore, pixel_aspect: float) -> FrameStore:
    """Return the frames as the networks want them, with square pixels (``view_size``)."""
    size = view_size(frames.frame_shape, pixel_aspect)
    views = FrameStore((*size[::-1], 3))
    for frame in frames:
        views.append(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
    return views
