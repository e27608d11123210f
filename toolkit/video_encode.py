"""Video out, over PyAV: H.264 in MP4, picture only, the same bytes every time."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from toolkit.errors import VideoError
from toolkit.video import Timing
from toolkit.video_rgb import EXACT_SCALING

# No B-frames: frames are stored in the order they are shown, so that the stamps of the file are the
# true ones for every reader, at variable frame rates too. No macroblock tree: x264 (core 165) reads
# memory there that it has never written, and its bytes then differ from run to run.
_X264_OPTIONS = {"preset": "medium", "bf": "0", "mbtree": "0"}
MAX_KEYFRAME_DISTANCE = 60
"""Frames from one keyframe to the next, at most: readers that want a part of a clip begin there."""
_CRF = 18
_NUM_THREADS = 4  # fixed, because x264's bytes depend on it
_MOVIE_OPTIONS = {"movflags": "+faststart", "fflags": "+bitexact"}
_BITEXACT = 1 << 23  # AV_CODEC_FLAG_BITEXACT
_SPC_SMPTE170M, _PRIMARIES_BT709, _TRANSFER_BT709 = 6, 1, 1  # H.273, tables 2 to 4


def encode(
    frames: Iterable[NDArray[Any]],
    path: Path,
    timing: Timing,
    pixel_aspect: float = 1.0,
    crf: int = _CRF,
) -> None:
    """Write ``frames`` as H.264 yuv420p in an MP4 file: picture only, no metadata.

    The same frames give the same bytes on any number of cores. Colours are BT.601 limited range
    and say so; readers that ignore the tag assume the same.

    Args:
        frames: As many as ``timing`` has, each [H, W, 3] uint8 RGB, H and W even.
        path: Overwritten; ``toolkit.files.write_output`` makes it appear whole or not at all.
        timing: When each frame is shown; kept exactly.
        pixel_aspect: Width / height of one pixel as displayed.
        crf: x264's constant rate factor: 18 looks like the source, less is nearer to it.

    Raises:
        OSError: ``path`` cannot be written; ``write_output`` says so in one line.
        VideoError: The encoder refuses the frames.
    """
    try:
        with av.open(f"file:{path}", "w", format="mp4", options=_MOVIE_OPTIONS) as container:
            encoder: _Encoder | None = None
            for frame_HWC, pts in zip(frames, timing.pts_T, strict=True):
                encoder = encoder or _Encoder(container, frame_HWC.shape, timing, pixel_aspect, crf)
                encoder.write(frame_HWC, pts)
            if encoder:
                encoder.finish()
    except OSError:
        raise
    except av.FFmpegError as error:
        raise VideoError(f"{path}: cannot be encoded ({error.strerror})") from error


class _Encoder:
    """The one stream of a file that is being written."""

    def __init__(
        self,
        container: OutputContainer,
        shape: tuple[int, ...],
        timing: Timing,
        pixel_aspect: float,
        crf: int,
    ) -> None:
        self._container = container
        self._time_base = timing.time_base
        self._durations = _durations(timing)
        self._to_yuv = VideoReformatter()
        self._stream = container.add_stream(
            "libx264",
            rate=timing.fps.limit_denominator(10_000),
            options=_X264_OPTIONS | {"crf": str(crf), "g": str(MAX_KEYFRAME_DISTANCE)},
            width=shape[1],
            height=shape[0],
            pix_fmt="yuv420p",
            time_base=timing.time_base,
        )
        context = self._stream.codec_context
        context.thread_count = _NUM_THREADS
        context.flags |= _BITEXACT
        context.sample_aspect_ratio = Fraction(pixel_aspect).limit_denominator(1000)
        context.colorspace = _SPC_SMPTE170M
        context.color_primaries = _PRIMARIES_BT709
        context.color_trc = _TRANSFER_BT709
        context.color_range = ColorRange.MPEG
        # x264 writes its version and settings into a message of the stream (SEI): drop it.
        self._without_sei = BitStreamFilterContext("filter_units=remove_types=6", self._stream)

    def write(self, frame_HWC: NDArray[Any], pts: int) -> None:
        frame = self._to_yuv.reformat(
            VideoFrame.from_ndarray(frame_HWC, "rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.AREA | EXACT_SCALING,
            threads=1,
        )
        frame.pts, frame.time_base = pts, self._time_base
        self._mux(frame)

    def finish(self) -> None:
        self._mux(None)

    def _mux(self, frame: VideoFrame | None) -> None:
        packets = self._stream.encode(frame)
        for packet in packets if frame else [*packets, None]:
            for stripped in self._without_sei.filter(packet):
                stripped.duration = next(self._durations)
                self._container.mux(stripped)


def _durations(timing: Timing) -> Iterator[int]:
    yield from (later - pts for pts, later in pairwise(timing.pts_T))
    yield timing.last_duration
