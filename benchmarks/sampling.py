"""Frames of a clip at chosen times, and nothing more: decoded from the keyframe before them.

Shape suffixes: T frames, H, W, C.
"""

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from toolkit.errors import VideoError
from toolkit.video import DECODER_OPTIONS, FORMATS, MAX_NUM_FRAMES
from toolkit.video_rgb import Planes, make_plane_converter

_MAX_PACKED = 3  # frames that AVI files with packed B-frames count and do not have

Choose = Callable[[NDArray[np.float64]], Sequence[int]]
"""Told when each frame is shown, in s from 0 on, returns the indices of those that are wanted."""


def choose_span(
    times_s_T: NDArray[np.float64], num_frames: int, span_s: float, place: float
) -> list[int]:
    """Return the frames shown at even times over a span; over the whole clip if that is shorter.

    Args:
        times_s_T: when each frame is shown, ascending.
        num_frames: how many; frames repeat where the span has fewer.
        span_s: seconds from the first to the last.
        place: where the span is: 0 at the start of the clip, 1 at its end.
    """
    last_s = float(times_s_T[-1])
    start_s = place * max(last_s - span_s, 0.0)
    wanted_s = np.linspace(start_s, min(start_s + span_s, last_s), num_frames)
    found = np.searchsorted(times_s_T, wanted_s + 1e-9, side="right") - 1
    return [int(index) for index in found]


def decode_chosen(content: bytes, choose: Choose, name: str) -> NDArray[np.uint8]:
    """Return chosen frames [T, C, H, W] of a video in RGB, in the order in which they were chosen.

    Colours, rotation and odd sizes as ``toolkit.video.decode`` has them.

    Args:
        content: of a video file.
        choose: which frames.
        name: of the clip, for errors.

    Raises:
        VideoError: a frame that is wanted cannot be decoded; the line names the clip.
    """
    options = {"format_whitelist": FORMATS}
    try:
        file = cast("InputContainer", av.open(io.BytesIO(content), options=options))
        with file as container:
            if not container.streams.video:
                raise VideoError(f"clip {name} holds no video: leave it out of the list")
            stream = container.streams.video[0]
            stream.codec_context.options = DECODER_OPTIONS
            stream.codec_context.thread_count = 1  # clips are decoded side by side
            frames = _decode(list(container.demux(stream)), stream, choose, name)
    except av.FFmpegError as error:
        raise VideoError(
            f"clip {name} cannot be decoded ({error.strerror}): fetch it again, or leave it out of "
            "the list"
        ) from error
    return frames


def _decode(
    packets: Sequence["Packet[VideoStream]"], stream: VideoStream, choose: Choose, name: str
) -> NDArray[np.uint8]:
    packets = [packet for packet in packets if packet.size]
    if len(packets) > MAX_NUM_FRAMES:
        raise VideoError(f"clip {name} has {len(packets)} frames, at most {MAX_NUM_FRAMES}: cut it")
    stamps = [packet.pts for packet in packets if packet.pts is not None and not packet.is_discard]
    if len(set(stamps)) < len(packets) - sum(packet.is_discard for packet in packets):
        return _decode_in_order(packets, stream, choose, name)
    pts_T = sorted(stamps)
    if not pts_T:
        raise VideoError(f"clip {name} holds no frame: fetch it again, or leave it out of the list")
    base = float(Fraction(stream.time_base or 1))
    chosen = choose((np.array(pts_T) - pts_T[0]) * base)
    pictures: dict[int, Planes] = {}
    wanted = {pts_T[index] for index in chosen}
    convert = None
    for frame in _find_frames(packets, stream, sorted(wanted), name):
        convert = convert or make_plane_converter(frame, None)
        if frame.pts is not None and frame.pts in wanted:
            pictures[frame.pts] = convert(frame)
    if lost := sorted(wanted - set(pictures)):
        raise VideoError(
            f"clip {name}: frame {pts_T.index(lost[0])} of {len(pts_T)} cannot be decoded: "
            "fetch it again, or leave it out of the list"
        )
    return _stack([pictures[pts_T[index]] for index in chosen])


def _find_frames(
    packets: Sequence["Packet[VideoStream]"], stream: VideoStream, wanted: Sequence[int], name: str
) -> Iterator[VideoFrame]:
    """Yield frames until all that are wanted have come; jump to keyframes where that helps."""
    keys = sorted((p.pts, i) for i, p in enumerate(packets) if p.is_keyframe and p.pts is not None)
    starts = [index for _, index in keys]
    key_pts = [pts for pts, _ in keys]
    position, is_open, seen = -1, False, set[int]()
    for pts in wanted:
        if pts in seen:
            continue
        start = starts[max(bisect_right(key_pts, pts) - 1, 0)] if starts else 0
        if start > position:
            if is_open:
                stream.codec_context.flush_buffers()
            position, is_open = start, True
        while pts not in seen and position <= len(packets):
            packet = packets[position] if position < len(packets) else None
            position += 1
            for frame in _decode_packet(stream, packet, name):
                if frame.pts is not None:
                    seen.add(frame.pts)
                yield frame


def _decode_in_order(
    packets: Sequence["Packet[VideoStream]"], stream: VideoStream, choose: Choose, name: str
) -> NDArray[np.uint8]:
    """Decode all frames up to the last that is wanted: old AVI files do not tell their times."""
    fps = float(Fraction(stream.average_rate or 25))
    num_frames = len([packet for packet in packets if not packet.is_discard])
    chosen = choose(np.arange(num_frames) / fps)
    pictures: dict[int, Planes] = {}
    num_decoded, convert = 0, None
    for packet in (*packets, None):
        if num_decoded > max(chosen):
            break
        for frame in _decode_packet(stream, packet, name):
            convert = convert or make_plane_converter(frame, None)
            is_near_end = num_decoded >= num_frames - _MAX_PACKED - 1
            if num_decoded in chosen or is_near_end:
                pictures[num_decoded] = convert(frame)
            num_decoded += 1
    if num_decoded <= max(chosen) and num_decoded < num_frames - _MAX_PACKED:
        raise VideoError(
            f"clip {name} is cut off: it holds {num_decoded} of its {num_frames} frames: fetch it "
            "again, or leave it out of the list"
        )
    return _stack([pictures[min(wanted, num_decoded - 1)] for wanted in chosen])


def _decode_packet(
    stream: VideoStream, packet: "Packet[VideoStream] | None", name: str
) -> Sequence[VideoFrame]:
    frames = stream.codec_context.decode(packet)
    if (packet is not None and packet.is_corrupt) or any(frame.is_corrupt for frame in frames):
        raise VideoError(
            f"clip {name} is damaged or cut off: fetch it again, or leave it out of the list"
        )
    return frames


def _stack(pictures: Sequence[Planes]) -> NDArray[np.uint8]:
    """Return frames [T, C, H, W], copied this once."""
    frames_TCHW = np.empty((len(pictures), 3, *pictures[0][0].shape), np.uint8)
    for frame_CHW, planes in zip(frames_TCHW, pictures, strict=True):
        for plane_HW, plane in zip(frame_CHW, planes, strict=True):
            plane_HW[:] = plane
    return frames_TCHW
