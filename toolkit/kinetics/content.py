"""What a clip shows, in 512 bits that survive encoding anew: the same content under another name.

Measured on real clips, in bits of 512 that differ:

- the same clip encoded anew (9 clips; crf 18, 28 and 35; 340x256 and 432x240 px; 15 frames per
  second): up to 19, and up to 9 in most clips;
- clips of UT-Interaction, 60 that repeat six actions in a few places before a still camera: 75 and
  more, or 90 and more among those of one length;
- clips of the same surveillance cameras: 95 and more; unrelated clips: 172 and more;
- one person who signs words before a bare wall: 42 and more among those of one length, but 12 for
  one pair of words, which therefore counts as the same.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from toolkit.video import DecodedClip, Timing

HASH_METHOD = "dhash 8 frames of 8x8, step 1"
"""Kept beside stored hashes: those of another method cannot be compared."""

_NUM_FRAMES, _NUM_ROWS, _NUM_COLUMNS, _CELL_PX = 8, 8, 8, 8
DECODE_SIZE = ((_NUM_COLUMNS + 1) * _CELL_PX, _NUM_ROWS * _CELL_PX)
"""(width, height) px that a clip is decoded at."""

MAX_DURATION_GAP_S = 0.2
MAX_DISTANCE = 32
"""Bits that differ in the same content are fewer."""

_MIN_STEP = 1.0
"""Grey levels of 255. On a flat wall or a black bar two cells differ by what the encoder left:
without this step the same clip encoded anew was up to 90 bits away, not 19."""


def hash_content(clip: DecodedClip) -> str:
    """Return the content hash of a clip decoded at ``DECODE_SIZE``, as 128 hex digits.

    Eight frames, in the middle of eight equal parts of the clip's time; of each a difference hash:
    for 8 rows of 9 mean greys, whether each of 8 is darker than its neighbour to the right.
    """
    bits = []
    for index in _spread_frames(clip.timing):
        grey_HW = clip.frames[index].astype(np.float64) @ (0.299, 0.587, 0.114)
        cells = grey_HW.reshape(_NUM_ROWS, _CELL_PX, _NUM_COLUMNS + 1, _CELL_PX).mean((1, 3))
        bits.append(cells[:, 1:] - cells[:, :-1] > _MIN_STEP)
    return np.packbits(np.stack(bits)).tobytes().hex()


def duration_s(timing: Timing) -> float:
    """Return how long a clip is shown, its last frame included."""
    return float((timing.pts_T[-1] + timing.last_duration) * timing.time_base)


def is_same_content(hash_a: str, hash_b: str, duration_a_s: float, duration_b_s: float) -> bool:
    """Tell whether two clips show the same."""
    near = abs(duration_a_s - duration_b_s) < MAX_DURATION_GAP_S
    return near and (int(hash_a, 16) ^ int(hash_b, 16)).bit_count() < MAX_DISTANCE


def group_same(hashes: Sequence[str], durations_s: Sequence[float]) -> list[list[int]]:
    """Return the groups, of two clips or more, that show the same, as indices in ascending order.

    Every pair of similar length is compared: two minutes for 100,000 clips of one length, little
    beside what decoding them takes. A group is whatever hangs together by such pairs.
    """
    order = np.argsort(durations_s, kind="stable")
    words_NW = _to_words(hashes)[order]
    sorted_s = np.asarray(durations_s, np.float64)[order]
    # The group of each clip is known by one of its clips, found by following ``parents`` up.
    parents = list(range(len(order)))

    def find(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for index in range(len(order)):
        end = int(np.searchsorted(sorted_s, sorted_s[index] + MAX_DURATION_GAP_S))
        differing = np.bitwise_count(words_NW[index + 1 : end] ^ words_NW[index])
        near = np.flatnonzero(differing.sum(1, dtype=np.int64) < MAX_DISTANCE)
        for other in near.tolist():
            parents[find(index + 1 + other)] = find(index)
    groups = defaultdict(list)
    for index, clip in enumerate(order.tolist()):
        groups[find(index)].append(clip)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def _spread_frames(timing: Timing) -> list[int]:
    """Return which frames are on show in the middle of each part."""
    length = timing.pts_T[-1] + timing.last_duration
    middles = [length * (2 * part + 1) / (2 * _NUM_FRAMES) for part in range(_NUM_FRAMES)]
    return [bisect_right(timing.pts_T, middle) - 1 for middle in middles]


def _to_words(hashes: Sequence[str]) -> NDArray[np.uint64]:
    words = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint64)
    return words.reshape(-1, _NUM_FRAMES * _NUM_ROWS * _NUM_COLUMNS // 64)
