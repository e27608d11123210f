"""Frames of a clip at chosen times."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.sampling import choose_span, decode_chosen
from tests.videos import paint_clip, trim_start, write_video
from toolkit.errors import VideoError
from toolkit.video import decode


def test_a_span_is_sampled_evenly():
    """16 frames over 2.7 s of a 10 s clip at 30 fps: first and last of the span, 0.18 s apart."""
    times_s = np.arange(300) / 30
    start = choose_span(times_s, 16, 2.7, 0.0)
    end = choose_span(times_s, 16, 2.7, 1.0)
    assert (start[0], start[-1], end[-1]) == (0, 81, 299)
    assert set(np.diff(start)) <= {5, 6}


def test_a_short_clip_is_sampled_whole():
    """From its first frame to its last, some twice where there are fewer than are asked for."""
    times_s = np.arange(10) / 30
    for place in (0.0, 0.7):
        chosen = choose_span(times_s, 16, 2.7, place)
        assert set(chosen) == set(range(10))
        assert chosen == sorted(chosen)


def test_times_count_and_not_frames():
    """Where the rate of frames changes, what is shown at a time is taken."""
    times_s = np.concatenate([np.arange(10) / 10, 1 + np.arange(100) / 100])
    assert choose_span(times_s, 3, 1.5, 0.0) == [0, 7, 60]


def decode_thwc(content: bytes, choose) -> np.ndarray:
    """Return chosen frames with colours last, as ``toolkit.video`` has them."""
    return decode_chosen(content, choose, "clip").transpose(0, 2, 3, 1)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", {}),
        ("b_frames.mkv", {"time_base": Fraction(1, 1000), "pts": [40 * i for i in range(90)]}),
        ("mpeg4.avi", {"codec": "mpeg4"}),
        ("turned.mp4", {"rotation_deg": 90}),
    ],
)
def test_chosen_frames_are_those_of_decoding_everything(tmp_path, name, options):
    """The same bytes, in whatever order they are asked for, twice where asked twice."""
    path = write_video(tmp_path / name, paint_clip(90), **options)
    all_frames = decode(path, None).frames
    for chosen in ([0], [89], [40, 41, 42], [80, 3, 3, 50]):
        frames = decode_thwc(path.read_bytes(), lambda _, chosen=chosen: chosen)
        assert [np.array_equal(f, all_frames[i]) for f, i in zip(frames, chosen, strict=True)] == [
            True
        ] * len(chosen)


def test_hidden_frames_are_not_counted(tmp_path):
    """An edit list that leaves out the first frames leaves them out here too."""
    path = trim_start(write_video(tmp_path / "whole.mp4", paint_clip(40)), tmp_path / "cut.mp4", 7)
    all_frames = decode(path, None).frames
    frames = decode_thwc(path.read_bytes(), lambda times_s: [0, len(times_s) - 1])
    assert np.array_equal(frames[0], all_frames[0])
    assert np.array_equal(frames[1], all_frames[len(all_frames) - 1])


def write_with_keyframes(path: Path, num_frames: int, distance: int) -> bytes:
    """Write a video with a keyframe every ``distance`` frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, width=96, height=64)
        stream.pix_fmt = "yuv420p"
        stream.options = {"g": str(distance), "keyint_min": str(distance), "sc_threshold": "0"}
        for picture in paint_clip(num_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def test_no_more_is_decoded_than_is_needed(tmp_path):
    """From the keyframe before; what lies between two spans is jumped over: it may be torn."""
    content = bytearray(write_with_keyframes(tmp_path / "clip.mp4", 200, 20))
    with av.open(str(tmp_path / "clip.mp4")) as container:
        for index, packet in enumerate(container.demux(video=0)):
            if packet.size and (index < 20 or 36 <= index < 160 or index > 170):
                content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    frames = decode_thwc(bytes(content), lambda _: [25, 30, 165])
    all_frames = decode(tmp_path / "clip.mp4", None).frames
    assert all(np.array_equal(f, all_frames[i]) for f, i in zip(frames, (25, 30, 165), strict=True))


def test_a_damaged_clip_is_an_error_with_its_name(tmp_path):
    """Cut off, overwritten, or no video at all: never frames of zeros."""
    content = write_video(tmp_path / "clip.mp4", paint_clip(60), faststart=True).read_bytes()
    torn = content[: len(content) // 2] + bytes(len(content) - len(content) // 2)
    for damaged in (content[: len(content) // 2], torn, b"no video", b""):
        with pytest.raises(VideoError, match="clip kicks_07"):
            decode_chosen(damaged, lambda times_s: range(len(times_s)), "kicks_07")


def test_a_playlist_is_not_followed(tmp_path):
    """A file that names other files is refused."""
    write_video(tmp_path / "clip.mp4", paint_clip(4))
    content = f"ffconcat version 1.0\nfile {tmp_path}/clip.mp4\n".encode()
    with pytest.raises(VideoError, match="clip list"):
        decode_chosen(content, lambda _: [0], "list")
