"""What a file holds besides pictures."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from toolkit.qa.integrity import find_side_data
from toolkit.stages.parts import pack_video
from toolkit.video import Timing


@pytest.fixture(scope="module")
def clean() -> bytes:
    """As the encoder writes it."""
    frames = [np.full((64, 96, 3), 20 * i, np.uint8) for i in range(6)]
    return pack_video(frames, Timing.constant(6, 12), 1.0, crf=18)


def _written(*, sound: bool = False, tags: dict[str, str] | None = None, cover: bool = False,
             options: dict[str, str] | None = None) -> bytes:  # fmt: skip
    """A video as another program may write it."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        container.metadata.update(tags or {})
        video = container.add_stream("libx264", rate=12, options=options or {})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        tracks = [video]
        if sound:
            tracks.append(container.add_stream("aac", rate=8000))
        if cover:
            tracks.append(container.add_stream("mjpeg", rate=1))
            tracks[-1].width, tracks[-1].height, tracks[-1].pix_fmt = 96, 64, "yuvj420p"
        for i in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 20 * i, np.uint8), "rgb24")
            for track in tracks:
                if track.type == "video" and (track is video or i == 0):
                    frame.pts, frame.time_base = i, Fraction(1, 12)
                    container.mux(track.encode(frame))
                elif track.type == "audio":
                    beep = np.zeros((1, 1024), np.float32)
                    sample = av.AudioFrame.from_ndarray(beep, "fltp", "mono")
                    sample.rate, sample.pts = 8000, 1024 * i
                    container.mux(track.encode(sample))
        for track in tracks:
            container.mux(track.encode(None))
    return file.getvalue()


def test_what_we_write_holds_pictures_only(clean: bytes) -> None:
    """Nothing is found in it, whatever its size and rate."""
    assert find_side_data(clean) == []
    frames = [np.full((240, 432, 3), 7, np.uint8)]
    assert find_side_data(pack_video(frames, Timing.constant(1, 30), 1.5, crf=30)) == []


def test_sound_is_found() -> None:
    """An audio stream, silent or not."""
    assert "streams besides the video" in find_side_data(_written(sound=True))


def test_a_cover_is_found() -> None:
    """A second stream of pictures."""
    assert "streams besides the video" in find_side_data(_written(cover=True))


@pytest.mark.parametrize("name", ["title", "comment", "location", "artist"])
def test_tags_are_found(name: str) -> None:
    """A place, a name, a note."""
    assert "box 'meta' with tags" in find_side_data(_written(tags={name: "+48.2+016.4/"}))


def test_notes_of_the_encoder_are_found() -> None:
    """x264 writes its settings into the stream."""
    assert "H.264 unit 6" in find_side_data(_written())


def test_a_date_is_found(clean: bytes) -> None:
    """When the clip was made."""
    at = clean.index(b"mvhd") + 8
    dated = clean[:at] + struct.pack(">I", 3_800_000_000) + clean[at + 4 :]
    assert find_side_data(dated) == ["box 'mvhd' with a date"]


@pytest.mark.parametrize("kind", [b"uuid", b"free", b"skip", b"Xtra"])
def test_bytes_at_the_end_are_found(clean: bytes, kind: bytes) -> None:
    """In a box of their own."""
    assert len(find_side_data(clean + struct.pack(">I4s", 12, kind) + b"text")) == 1


def test_bytes_between_frames_are_found(clean: bytes) -> None:
    """The data box is larger than all frames together."""
    at = clean.index(b"mdat") - 4
    (size,) = struct.unpack_from(">I", clean, at)
    longer = clean[:at] + struct.pack(">I", size + 4) + clean[at + 4 : at + size] + b"text"
    assert find_side_data(longer) == ["bytes of no frame"]


@pytest.mark.parametrize("content", [b"", b"no video", b"\0\0\0\x08mdat", bytes(1000)])
def test_a_file_that_cannot_be_read_is_not_clean(content: bytes) -> None:
    """It is one finding, not an error."""
    assert len(find_side_data(content)) >= 1


def test_every_cut_and_flip_of_the_boxes_is_an_answer(clean: bytes) -> None:
    """Whatever a file holds, nothing is raised."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        content = bytearray(clean)
        content[rng.integers(0, len(clean) - 100)] ^= 1 << rng.integers(8)
        assert isinstance(find_side_data(bytes(content[: rng.integers(1, len(clean) + 1)])), list)


def test_real_clips_hold_more(shared_dir: Path) -> None:
    """Sound, dates, tags: what cameras and editors write."""
    clips = sorted((shared_dir / "clips").rglob("*.mp4"))[:10]
    assert all(find_side_data(clip.read_bytes()) for clip in clips)
