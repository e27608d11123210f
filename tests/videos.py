"""Small videos of every kind, made with PyAV for the tests."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation

# Where colours are compared: 8 flat patches in two rows.
PATCHES = np.array(
    [
        [[200, 30, 30], [30, 200, 30], [30, 30, 200], [200, 200, 30]],
        [[255, 255, 255], [0, 0, 0], [128, 128, 128], [200, 120, 90]],
    ],
    np.uint8,
)


def paint_patches(width: int = 96, height: int = 64) -> np.ndarray:
    """Return a [H, W, 3] RGB picture of ``PATCHES``; every corner differs."""
    rows = np.arange(height) * 2 // height
    columns = np.arange(width) * 4 // width
    return PATCHES[rows][:, columns]


def read_patches(picture: np.ndarray) -> np.ndarray:
    """Return the [2, 4, 3] colours at the centres of the patches."""
    height, width = picture.shape[:2]
    return picture[height // 4 :: height // 2, width // 8 :: width // 4].astype(int)


def paint_clip(num_frames: int, width: int = 96, height: int = 64) -> list[np.ndarray]:
    """Return frames on whose grey background a white square moves two pixels to the right each."""
    y, x = np.mgrid[0:height, 0:width]
    background = np.stack([x * 160 // width, y * 160 // height, (x + y) % 64 + 40], axis=-1)
    frames = []
    for index in range(num_frames):
        frame = background.astype(np.uint8)
        left = 2 * index % (width - 16)
        frame[height // 3 : height // 3 + 16, left : left + 16] = 255
        frames.append(frame)
    return frames


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    fps: Fraction | int = 25,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    matrix: Colorspace = Colorspace.ITU601,
    color_range: ColorRange = ColorRange.MPEG,
    tagged: bool = True,
    sample_aspect: Fraction | int = 1,
    rotation_deg: int = 0,
    mirrored: bool = False,
    audio: bool = False,
    metadata: dict[str, str] | None = None,
    faststart: bool = False,
) -> Path:
    """Write [H, W, 3 or 4] frames; the container follows the suffix of ``path``."""
    frames = list(frames)
    options = {"movflags": "+faststart"} if faststart else {}
    base = time_base or 1 / Fraction(fps)
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(metadata or {})
        height, width = frames[0].shape[:2]
        stream = container.add_stream(
            codec, rate=Fraction(fps), width=width, height=height, time_base=base
        )
        stream.pix_fmt = pixel_format
        if codec == "libx264":
            stream.options = {"crf": "4", "preset": "veryfast"}
        elif codec in ("mjpeg", "mpeg4"):
            stream.bit_rate = 5_000_000
        context = stream.codec_context
        context.sample_aspect_ratio = Fraction(sample_aspect)
        has_matrix = pixel_format.startswith(("yuv", "gray"))
        if tagged and has_matrix:
            context.colorspace = {Colorspace.ITU709: 1, Colorspace.BT2020: 9}.get(matrix, 6)
            context.color_range = color_range
        if rotation_deg or mirrored:
            stream.set_display_rotation(rotation_deg, hflip=mirrored)
        sound = container.add_stream("aac", rate=48000) if audio else None
        for index, picture in enumerate(frames):
            frame = VideoFrame.from_ndarray(picture, "rgba" if picture.shape[2] == 4 else "rgb24")
            frame = frame.reformat(
                format=pixel_format,
                dst_colorspace=matrix if has_matrix else None,
                dst_color_range=color_range if has_matrix else None,
                interpolation=Interpolation.AREA | Interpolation.ACCURATE_RND,
            )
            frame.pts, frame.time_base = pts[index] if pts else index, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            _write_silence(container, sound, len(frames) / Fraction(fps))
    return path


def write_sound(path: Path) -> Path:
    """Write a file that holds sound and no picture."""
    with av.open(str(path), "w") as container:
        _write_silence(container, container.add_stream("aac", rate=48000), Fraction(1))
    return path


def write_cover_picture(path: Path) -> Path:
    """Write a file whose only picture is the cover of its sound."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=48000)
        cover = container.add_stream("mjpeg", rate=1, width=96, height=64, pix_fmt="yuvj420p")
        cover.disposition = av.stream.Disposition.attached_pic
        frame = VideoFrame.from_ndarray(paint_patches(), "rgb24")
        frame.pts = 0
        container.mux(cover.encode(frame))
        container.mux(cover.encode(None))
        _write_silence(container, sound, Fraction(1))
    return path


def _write_silence(container, stream, duration_s: Fraction) -> None:
    for index in range(max(1, int(duration_s * 48000) // 1024)):
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts = 48000, index * 1024
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def write_changing_sizes(path: Path, sizes: Sequence[tuple[int, int]]) -> Path:
    """Write an MJPEG stream (.mkv) in which each frame has a size (width, height) of its own."""
    with av.open(str(path), "w") as container:
        stream = container.add_mux_stream("mjpeg", rate=25, width=sizes[0][0], height=sizes[0][1])
        for index, (width, height) in enumerate(sizes):
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
            encoder.time_base = Fraction(1, 25)
            encoder.options = {"huffman": "default"}  # fast
            frame = VideoFrame.from_ndarray(paint_patches(), "rgb24")
            frame = frame.reformat(width, height, "yuvj420p", interpolation="POINT")
            frame.pts = 0
            for packet in encoder.encode(frame) + encoder.encode(None):
                packet.stream, packet.time_base = stream, Fraction(1, 25)
                packet.pts = packet.dts = index
                container.mux(packet)
    return path


def trim_start(source: Path, path: Path, num_frames: int) -> Path:
    """Copy an MP4 with an edit list that hides the first frames, as stream copying tools do."""
    options = {"avoid_negative_ts": "disabled"}
    with av.open(str(source)) as reader, av.open(str(path), "w", options=options) as writer:
        stream = writer.add_stream_from_template(reader.streams.video[0])
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                shift = num_frames * packet.duration
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = stream
                writer.mux(packet)
    return path


def set_mp4_duration(path: Path, duration_s: int) -> None:
    """Overwrite every duration in the header of an MP4 file; the frames stay as they are."""
    data = bytearray(path.read_bytes())

    def read(at: int) -> int:
        return int.from_bytes(data[at : at + 4], "big")

    def write(at: int, value: int) -> None:
        data[at : at + 4] = min(value, 2**32 - 2).to_bytes(4, "big")

    movie, track, edits, media = (data.index(name) for name in (b"mvhd", b"tkhd", b"elst", b"mdhd"))
    for at in (movie + 20, track + 24, edits + 12):
        write(at, duration_s * read(movie + 16))
    write(media + 20, duration_s * read(media + 16))
    path.write_bytes(data)
