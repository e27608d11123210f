import os
import resource
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.videos import PATCHES, paint_clip, paint_patches, read_patches, write_video
from toolkit.errors import InputError
from toolkit.files import write_output
from toolkit.video import Timing, decode, probe
from toolkit.video_encode import MAX_KEYFRAME_DISTANCE, encode


def test_output_is_plain_h264(tmp_path):
    """H.264 yuv420p, one stream, colours tagged BT.601 limited, index in front."""
    path = tmp_path / "out.mp4"
    encode(iter(paint_clip(10)), path, Timing.constant(10, 25), 0.75)
    with av.open(str(path)) as container:
        assert len(container.streams) == 1
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc) == (6, 1, 1)
        assert context.color_range == 1
        assert stream.sample_aspect_ratio == Fraction(3, 4)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_nothing_of_the_source_or_the_machine_is_in_the_output(tmp_path):
    """No title, sound, encoder, settings or date: not in the container, not in the stream."""
    source = write_video(
        tmp_path / "in.mp4", paint_clip(5), audio=True, metadata={"title": "secret", "date": "2020"}
    )
    clip = decode(source, None)
    path = tmp_path / "out.mp4"
    encode(clip.frames, path, clip.timing)
    with av.open(str(path)) as container:
        brands = {"major_brand", "minor_version", "compatible_brands"}
        assert set(container.metadata) == brands
        assert set(container.streams[0].metadata) == {"language", "handler_name"}
        assert not container.streams.audio
    data = path.read_bytes()
    for trace in (b"secret", b"2020", b"Lavf", b"Lavc", b"x264", b"crf="):
        assert trace not in data


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(2997, 100)])
def test_constant_rate_comes_back_exactly(tmp_path, fps):
    """Times, rate and length are the source's."""
    path = tmp_path / "out.mp4"
    encode(paint_clip(8), path, Timing.constant(8, fps))
    clip = decode(path, None)
    assert clip.timing.times_s == [index / fps for index in range(8)]
    assert clip.fps == clip.info.fps == fps
    assert clip.timing.last_duration * clip.timing.time_base == 1 / fps


@pytest.mark.parametrize(
    "time_base", [Fraction(1, 1000), Fraction(1, 90000), Fraction(1001, 30000)]
)
def test_variable_rate_comes_back_exactly(tmp_path, time_base):
    """Every frame keeps its time, and the last one its duration."""
    timing = Timing((0, 100, 150, 400, 410, 900), time_base, 70)
    path = tmp_path / "out.mp4"
    encode(paint_clip(6), path, timing)
    again = decode(path, None).timing
    assert again.times_s == timing.times_s
    assert again.last_duration * again.time_base == 70 * time_base
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert all(packet.pts == packet.dts for packet in packets)


@pytest.mark.parametrize("num_frames", [1, 5])
def test_very_short_clips_are_written(tmp_path, num_frames):
    """One frame is a video."""
    path = tmp_path / "out.mp4"
    encode(paint_clip(num_frames), path, Timing.constant(num_frames, 25))
    assert len(decode(path, None).frames) == num_frames
    assert probe(path).duration_s == pytest.approx(num_frames / 25)


def test_colours_survive_for_careful_and_careless_readers(tmp_path):
    """Decoded by us, or as BT.601 by a reader that ignores tags, within a few levels."""
    path = tmp_path / "out.mp4"
    encode([paint_patches(432, 240)] * 3, path, Timing.constant(3, 25))
    assert np.abs(read_patches(decode(path, None).frames[1]) - PATCHES).max() <= 4
    cv2 = pytest.importorskip("cv2")
    bgr = cv2.VideoCapture(str(path)).read()[1]
    assert np.abs(read_patches(bgr[..., ::-1]) - PATCHES).max() <= 6


def test_pictures_survive(tmp_path):
    """Frames come back close to what was written."""
    frames = paint_clip(10, 160, 96)
    path = tmp_path / "out.mp4"
    encode(frames, path, Timing.constant(10, 25))
    for decoded, painted in zip(decode(path, None).frames, frames, strict=True):
        error = decoded.astype(float) - painted
        assert 10 * np.log10(255**2 / (error**2).mean()) > 32


def test_same_bytes_on_any_number_of_cores(tmp_path):
    """The file is the same on one core and on all, and the second time."""
    cores = os.sched_getaffinity(0)
    files = []
    for name, allowed in (("a", cores), ("b", cores), ("c", {min(cores)})):
        os.sched_setaffinity(0, allowed)
        try:
            path = tmp_path / name
            encode(paint_clip(30, 432, 240), path, Timing.constant(30, 25))
        finally:
            os.sched_setaffinity(0, cores)
        files.append(path.read_bytes())
    assert files[0] == files[1] == files[2]


def test_same_bytes_whatever_memory_held_before(tmp_path, root):
    """Nothing is read that was not written: fresh memory full of one byte gives the same file."""
    program = (
        "import sys; from pathlib import Path; from tests.videos import paint_clip\n"
        "from toolkit.video import Timing; from toolkit.video_encode import encode\n"
        "encode(paint_clip(30, 432, 240), Path(sys.argv[1]), Timing.constant(30, 25))"
    )
    files = []
    for environment in ({}, {"MALLOC_PERTURB_": "1"}):
        path = tmp_path / "out.mp4"
        command = [sys.executable, "-c", program, path]
        subprocess.run(command, cwd=root, env={**os.environ, **environment}, check=True)
        files.append(path.read_bytes())
    assert files[0] == files[1]


def noise(num_frames):
    """Yield frames that do not compress."""
    rng = np.random.default_rng(0)
    for _ in range(num_frames):
        yield rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)


@pytest.mark.parametrize("num_bytes_missing", [1, 1000, 60_000])
def test_a_limit_on_file_size_is_one_line(tmp_path, num_bytes_missing):
    """However close to the end the space runs out: an error, and no file."""
    whole = tmp_path / "whole.mp4"
    encode(noise(20), whole, Timing.constant(20, 25))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    out = tmp_path / "out" / "out.mp4"
    out.parent.mkdir()
    resource.setrlimit(resource.RLIMIT_FSIZE, (whole.stat().st_size - num_bytes_missing, limits[1]))
    try:
        with (
            pytest.raises(InputError, match=r"out\.mp4: .*raise the limit"),
            write_output(out) as partial,
        ):
            encode(noise(20), partial, Timing.constant(20, 25))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(out.parent.iterdir()) == []


def test_a_full_disk_is_one_line(tmp_path):
    """A small disk that fills up during encoding: an error, and no file."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a small disk, which takes root")
    try:
        with (
            pytest.raises(InputError, match="the disk is full"),
            write_output(disk / "out.mp4") as partial,
        ):
            encode(noise(20), partial, Timing.constant(20, 25))
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_too_few_frames_is_our_own_mistake(tmp_path):
    """Frames and times must be equally many; nothing is invented."""
    with pytest.raises(ValueError, match="zip"):
        encode(paint_clip(3), tmp_path / "out.mp4", Timing.constant(4, 25))


def test_a_part_of_a_clip_is_reached_soon(tmp_path):
    """The next keyframe is never more than 60 frames away."""
    path = tmp_path / "out.mp4"
    encode(paint_clip(150), path, Timing.constant(150, 25))
    with av.open(str(path)) as container:
        keys = [i for i, packet in enumerate(container.demux(video=0)) if packet.is_keyframe]
    assert keys == [0, MAX_KEYFRAME_DISTANCE, 2 * MAX_KEYFRAME_DISTANCE]
