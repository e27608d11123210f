"""What goes from stage to stage comes back as it was, to the bit."""

from fractions import Fraction

import numpy as np
import pytest

from toolkit.frames import FrameStore
from toolkit.m2m.masks import decode_rle, encode_rle
from toolkit.m2m.types import BodyMotion, Evidence, People, PersonFrame, Track
from toolkit.stages.parts import (
    pack_masks,
    pack_motions,
    pack_people,
    pack_video,
    unpack_masks,
    unpack_motions,
    unpack_people,
    unpack_video,
)
from toolkit.video import Timing

HEIGHT, WIDTH, NUM_FRAMES = 48, 64, 5


def _masks(rng: np.random.Generator) -> FrameStore:
    store = FrameStore((HEIGHT, WIDTH))
    for _ in range(NUM_FRAMES):
        store.append(np.where(rng.random((HEIGHT, WIDTH)) > 0.7, np.uint8(255), np.uint8(0)))
    return store


def _sighting(rng: np.random.Generator, *, has_landmarks: bool) -> PersonFrame:
    return PersonFrame(
        rng.random(4).astype(np.float32),
        encode_rle(rng.random((HEIGHT, WIDTH)) > 0.5),
        rng.random((33, 4)).astype(np.float32) if has_landmarks else None,
        rng.random((33, 3)) if has_landmarks else None,
        float(rng.random()),
        "tracked" if has_landmarks else "weak",
        encode_rle(rng.random((HEIGHT, WIDTH)) > 0.6) if has_landmarks else None,
    )


@pytest.fixture
def people() -> People:
    """Two tracks, one of them without landmarks, and a sign of somebody."""
    rng = np.random.default_rng(0)
    sure = {index: _sighting(rng, has_landmarks=True) for index in (3, 0, 1)}
    weak = {4: _sighting(rng, has_landmarks=False)}
    evidence = [[Evidence("face", (0.1, 0.2, 3.3, 4.4), 0.7)], *([] for _ in range(4))]
    tracks = [Track(0, sure, 2), Track(7, weak, 0)]
    return People(tracks, _masks(rng), _masks(rng), evidence, [0.1, 0.0, 1 / 3, 0.0, 0.5])


def test_people_come_back_as_they_were(people: People) -> None:
    """Tracks, masks, signs and shares; floats to the last bit, arrays with their type."""
    found = unpack_people(pack_people(people))
    assert found.evidence == people.evidence
    assert found.unexplained == people.unexplained
    for name in ("masks", "cores"):
        np.testing.assert_array_equal(
            np.stack(list(getattr(found, name))), np.stack(list(getattr(people, name)))
        )
    for track, known in zip(found.tracks, people.tracks, strict=True):
        assert (track.track_id, track.num_confirmed) == (known.track_id, known.num_confirmed)
        assert sorted(track.frames) == sorted(known.frames)
        for index, item in track.frames.items():
            _compare(item, known.frames[index])


def _compare(item: PersonFrame, known: PersonFrame) -> None:
    assert (item.score, item.source) == (known.score, known.source)
    for name in ("box_xyxy", "landmarks_K4", "world_K3"):
        array, other = getattr(item, name), getattr(known, name)
        assert (array is None) == (other is None)
        if other is not None:
            assert array.dtype == other.dtype
            np.testing.assert_array_equal(array, other)
    np.testing.assert_array_equal(decode_rle(item.mask), decode_rle(known.mask))
    assert (item.outline is None) == (known.outline is None)
    if known.outline:
        np.testing.assert_array_equal(decode_rle(item.outline), decode_rle(known.outline))


def test_the_same_people_give_the_same_bytes(people: People) -> None:
    """Packed, unpacked, and packed again."""
    parts = pack_people(people)
    assert pack_people(unpack_people(parts)) == parts


def test_nobody_is_packed_too() -> None:
    """A clip without people."""
    rng = np.random.default_rng(1)
    people = People([], _masks(rng), _masks(rng), [[] for _ in range(5)], [0.0] * 5)
    assert unpack_people(pack_people(people)).tracks == []


def test_masks_come_back() -> None:
    """Whatever is not zero is inside."""
    rng = np.random.default_rng(2)
    masks = [rng.integers(0, 3, (HEIGHT, WIDTH)).astype(np.uint8) for _ in range(3)]
    found = unpack_masks(pack_masks(masks), (HEIGHT, WIDTH))
    np.testing.assert_array_equal(np.stack(list(found)), np.stack(masks).astype(bool) * 255)


def test_motions_come_back_in_the_order_of_their_tracks() -> None:
    """All fields of each; none of nobody."""
    rng = np.random.default_rng(3)
    shapes = [(3,), (3, 3), (3, 63), (3, 45), (3, 45), (10,), (3, 3), (3, 22)]
    motions = [BodyMotion(track, *(rng.random(shape) for shape in shapes)) for track in (2, 10)]
    found = unpack_motions(pack_motions(motions))
    assert [motion.track_id for motion in found] == [2, 10]
    for motion, known in zip(found, motions, strict=True):
        for name, array in vars(known).items():
            np.testing.assert_array_equal(getattr(motion, name), array)
    assert unpack_motions(pack_motions([])) == []


def test_video_keeps_timing_and_aspect_and_nearly_its_pixels() -> None:
    """At the rate factor of work in progress a smooth frame is off by a level or two."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    frames = [np.stack([x + 2 * t, y + t, x + y], 2).astype(np.uint8) for t in range(NUM_FRAMES)]
    timing = Timing((0, 1, 3, 4, 6), Fraction(1, 10), 2)
    clip = unpack_video(pack_video(frames, timing, 4 / 3, crf=8))
    assert clip.timing.pts_T == tuple(
        pts * timing.time_base / clip.timing.time_base for pts in timing.pts_T
    )
    assert clip.pixel_aspect == pytest.approx(4 / 3, abs=1e-3)
    difference = np.stack(list(clip.frames)).astype(int) - np.stack(frames)
    assert np.abs(difference).mean() < 2
