"""Video in, over PyAV: a clip is decoded whole or refused. ``toolkit.video_encode`` writes it.

What is refused rather than guessed at: a file that is cut off or damaged anywhere, one that asks
for other files (playlists), and one beyond the limits below. Shape suffixes: T frames, H, W, C.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from toolkit.errors import TruncatedError, VideoError
from toolkit.files import check_source
from toolkit.frames import FrameStore
from toolkit.video_rgb import find_orientation, make_converter

MAX_DURATION_S = 3600
MAX_NUM_FRAMES = 3600 * 60
MAX_NUM_PIXELS = 8192 * 8192
MIN_SIDE_PX = 16
MAX_MISSING_SHARE = 0.1
"""A file that holds less than it declares by more than this share is refused as cut off; 3 frames
(packed B-frames of old AVI files lose two) or 0.5 s (sound that outlasts the picture) may miss."""

# Containers that hold their own data. Not among them: hls, dash, concat, image2 and others that
# name further files, so that an untrusted file cannot make us read or fetch something else.
FORMATS = "mov,matroska,avi,flv,mpegts,mpeg,asf,ogg"
_SUFFIXES = "mp4, mov, mkv, webm, avi, flv, ts, mpg, wmv, ogv"
DECODER_OPTIONS = {"err_detect": "explode", "max_pixels": str(MAX_NUM_PIXELS)}
_COVER_ART = av.stream.Disposition.attached_pic


@dataclass(frozen=True)
class VideoInfo:
    """What a file says about its first video stream.

    Attributes:
        width, height: px as displayed, that is after rotation.
        fps: declared average; 0 where none is.
        num_frames_declared, duration_s: None where the container does not say.
        sample_aspect: width / height of one pixel as displayed, after rotation.
        rotation_deg: 0, 90, 180 or 270, the anticlockwise turn from stored to displayed frame.
        pixel_format, codec: FFmpeg's names, such as yuv420p and h264.
    """

    width: int
    height: int
    fps: Fraction
    num_frames_declared: int | None
    duration_s: float | None
    sample_aspect: float
    rotation_deg: int
    pixel_format: str
    has_audio: bool
    codec: str


@dataclass(frozen=True)
class Timing:
    """When each frame is shown: integer stamps in units of ``time_base`` seconds, the first 0.

    Attributes:
        pts_T: ascending.
        last_duration: how long the last frame stays, in the same unit.
    """

    pts_T: tuple[int, ...]
    time_base: Fraction
    last_duration: int

    @classmethod
    def constant(cls, num_frames: int, fps: Fraction | int) -> "Timing":
        """Frames at even distances."""
        return cls(tuple(range(num_frames)), 1 / Fraction(fps), 1)

    @property
    def fps(self) -> Fraction:
        """Average frame rate; of one frame, 1 / its duration."""
        if len(self.pts_T) == 1:
            return 1 / (self.last_duration * self.time_base)
        return (len(self.pts_T) - 1) / (self.pts_T[-1] * self.time_base)

    @property
    def times_s(self) -> list[Fraction]:
        """Exact presentation time of each frame."""
        return [pts * self.time_base for pts in self.pts_T]


@dataclass(frozen=True)
class DecodedClip:
    """A clip at working size.

    Attributes:
        frames: [T, H, W, 3] uint8 RGB.
        pixel_aspect: width / height of one working pixel as displayed: the source's sample aspect
            times the stretch; 1.0 for square pixels.
        source_sha256: of the file's bytes.
    """

    frames: FrameStore
    timing: Timing
    pixel_aspect: float
    info: VideoInfo
    source_sha256: str

    @property
    def fps(self) -> Fraction:
        """The declared rate where the stamps bear it out (Matroska rounds them to ms)."""
        average = self.timing.fps
        is_true = abs(self.info.fps - average) < average / 20
        return self.info.fps if is_true else average


def probe(path: Path) -> VideoInfo:
    """Read the header and the first frame of ``path``.

    Raises:
        VideoError: ``path`` is not a video that can be worked on; one line that says what to do.
        InputError: ``path`` is not a readable file.
    """
    with _open_video(path) as (container, stream):
        return _describe(container, stream, next(container.decode(stream), None), path)


def decode(path: Path, size: tuple[int, int] | None) -> DecodedClip:
    """Decode the whole of ``path``, frame by frame into a store on disk.

    Frames are turned and mirrored as players show them, transparent parts are shown on black, and
    colours follow the stream's matrix and range (BT.709 above 1024x576 px and BT.601 below where
    it names none). A frame whose size differs from the first one's is scaled to fit. With
    ``size`` None an odd last row or column is cropped, because H.264 needs even sizes. HDR curves
    and interlaced lines are left as they are.

    Args:
        path: A local file.
        size: (width, height) px to stretch to, both even; None keeps the source's.

    Raises:
        VideoError: The video is damaged, too long or too large; one line that says what to do.
        TruncatedError: It is cut off, or frames in it are not whole.
        InputError: ``path`` is not a readable file, or the temporary folder is full.
    """
    _check_size(size)
    info = probe(path)
    stamps: list[int | None] = []
    store: FrameStore | None = None
    with _open_video(path) as (container, stream):
        for frame in _read_frames(container, stream, info, path):
            if store is None:
                to_rgb = make_converter(frame, size)
                store = FrameStore(to_rgb(frame).shape)
            store.append(to_rgb(frame))
            stamps.append(frame.pts)
            last = frame
        if store is None:
            raise VideoError(_no_frame(path))
        timing = _make_timing(stamps, Fraction(stream.time_base or 1), last.duration, info.fps)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    width, height = size or (info.width, info.height)
    aspect = info.sample_aspect * (info.width / width) / (info.height / height)
    return DecodedClip(store, timing, aspect, info, sha256)


def read_frames(path: Path) -> Iterator[Callable[[], NDArray[np.uint8]]]:
    """Yield every frame of ``path`` as a function that returns it in RGB, as ``decode`` would.

    A frame that is not asked for, before the next one is, is decoded but not converted. Where the
    file is not whole, this raises at its end or before.

    Raises:
        VideoError: as ``decode``.
        InputError: as ``decode``.
    """
    info = probe(path)
    to_rgb: Callable[[VideoFrame], NDArray[np.uint8]] | None = None
    with _open_video(path) as (container, stream):
        for frame in _read_frames(container, stream, info, path):
            to_rgb = to_rgb or make_converter(frame, None)
            yield partial(to_rgb, frame)
    if to_rgb is None:
        raise VideoError(_no_frame(path))


@contextmanager
def _open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the first video stream of a local file; what FFmpeg reports becomes a VideoError."""
    check_source(path)
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    try:
        with av.open(f"file:{path}", options=options) as container:
            pictures = [s for s in container.streams.video if not s.disposition & _COVER_ART]
            if not pictures:
                raise VideoError(f"{path} holds no video stream (sound only?): name a video")
            _check_header(container, pictures[0], path)
            pictures[0].codec_context.options = DECODER_OPTIONS
            pictures[0].thread_type = "AUTO"
            yield container, pictures[0]
    except av.FFmpegError as error:
        raise VideoError(
            f"{path} cannot be read as a video ({error.strerror}): it is damaged, cut off or not "
            f"of the kinds {_SUFFIXES}; fetch it again or convert it to mp4"
        ) from error


def _check_header(container: InputContainer, stream: VideoStream, path: Path) -> None:
    if (
        stream.width * stream.height > MAX_NUM_PIXELS
        or min(stream.width, stream.height) < MIN_SIDE_PX
    ):
        raise VideoError(
            f"{path}: {stream.width}x{stream.height} px; a frame must have at least {MIN_SIDE_PX} "
            f"px a side and at most {MAX_NUM_PIXELS} px in all: scale it first"
        )
    duration_s = _declared_duration_s(container, stream, path)
    if duration_s and duration_s > MAX_DURATION_S:
        raise VideoError(_too_long(path, f"declares {duration_s / 3600:.1f} hours"))


def _describe(
    container: InputContainer, stream: VideoStream, first: VideoFrame | None, path: Path
) -> VideoInfo:
    if first is None:
        raise VideoError(_no_frame(path))
    sample_aspect = float(stream.sample_aspect_ratio or 1)
    if not 0.1 <= sample_aspect <= 10:
        sample_aspect = 1.0  # no camera or disc has this: a broken header
    is_sideways = find_orientation(first)[0]
    return VideoInfo(
        width=first.height if is_sideways else first.width,
        height=first.width if is_sideways else first.height,
        fps=Fraction(stream.average_rate or 0),
        num_frames_declared=_declared_num_frames(container, stream),
        duration_s=_declared_duration_s(container, stream, path),
        sample_aspect=1 / sample_aspect if is_sideways else sample_aspect,
        rotation_deg=round(first.rotation / 90) * 90 % 360,
        pixel_format=first.format.name,
        has_audio=bool(container.streams.audio),
        codec=stream.codec_context.name,
    )


def _declared_duration_s(
    container: InputContainer, stream: VideoStream, path: Path
) -> float | None:
    duration_s = 0.0
    if stream.duration:
        duration_s = float(stream.duration * Fraction(stream.time_base or 1))
    elif container.duration:
        duration_s = container.duration / av.time_base
    if _is_mp4(container):
        movie_s = _read_movie_duration_s(path)
        if len(container.streams) == 1 or movie_s > MAX_DURATION_S:  # else the sound may be longer
            duration_s = max(duration_s, movie_s)
    return duration_s or None


def _read_movie_duration_s(path: Path) -> float:
    """Read an MP4's movie header (box moov/mvhd), whose claim FFmpeg corrects in silence."""
    with path.open("rb") as file:
        while (head := file.read(8))[4:] not in (b"mvhd", b""):
            if head[4:] == b"moov":
                continue  # its boxes follow
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(file.read(8), "big") - 8
            file.seek(max(size, 8) - 8, os.SEEK_CUR)
        num_bytes = 8 if file.read(1) == b"\1" else 4
        file.seek(3 + 2 * num_bytes, os.SEEK_CUR)
        timescale = int.from_bytes(file.read(4), "big")
        num_units = int.from_bytes(file.read(num_bytes), "big")
    is_known = timescale and num_units != 256**num_bytes - 1
    return num_units / timescale if is_known else 0.0


def _is_mp4(container: InputContainer) -> bool:
    return "mp4" in container.format.name


def _declared_num_frames(container: InputContainer, stream: VideoStream) -> int | None:
    """Return the header's count; an MP4's index knows what its edit list leaves out."""
    return (len(stream.index_entries) if _is_mp4(container) else stream.frames) or None


def _read_frames(
    container: InputContainer, stream: VideoStream, info: VideoInfo, path: Path
) -> Iterator[VideoFrame]:
    """Yield every frame in display order, and raise if the file is not whole."""
    num_held = 0
    num_frames = 0
    shown_s = 0.0
    start_s = None
    for packet in container.demux(stream):
        if packet.size == 0 and packet.dts is not None:
            num_held += 1  # an empty AVI chunk: the last frame stays
            continue
        num_held += packet.is_discard
        # What a corrupt packet does to the decoder depends on its threads.
        frames = [] if packet.is_corrupt else packet.decode()
        if packet.is_corrupt or any(frame.is_corrupt for frame in frames):
            raise TruncatedError(
                f"{path}: damaged or cut off at frame {num_frames}: fetch it again, or cut the "
                f"damage out and encode it anew"
            )
        for frame in frames:
            num_frames += 1
            if frame.time is not None:
                start_s = frame.time if start_s is None else start_s
                end_s = frame.time + frame.duration * float(frame.time_base or 0)
                shown_s = max(shown_s, end_s - start_s)
            if shown_s > MAX_DURATION_S or num_frames > MAX_NUM_FRAMES:
                raise VideoError(_too_long(path, f"goes on after {num_frames} frames"))
            yield frame
    _check_complete(info, num_held + num_frames, shown_s, path)


def _check_complete(info: VideoInfo, num_held: int, shown_s: float, path: Path) -> None:
    num_declared, declared_s = info.num_frames_declared or 0, info.duration_s or 0.0
    if num_held < num_declared - max(3, MAX_MISSING_SHARE * num_declared):
        what = f"{num_held} of the {num_declared} frames"
    elif shown_s < declared_s - max(0.5, MAX_MISSING_SHARE * declared_s):
        what = f"{shown_s:.1f} s of the {declared_s:.1f} s"
    else:
        return
    raise TruncatedError(f"{path} is cut off: it holds {what} it declares: fetch it again")


def _no_frame(path: Path) -> str:
    return f"{path} holds no frame that can be decoded: fetch it again or leave it out"


def _too_long(path: Path, what: str) -> str:
    return (
        f"{path} {what}; the limit is {MAX_DURATION_S // 3600} hour and {MAX_NUM_FRAMES} frames: "
        f"cut it into clips first"
    )


def _check_size(size: tuple[int, int] | None) -> None:
    if size and (min(size) < MIN_SIDE_PX or size[0] % 2 or size[1] % 2):
        raise VideoError(
            f"size {size[0]}x{size[1]}: both must be even (H.264 yuv420p) and at least "
            f"{MIN_SIDE_PX} px: take 432x240 or keep"
        )


def _make_timing(
    stamps: list[int | None], time_base: Fraction, last_duration: int, fps: Fraction
) -> Timing:
    """Make the stamps of frames in display order count from 0.

    Old AVI files hand stamps out in coding order, so they are sorted. Stamps that are missing or
    repeat mean nothing: the frames are then spread evenly.
    """
    known = sorted(pts for pts in stamps if pts is not None)
    if len(known) < len(stamps) or any(later == pts for pts, later in pairwise(known)):
        return Timing.constant(len(stamps), fps or 25)
    if last_duration <= 0:
        mean = (known[-1] - known[0]) / max(len(known) - 1, 1)
        last_duration = round(mean or 1 / (time_base * (fps or 25))) or 1
    return Timing(tuple(pts - known[0] for pts in known), time_base, last_duration)
