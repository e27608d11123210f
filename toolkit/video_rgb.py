"""From a stored video frame to an upright RGB array: matrix, range, alpha, size and rotation."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

EXACT_SCALING = (
    Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
_SPC_BT709, _SPC_UNSPECIFIED, _SPC_SMPTE170M = 1, 2, 6  # H.273, table 4
_MAX_SD_WIDTH_PX, _MAX_SD_HEIGHT_PX = 1024, 576


Planes = list[NDArray[np.uint8]]
"""Red, green and blue of one frame, each [H, W]; views of FFmpeg's memory, which they keep."""


def make_converter(
    first: VideoFrame, size: tuple[int, int] | None
) -> Callable[[VideoFrame], NDArray[np.uint8]]:
    """Return what turns a frame like ``first`` into an upright [H, W, 3] RGB array."""
    convert = make_plane_converter(first, size)
    return lambda frame: np.stack(convert(frame), axis=-1)


def make_plane_converter(
    first: VideoFrame, size: tuple[int, int] | None
) -> Callable[[VideoFrame], Planes]:
    """Return what turns a frame like ``first`` into upright planes."""
    is_sideways, flips = find_orientation(first)
    stored = (size[::-1] if is_sideways else size) if size else (first.width, first.height)
    shrinks = stored[0] <= first.width and stored[1] <= first.height
    scaling = (Interpolation.AREA if shrinks else Interpolation.BICUBIC) | EXACT_SCALING
    scaler = VideoReformatter()

    def convert(frame: VideoFrame) -> Planes:
        if frame.colorspace == _SPC_UNSPECIFIED:
            is_hd = frame.width > _MAX_SD_WIDTH_PX or frame.height > _MAX_SD_HEIGHT_PX
            frame.colorspace = _SPC_BT709 if is_hd else _SPC_SMPTE170M
        has_alpha = any(component.is_alpha for component in frame.format.components)
        pixels = "gbrap" if has_alpha else "gbrp"  # the bytes of rgb24, in 2/3 of its time
        scaled = scaler.reformat(frame, *stored, pixels, interpolation=scaling, threads=1)
        green, blue, red, *opacity = map(_read_plane, scaled.planes)
        planes = [red, green, blue]
        if opacity:
            opacity_HW = opacity[0].astype(np.uint16)
            planes = [((plane * opacity_HW + 127) // 255).astype(np.uint8) for plane in planes]
        if is_sideways:
            planes = [plane.T for plane in planes]
        height, width = (length // 2 * 2 for length in planes[0].shape)
        return [plane[flips][:height, :width] for plane in planes]

    return convert


def _read_plane(plane: VideoPlane) -> NDArray[np.uint8]:
    lines = np.frombuffer(cast("Any", plane), np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width]


def find_orientation(frame: VideoFrame) -> tuple[bool, tuple[slice, slice]]:
    """Return whether rows and columns change places, then the slices that flip each.

    The display matrix takes (x, y) to (a x + c y, b x + d y); turns are taken to whole quarters.
    """
    data = cast("Any", frame.side_data).get("DISPLAYMATRIX")
    if data is None:
        return False, (slice(None), slice(None))
    a, b, _, c, d = np.frombuffer(bytes(data), "<i4")[:5].tolist()
    is_sideways = abs(b) > abs(a)
    towards_x, towards_y = (c, b) if is_sideways else (a, d)
    forward, backward = slice(None), slice(None, None, -1)
    return is_sideways, (
        backward if towards_y < 0 else forward,
        backward if towards_x < 0 else forward,
    )
