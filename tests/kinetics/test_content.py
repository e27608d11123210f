"""Content hashes: near for the same clip encoded anew, far for others."""

import itertools

import numpy as np

from tests.videos import write_video
from toolkit.kinetics.content import (
    DECODE_SIZE,
    MAX_DISTANCE,
    duration_s,
    group_same,
    hash_content,
    is_same_content,
)
from toolkit.video import Timing, decode


def look(path):
    """Return hash and duration."""
    clip = decode(path, DECODE_SIZE)
    return hash_content(clip), duration_s(clip.timing)


def distance(hash_a, hash_b):
    """Return how many bits differ."""
    return (int(hash_a, 16) ^ int(hash_b, 16)).bit_count()


def test_a_clip_encoded_anew_is_the_same(tmp_path, actor):
    """An actor's clip at other sizes, codec, quality and rate; half a second later is another."""
    frames = list(actor.frames_THWC)
    source = write_video(tmp_path / "a.mp4", frames, fps=12)
    first, first_s = look(source)
    small = [frame[::2, ::2] for frame in frames]
    for name, shown, fps, options in (
        ("small.mp4", small, 12, {}),
        ("coarse.avi", small, 12, {"codec": "mpeg4"}),
        ("slow.mp4", frames[::2], 6, {}),
    ):
        again, again_s = look(write_video(tmp_path / name, shown, fps=fps, **options))
        assert is_same_content(first, again, first_s, again_s), name
    later, later_s = look(write_video(tmp_path / "later.mp4", frames[18:], fps=12))
    assert not is_same_content(first, later, first_s, later_s)


def test_a_flat_picture_has_no_chance_bits(tmp_path):
    """A wall with the noise of a camera says nothing, so that noise does not tell clips apart."""
    rng = np.random.default_rng(0)
    hashes = []
    for name in ("a.mp4", "b.mp4"):
        noise = [rng.integers(100, 104, (64, 96, 3), np.uint8) for _ in range(8)]
        hashes.append(look(write_video(tmp_path / name, noise))[0])
    assert distance(*hashes) == 0


def test_frames_are_chosen_by_time(tmp_path):
    """A clip whose frames stand unevenly long is hashed by what is on show."""
    shown = [np.random.default_rng(i).integers(0, 256, (64, 96, 3), np.uint8) for i in range(2)]
    uneven = write_video(tmp_path / "a.mkv", [shown[0], shown[1], shown[1]], pts=[0, 15, 19])
    even = write_video(tmp_path / "b.mkv", [shown[0]] * 15 + [shown[1]] * 5)
    assert distance(look(uneven)[0], look(even)[0]) < MAX_DISTANCE


def test_duration_holds_the_last_frame():
    """Ten frames of a tenth of a second are one second."""
    assert duration_s(Timing.constant(10, 10)) == 1


def test_groups():
    """Near in content and length; a chain is one group; the order of the clips does not matter."""
    zero = "0" * 128
    step = f"{(1 << (MAX_DISTANCE - 1)) - 1:0128x}"
    limit = f"{(1 << MAX_DISTANCE) - 1:0128x}"
    far = "f" * 128
    hashes, durations_s = [far, zero, limit, zero, step, far], [10, 10, 10, 10.1, 10, 10.3]
    assert group_same(hashes, durations_s) == [[1, 2, 3, 4]]  # zero and limit through step
    assert group_same([zero, limit], [10, 10]) == []
    assert group_same([zero, zero], [10, 10.5]) == []
    assert group_same([], []) == []
    for order in itertools.islice(itertools.permutations(range(6)), 0, 720, 37):
        groups = group_same([hashes[i] for i in order], [durations_s[i] for i in order])
        assert [sorted(order[i] for i in group) for group in groups] == [[1, 2, 3, 4]]


def test_real_clips(shared_dir):
    """Two actions of the same two people in the same place are other clips."""
    folder = shared_dir / "clips/ut_interaction"
    clips = [look(path) for path in sorted(folder.glob("set1_seq02_*.avi"))]
    for (hash_a, _), (hash_b, _) in itertools.combinations(clips, 2):
        assert distance(hash_a, hash_b) >= 2 * MAX_DISTANCE
    assert len(clips) == 6
