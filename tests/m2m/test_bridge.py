"""Who walks past behind somebody is masked all the way."""

from dataclasses import replace

import numpy as np
import pytest

from toolkit.m2m.bridge import bridge
from toolkit.m2m.masks import decode_rle, encode_rle
from toolkit.m2m.types import PersonFrame, Track

HEIGHT, WIDTH = 100, 200


def _sighting(left: int, top: int = 20, height: int = 60) -> PersonFrame:
    mask_HW = np.zeros((HEIGHT, WIDTH), bool)
    mask_HW[top : top + height, left : left + 20] = True
    box_xyxy = np.array([left, top, left + 20, top + height], np.float32)
    return PersonFrame(box_xyxy, encode_rle(mask_HW), np.ones((33, 4)), score=0.9)


def _walk(track_id: int, frames: range, speed: int = 2, **kinds: int) -> Track:
    """Somebody who walks to the right: at x = ``speed`` times the frame."""
    found = {index: _sighting(speed * index, **kinds) for index in frames}
    return Track(track_id, found, num_confirmed=len(found))


def _mask(track: Track, index: int) -> np.ndarray:
    return decode_rle(track.frames[index].mask)


def test_lost_and_found_is_masked_in_between() -> None:
    """In every frame of the gap, where they are, and without a pose that nobody saw."""
    first, second = _walk(0, range(10)), _walk(1, range(30, 40))
    bridged, kept = bridge([first, second])
    assert sorted(bridged.frames) == list(range(30))
    assert kept == second
    for index in range(10, 30):
        here_HW = decode_rle(_sighting(2 * index).mask)
        assert (_mask(bridged, index) >= here_HW).all()
        assert _mask(bridged, index).sum() < 2 * here_HW.sum()
        item = bridged.frames[index]
        assert (item.source, item.score, item.landmarks_K4) == ("filled", 0.0, None)
        assert item.box_xyxy[0] == pytest.approx(2 * index, abs=1e-3)


@pytest.mark.parametrize(
    "second",
    [
        _walk(1, range(70, 80)),
        _walk(1, range(30, 40), height=20),
        replace(_walk(1, range(11, 20)), frames={11: _sighting(170)}),
        replace(_walk(1, range(30, 40)), num_confirmed=0),
        _walk(1, range(10, 20)),
    ],
    ids=["much later", "much smaller", "much too far", "no person for sure", "no gap"],
)
def test_others_are_not_joined(second: Track) -> None:
    """Too late, too small, too far away, or hardly a person."""
    first = _walk(0, range(10))
    assert bridge([first, second]) == [first, second]


def test_the_nearest_beginning_counts() -> None:
    """Of two who come, whoever comes first."""
    tracks = [_walk(0, range(10)), _walk(1, range(40, 50)), _walk(2, range(20, 30))]
    assert sorted(bridge(tracks)[0].frames) == list(range(20))
