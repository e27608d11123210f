import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

from tests.videos import (
    PATCHES,
    paint_clip,
    paint_patches,
    read_patches,
    set_mp4_duration,
    trim_start,
    write_changing_sizes,
    write_sound,
    write_video,
)
from toolkit.errors import InputError, VideoError
from toolkit.video import Timing, _make_timing, decode, probe

MAX_COLOR_ERROR = 3
"""Levels of 255: rounding, and what H.264 at crf 4 leaves of a flat patch."""


def color_error(picture, expected=PATCHES):
    """Return the largest difference of a patch from what it was painted with."""
    return np.abs(read_patches(picture) - expected.astype(int)).max()


def refuse(path, size=None):
    """Decode ``path``, which must fail, and return the message."""
    with pytest.raises(InputError) as caught:
        decode(path, size)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert caught.value.exit_code == 2
    return message


def test_probe_tells_what_the_file_holds(tmp_path):
    """Size, rate, counts, aspect, format and sound come from the header."""
    path = write_video(
        tmp_path / "clip.mp4",
        paint_clip(10),
        fps=Fraction(30000, 1001),
        sample_aspect=Fraction(4, 3),
        audio=True,
    )
    info = probe(path)
    assert (info.width, info.height, info.fps) == (96, 64, Fraction(30000, 1001))
    assert (info.num_frames_declared, info.duration_s) == (10, pytest.approx(0.334, abs=0.02))
    assert info.sample_aspect == pytest.approx(4 / 3)
    assert (info.rotation_deg, info.pixel_format, info.codec) == (0, "yuv420p", "h264")
    assert info.has_audio


def test_decode_keeps_every_frame_and_its_time(tmp_path):
    """Constant frame rate: all frames, exact times, rate and hash of the file."""
    frames = paint_clip(12)
    path = write_video(tmp_path / "clip.mp4", frames, fps=Fraction(24000, 1001))
    clip = decode(path, None)
    assert len(clip.frames) == 12
    assert clip.timing.times_s == [Fraction(1001 * index, 24000) for index in range(12)]
    assert clip.fps == Fraction(24000, 1001)
    assert clip.pixel_aspect == 1
    assert clip.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    for decoded, painted in zip(clip.frames, frames, strict=True):
        assert np.abs(decoded.astype(int) - painted).mean() < 4


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_frame_rate_is_kept(tmp_path, suffix):
    """Each frame keeps its own time, counted from the first."""
    pts = [40, 140, 190, 440, 450, 940]
    path = write_video(
        tmp_path / f"clip.{suffix}", paint_clip(6), pts=pts, time_base=Fraction(1, 1000)
    )
    clip = decode(path, None)
    assert clip.timing.times_s == [Fraction(stamp - 40, 1000) for stamp in pts]
    assert clip.fps == Fraction(5, 1) / Fraction(900, 1000)


def test_stamps_of_old_avi_files_are_put_in_order():
    """Stamps in coding order are sorted; missing or repeated ones give even distances."""
    tick = Fraction(1, 25)
    assert _make_timing([1, 3, 2, 4], tick, 1, Fraction(25)) == Timing((0, 1, 2, 3), tick, 1)
    even = Timing.constant(3, 25)
    assert _make_timing([0, None, 2], tick, 1, Fraction(25)) == even
    assert _make_timing([0, 1, 1], tick, 1, Fraction(25)) == even
    assert _make_timing([7], Fraction(1, 1000), 0, Fraction(25)).last_duration == 40


@pytest.mark.parametrize("num_frames", [1, 5])
def test_very_short_clips_are_legal(tmp_path, num_frames):
    """One frame and five frames are clips like any other."""
    clip = decode(write_video(tmp_path / "clip.mp4", paint_clip(num_frames)), (432, 240))
    assert len(clip.frames) == num_frames
    assert clip.fps == 25


def test_stretch_to_working_size_changes_the_pixel_aspect(tmp_path):
    """432x240 from 4:3 pixels of 96x64: what is shown keeps its shape."""
    path = write_video(tmp_path / "clip.mp4", [paint_patches()] * 2, sample_aspect=Fraction(4, 3))
    clip = decode(path, (432, 240))
    assert clip.frames.frame_shape == (240, 432, 3)
    assert clip.pixel_aspect * 432 / 240 == pytest.approx(4 / 3 * 96 / 64)
    assert color_error(clip.frames[0]) <= MAX_COLOR_ERROR


@pytest.mark.parametrize("size", [(432, 240), None])
def test_a_4k_frame_is_legal(tmp_path, size):
    """3840x2160 works at working size and at its own."""
    path = write_video(tmp_path / "clip.mp4", [paint_patches(3840, 2160)], matrix=Colorspace.ITU709)
    clip = decode(path, size)
    assert clip.frames.frame_shape == ((240, 432, 3) if size else (2160, 3840, 3))
    assert color_error(clip.frames[0]) <= MAX_COLOR_ERROR


def test_odd_sizes_lose_their_last_row_and_column(tmp_path):
    """With keep, 97x65 becomes 96x64 by cropping: no pixel is stretched."""
    path = write_video(
        tmp_path / "clip.mkv", paint_clip(2, 97, 65), codec="ffv1", pixel_format="bgr0"
    )
    clip = decode(path, None)
    assert clip.pixel_aspect == 1
    np.testing.assert_array_equal(clip.frames[1], paint_clip(2, 97, 65)[1][:64, :96])


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_frames_are_turned_as_players_show_them(tmp_path, rotation_deg, mirrored):
    """The display matrix turns (anticlockwise) and mirrors; size and aspect follow."""
    path = write_video(
        tmp_path / "clip.mp4",
        [paint_patches()],
        rotation_deg=rotation_deg,
        mirrored=mirrored,
        sample_aspect=Fraction(4, 3),
    )
    clip = decode(path, None)
    expected = np.rot90(paint_patches(), rotation_deg // 90)
    if mirrored:
        expected = expected[:, ::-1]
    assert (clip.info.width, clip.info.height) == (expected.shape[1], expected.shape[0])
    assert clip.pixel_aspect == pytest.approx(3 / 4 if rotation_deg % 180 else 4 / 3)
    assert np.median(np.abs(clip.frames[0].astype(int) - expected)) <= MAX_COLOR_ERROR
    assert np.abs(clip.frames[0].astype(int) - expected).mean() < 6
    if not mirrored:
        assert clip.info.rotation_deg == rotation_deg


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("color_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709, Colorspace.BT2020])
def test_colours_survive(tmp_path, matrix, color_range, pixel_format):
    """Every matrix, range and depth comes back as the colours that were painted."""
    path = write_video(
        tmp_path / "clip.mp4",
        [paint_patches()],
        matrix=matrix,
        color_range=color_range,
        pixel_format=pixel_format,
    )
    assert color_error(decode(path, None).frames[0]) <= MAX_COLOR_ERROR


@pytest.mark.parametrize(("matrix", "red", "blue"), [(1, 0.2126, 0.0722), (6, 0.299, 0.114)])
def test_colours_follow_the_standard(tmp_path, matrix, red, blue):
    """Y'CbCr computed from the definition of BT.709 and BT.601 gives the RGB it was made of."""
    rgb = paint_patches() / 255
    luma = rgb @ [red, 1 - red - blue, blue]
    planes = [
        16 + 219 * luma,
        128 + 112 * (rgb[..., 2] - luma) / (1 - blue),
        128 + 112 * (rgb[..., 0] - luma) / (1 - red),
    ]
    frame = VideoFrame.from_ndarray(np.stack(planes).round().astype(np.uint8), "yuv444p")
    frame.pts = 0
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25, width=96, height=64)
        stream.pix_fmt = "yuv444p"
        stream.codec_context.colorspace = matrix
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert color_error(decode(path, None).frames[0]) <= 2


@pytest.mark.parametrize(
    ("size", "matrix"), [((720, 576), Colorspace.ITU601), ((1280, 720), Colorspace.ITU709)]
)
def test_untagged_video_follows_its_size(tmp_path, size, matrix):
    """Without a tag, small video is BT.601 and large video BT.709, as players assume."""
    path = write_video(tmp_path / "clip.mp4", [paint_patches(*size)], matrix=matrix, tagged=False)
    assert color_error(decode(path, None).frames[0]) <= MAX_COLOR_ERROR


@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format"),
    [("mp4", "libx264", "gray"), ("mkv", "ffv1", "gray16le"), ("mkv", "ffv1", "gray")],
)
def test_grey_video_is_grey(tmp_path, suffix, codec, pixel_format):
    """Grey-scale becomes three equal channels at the right levels."""
    grey = np.repeat(paint_patches()[..., 1:2], 3, axis=2)
    path = write_video(
        tmp_path / f"clip.{suffix}",
        [grey],
        codec=codec,
        pixel_format=pixel_format,
        color_range=ColorRange.JPEG,
    )
    assert color_error(decode(path, None).frames[0], read_patches(grey)) <= MAX_COLOR_ERROR


@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format"),
    [("mov", "png", "rgba"), ("mov", "qtrle", "argb"), ("mkv", "ffv1", "yuva420p")],
)
def test_transparent_parts_are_shown_on_black(tmp_path, suffix, codec, pixel_format):
    """Half transparent is half as bright; nothing hidden by alpha comes to light."""
    rgba = np.dstack([paint_patches(), np.full((64, 96), 255, np.uint8)])
    rgba[:32, :48, 3] = 128
    rgba[:32, 48:, 3] = 0
    path = write_video(tmp_path / f"clip.{suffix}", [rgba], codec=codec, pixel_format=pixel_format)
    expected = PATCHES.astype(int)
    expected[0, :2] = expected[0, :2] * 128 // 255
    expected[0, 2:] = 0
    assert color_error(decode(path, None).frames[0], expected) <= MAX_COLOR_ERROR


def test_frames_that_change_size_are_scaled_to_the_first(tmp_path):
    """A stream may switch resolution: every frame fits the first one's."""
    path = write_changing_sizes(tmp_path / "clip.mkv", [(96, 64), (64, 96), (192, 128), (96, 64)])
    clip = decode(path, None)
    assert len(clip.frames) == 4
    assert clip.frames.frame_shape == (64, 96, 3)
    assert all(color_error(frame) <= 12 for frame in clip.frames)  # MJPEG


def test_frames_hidden_by_an_edit_list_stay_hidden(tmp_path):
    """A clip cut without encoding anew starts where the cut says, and counts as whole."""
    whole = write_video(tmp_path / "whole.mp4", paint_clip(30))
    clip = decode(trim_start(whole, tmp_path / "clip.mp4", 7), None)
    assert len(clip.frames) == 23
    assert clip.timing.pts_T[0] == 0
    assert np.abs(clip.frames[0].astype(int) - paint_clip(8)[7]).mean() < 4


@pytest.mark.parametrize(
    ("suffix", "share"), [("mp4", 0.5), ("mp4", 0.95), ("avi", 0.6), ("mkv", 0.5)]
)
def test_cut_off_files_are_refused(tmp_path, suffix, share):
    """A download that stopped early: no index, a half frame, or less than declared."""
    codec = "libx264" if suffix == "mp4" else "mpeg4"
    path = write_video(tmp_path / f"clip.{suffix}", paint_clip(60), codec=codec)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "cut off" in refuse(path)


@pytest.mark.parametrize("share", [0.6, 0.9, 0.99])
def test_cut_off_after_the_index_is_refused(tmp_path, share):
    """An MP4 with its index in front declares more frames than it still holds."""
    path = write_video(tmp_path / "clip.mp4", paint_clip(60), faststart=True)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "cut off" in refuse(path)


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "libx264"), ("avi", "mpeg4")])
def test_damage_in_the_middle_is_not_swallowed(tmp_path, suffix, codec):
    """Broken bytes between good frames stop the clip instead of showing what is left."""
    path = write_video(tmp_path / f"clip.{suffix}", paint_clip(60), codec=codec, faststart=True)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes((7 * index + 13) % 256 for index in range(64))
    path.write_bytes(data)
    assert "damaged" in refuse(path)


@pytest.mark.parametrize(
    "text",
    [
        "just a letter\n" * 50,
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {clip}\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'>{clip}</MPD>",
    ],
)
def test_text_and_playlists_are_refused(tmp_path, text):
    """Text named .mp4 is no video, and a playlist cannot make us open what it names."""
    clip = write_video(tmp_path / "clip.mp4", paint_clip(2))
    path = tmp_path / "text.mp4"
    path.write_text(text.format(clip=clip.name))
    assert "cannot be read as a video" in refuse(path)


def test_files_without_pictures_are_refused(tmp_path):
    """Sound only, and a video stream without a single frame."""
    assert "no video stream" in refuse(write_sound(tmp_path / "sound.mp4"))
    path = write_video(tmp_path / "clip.mp4", paint_clip(2))
    set_mp4_duration(path, 0)
    assert "no frame" in refuse(path)


def test_bad_paths_are_refused(tmp_path):
    """Missing, folder, empty: probe and decode say so alike."""
    (tmp_path / "empty.mp4").touch()
    for path in (tmp_path / "missing.mp4", tmp_path, tmp_path / "empty.mp4"):
        with pytest.raises(InputError) as caught:
            probe(path)
        assert refuse(path) == str(caught.value)


def test_more_than_an_hour_is_refused_before_decoding(tmp_path):
    """A header of 100 hours, whether the stamps agree or not, asks for clips."""
    path = write_video(tmp_path / "clip.mp4", paint_clip(2))
    set_mp4_duration(path, 100 * 3600)
    assert "100.0 hours" in refuse(path)
    path = write_video(
        tmp_path / "clip.mkv",
        paint_clip(2),
        pts=[0, 100 * 3600],
        time_base=Fraction(1),
        codec="ffv1",
    )
    assert "100.0 hours" in refuse(path)


def test_a_header_that_promises_far_more_is_refused(tmp_path):
    """Half a minute declared, two seconds held: something is missing."""
    path = write_video(tmp_path / "clip.mp4", paint_clip(50))
    set_mp4_duration(path, 30)
    assert "2.0 s of the 30.0 s" in refuse(path)


def test_frames_too_small_or_too_large_are_refused(tmp_path):
    """Under 16 px a side there is nothing to see; over 8192x8192 px memory runs out."""
    small = write_video(tmp_path / "small.mp4", [paint_patches(32, 14)])
    assert "32x14 px" in refuse(small)
    large = write_changing_sizes(tmp_path / "large.mkv", [(8400, 8200)])
    assert "8400x8200 px" in refuse(large)


def test_a_frame_that_grows_too_large_is_refused(tmp_path):
    """The limit holds for every frame, not only the header."""
    later = write_changing_sizes(tmp_path / "later.mkv", [(96, 64), (8400, 8200)])
    assert "cannot be read" in refuse(later)


@pytest.mark.parametrize("size", [(433, 240), (432, 241), (0, 0), (8, 240)])
def test_working_size_must_be_even(tmp_path, size):
    """H.264 yuv420p needs even sizes."""
    with pytest.raises(VideoError, match="must be even"):
        decode(tmp_path / "any.mp4", size)


@pytest.mark.parametrize("name", ["a b.mp4", "ü#%41?.mp4", "http:x.mp4", "-i.mp4", "%03d.mp4"])
def test_any_file_name_will_do(tmp_path, name):
    """Names that look like addresses, options or patterns are plain names."""
    path = write_video(tmp_path / "clip.mp4", paint_clip(2)).rename(tmp_path / name)
    assert len(decode(path, None).frames) == 2


def test_real_stamps_in_coding_order(shared_dir):
    """An old AVI with packed B-frames: every frame 1/25 s after the one before."""
    clip = decode(shared_dir / "clips/misc/ucf101_ApplyEyeMakeup_g01_c01.avi", (432, 240))
    assert clip.timing == Timing(tuple(range(164)), Fraction(1, 25), 1)


@pytest.mark.slow
def test_all_real_clips_decode(shared_dir):
    """All clips in the wild are whole: none is refused, none loses a frame."""
    lines = (shared_dir / "clips/INDEX.csv").read_text().splitlines()
    names = [line.split(",")[0] for line in lines[1:]]
    assert len(names) == 156
    for name in names:
        clip = decode(shared_dir / "clips" / Path(name), (432, 240))
        declared = clip.info.num_frames_declared
        assert declared is None or len(clip.frames) >= declared - 3
