import numpy as np
import pytest

from tests.actors_clip import store
from toolkit.m2m.linger import linger
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


def _track(first: int, last: int, num_confirmed: int = 0) -> Track:
    seen = PersonFrame(BOX_XYXY.copy(), {"size": [60, 80], "counts": b""}, score=0.3, source="weak")
    return Track(3, dict.fromkeys(range(first, last + 1), seen), num_confirmed)


def test_who_does_not_move_is_there_before_and_after(views: np.ndarray) -> None:
    """To both ends of the clip; the frames between keep their score."""
    extended = linger(_track(10, 14), store(views))
    assert sorted(extended.frames) == list(range(NUM_FRAMES))
    assert extended.frames[12].score == 0.3
    assert {extended.frames[index].source for index in (0, 9, 15, 29)} == {"filled"}
    assert extended.num_confirmed == 0


def test_who_comes_and_goes_is_not(views: np.ndarray) -> None:
    """The place looks different before frame 5 and after frame 20."""
    views[:5, 0:13, 20:41] = 250
    views[21:, 0:13, 20:41] = 5
    assert sorted(linger(_track(10, 14), store(views)).frames) == list(range(5, 21))


def test_somebody_who_passes_before_them_changes_nothing(views: np.ndarray) -> None:
    """A third of the place is another picture for a while, and all of it for a moment."""
    views[16:20, 0:13, 20:27] = 250
    views[20] = 5
    assert sorted(linger(_track(10, 14), store(views)).frames) == [*range(20), *range(21, 30)]


def test_a_false_alarm_inside_the_frame_is_not(views: np.ndarray) -> None:
    """A vase taken for somebody in five frames is not removed from all of them."""
    track = _track(10, 14)
    for seen in track.frames.values():
        seen.box_xyxy[:] = (20, 20, 40, 32)
    assert sorted(linger(track, store(views)).frames) == list(range(10, 15))


def test_somebody_sure_is_left_as_they_are(views: np.ndarray) -> None:
    """The check lost_people asks after them."""
    track = _track(10, 14, num_confirmed=5)
    assert linger(track, store(views)) is track
