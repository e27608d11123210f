from dataclasses import replace

import numpy as np
import pytest

from tests.actors_clip import store
from toolkit.m2m.linger import linger
from toolkit.m2m.masks import encode_rle
from toolkit.m2m.types import PersonFrame, Track

BOX_XYXY = np.array([20, 0, 40, 12], np.float32)
NUM_FRAMES = 30


@pytest.fixture
def views() -> np.ndarray:
    """Noise that lasts, as a codec leaves it: a level or two differ from frame to frame."""
    rng = np.random.default_rng(0)
    scene_HWC = rng.integers(0, 240, (60, 80, 3))
    noise_THWC = rng.integers(-2, 3, (NUM_FRAMES, 60, 80, 3))
    return np.clip(scene_HWC + noise_THWC, 0, 255).astype(np.uint8)


def _track(first: int, last: int, box_xyxy: np.ndarray = BOX_XYXY) -> Track:
    x0, y0, x1, y1 = box_xyxy.astype(int)
    mask_HW = np.zeros((60, 80), bool)
    mask_HW[y0:y1, x0:x1] = True
    seen = PersonFrame(box_xyxy, encode_rle(mask_HW), score=0.3, source="weak")
    return Track(3, dict.fromkeys(range(first, last + 1), seen), num_confirmed=2)


@pytest.mark.parametrize("box_xyxy", [BOX_XYXY, BOX_XYXY + 20], ids=["cut off", "inside"])
def test_who_does_not_move_is_there_before_and_after(
    views: np.ndarray, box_xyxy: np.ndarray
) -> None:
    """To both ends of the clip; the frames between keep their score."""
    extended = linger(_track(10, 19, box_xyxy), [], store(views))
    assert sorted(extended.frames) == list(range(NUM_FRAMES))
    assert extended.frames[12].score == 0.3
    assert {extended.frames[index].source for index in (0, 9, 20, 29)} == {"filled"}
    assert extended.num_confirmed == 2


@pytest.mark.parametrize(("num_confirmed", "expected"), [(0, range(10, 15)), (5, range(30))])
def test_a_false_alarm_inside_the_frame_is_not(
    views: np.ndarray, num_confirmed: int, expected: range
) -> None:
    """A vase taken for somebody in five frames; five frames of somebody sure are enough."""
    track = replace(_track(10, 14, BOX_XYXY + 20), num_confirmed=num_confirmed)
    assert sorted(linger(track, [], store(views)).frames) == list(expected)


def test_who_comes_and_goes_is_not(views: np.ndarray) -> None:
    """The place looks different before frame 5 and after frame 20."""
    views[:5, 0:13, 20:41] = 250
    views[21:, 0:13, 20:41] = 5
    assert sorted(linger(_track(10, 14), [], store(views)).frames) == list(range(5, 21))


def test_who_leaves_but_for_a_leg_is_there(views: np.ndarray) -> None:
    """A third of the place at the edge stays as it was; inside the frame that is too little."""
    views[20:, 0:12, 20:33] = 250
    assert sorted(linger(_track(10, 14), [], store(views)).frames) == list(range(NUM_FRAMES))
    views[20:, 20:32, 40:53] = 250
    inside = linger(_track(5, 14, BOX_XYXY + 20), [], store(views))
    assert sorted(inside.frames) == list(range(20))


def test_somebody_who_passes_before_them_changes_nothing(views: np.ndarray) -> None:
    """A third of the place is another picture for a while, and all of it for a moment."""
    views[16:20, 0:13, 20:27] = 250
    views[20] = 5
    assert sorted(linger(_track(10, 14), [], store(views)).frames) == list(range(NUM_FRAMES))


def test_only_the_person_has_to_look_the_same(views: np.ndarray) -> None:
    """A thin person is a third of their box, and what is behind them may change."""
    track = _track(10, 14)
    mask_HW = np.zeros((60, 80), bool)
    mask_HW[0:12, 25:30] = True
    track.frames = {
        index: replace(item, mask=encode_rle(mask_HW)) for index, item in track.frames.items()
    }
    views[:5, 0:12, 30:41] = 250
    views[:5, 0:12, 20:25] = 250
    views[20:, 0:12, 25:30] = 250
    assert sorted(linger(track, [], store(views)).frames) == list(range(20))


@pytest.mark.parametrize(("num_confirmed", "expected"), [(5, range(10, 15)), (0, range(30))])
def test_a_box_around_somebody_sure_does_not_last(
    views: np.ndarray, num_confirmed: int, expected: range
) -> None:
    """The sofa somebody sits on; around a false alarm, the larger box counts as any other."""
    sitter = replace(_track(0, 29, np.array([24, 2, 36, 10])), num_confirmed=num_confirmed)
    sofa = _track(10, 14)
    assert sorted(linger(sofa, [sitter, sofa], store(views)).frames) == list(expected)


def test_nobody_stays_nobody(views: np.ndarray) -> None:
    """A track without a sighting."""
    assert linger(Track(0), [], store(views)).frames == {}


def test_nobody_vanishes_in_the_last_frames(views: np.ndarray) -> None:
    """Seen up to three frames from an end: masked to the end, whatever the place looks like."""
    views[27:, 20:40] = 250
    seen = replace(_track(0, 26, BOX_XYXY + 20), num_confirmed=20)
    assert max(linger(seen, [], store(views)).frames) == 29
    left = replace(_track(0, 25, BOX_XYXY + 20), num_confirmed=20)
    views[26:, 20:40] = 250
    assert max(linger(left, [], store(views)).frames) == 25
