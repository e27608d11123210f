from dataclasses import replace

import numpy as np
import pytest

from toolkit.m2m.masks import box_of, decode_rle
from toolkit.m2m.track import (
    MAX_GAP_FRAMES,
    Sighting,
    Tracker,
    iou_of_boxes,
    merged,
    same_person,
)

SHAPE_HW = (100, 200)
WHOLE, UPPER, LOWER = (0.0, 1.0), (0.0, 0.5), (0.5, 1.0)


def _seen(
    x: int,
    *,
    width: int = 20,
    part: tuple[float, float] = WHOLE,
    landmarks: bool = False,
    hint: object | None = None,
) -> Sighting:
    """Someone 60 px high who stands at ``x``, or a part of them."""
    mask_HW = np.zeros(SHAPE_HW, bool)
    mask_HW[20 + int(60 * part[0]) : 20 + int(60 * part[1]), x : x + width] = True
    landmarks_K4 = None
    if landmarks:
        places = np.random.default_rng(0).uniform((x, 20), (x + width, 80), (33, 2))
        landmarks_K4 = np.concatenate([places, np.ones((33, 2))], axis=1).astype(np.float32)
    return Sighting(mask_HW, box_of(mask_HW), landmarks_K4, None, hint, 1.0, "detected")


def _ids(tracker: Tracker) -> dict[int, list[int]]:
    """Frames of each track."""
    return {track.track_id: list(track.frames) for track in tracker.tracks()}


@pytest.mark.parametrize(
    ("second", "iou"),
    [
        ((0, 0, 10, 10), 1.0),
        ((5, 0, 15, 10), 1 / 3),
        ((0, 5, 10, 10), 0.5),
        ((10, 0, 20, 10), 0.0),
        ((30, 30, 40, 40), 0.0),
    ],
)
def test_iou_of_boxes(second: tuple[int, ...], iou: float) -> None:
    """Common area over joint area; boxes that only touch have none."""
    assert iou_of_boxes(np.array([0, 0, 10, 10]), np.array(second)) == pytest.approx(iou)


def test_the_same_pixels_are_the_same_person() -> None:
    """Masks that mostly agree, or a part (a head, a leg) inside the whole."""
    assert same_person(_seen(50), _seen(52))
    assert same_person(_seen(50), _seen(50, part=UPPER))
    assert same_person(_seen(50, part=LOWER), _seen(50))


def test_people_who_stand_close_are_two() -> None:
    """Side by side, and half covered by each other."""
    assert not same_person(_seen(50), _seen(70))
    assert not same_person(_seen(50), _seen(62))
    assert not same_person(_seen(50), _seen(150))


def test_the_same_pose_is_the_same_person() -> None:
    """Also where one mask has only the upper and the other only the lower half."""
    upper, lower = _seen(50, part=UPPER, landmarks=True), _seen(50, part=(0.4, 1), landmarks=True)
    assert same_person(upper, lower)
    assert not same_person(replace(upper, landmarks_K4=None), lower)


def test_a_pose_that_is_only_guessed_tells_nothing() -> None:
    """Landmarks count where both sightings are sure of them."""
    upper, lower = _seen(50, part=UPPER, landmarks=True), _seen(50, part=(0.4, 1), landmarks=True)
    upper.landmarks_K4[5:, 2] = 0.3
    assert not same_person(upper, lower)


def test_merging_covers_what_either_saw() -> None:
    """Mask and box of both; the pose of the first."""
    first, second = _seen(50, part=UPPER, landmarks=True), _seen(55, part=LOWER)
    both = merged(first, second)
    np.testing.assert_array_equal(both.mask_HW, first.mask_HW | second.mask_HW)
    assert both.box_xyxy.tolist() == [50, 20, 75, 80]
    assert both.landmarks_K4 is first.landmarks_K4


def test_a_sighting_is_kept_as_it_was() -> None:
    """Mask, box, pose and score of the frame it was made in."""
    tracker, seen = Tracker(), _seen(50, landmarks=True)
    tracker.add_new(3, seen)
    frame = tracker.frame(0, 3)
    np.testing.assert_array_equal(decode_rle(frame.mask), seen.mask_HW)
    np.testing.assert_array_equal(frame.box_xyxy, seen.box_xyxy)
    assert frame.landmarks_K4 is seen.landmarks_K4
    assert (frame.score, frame.source) == (1.0, "detected")


def test_a_person_keeps_their_id_through_a_gap() -> None:
    """Unseen for as long as the longest gap, then found again near the same place."""
    tracker = Tracker()
    for index in (0, 1, 2, 2 + MAX_GAP_FRAMES):
        tracker.add_new(index, _seen(50 + index % 7))
    assert _ids(tracker) == {0: [0, 1, 2, 2 + MAX_GAP_FRAMES]}
    assert list(tracker.gaps()) == [(0, 2, 2 + MAX_GAP_FRAMES)]


def test_a_walking_person_keeps_their_id_through_a_gap() -> None:
    """Hidden for a quarter of a second, they come out where they were heading."""
    tracker = Tracker()
    for index in (0, 1, 2, 3, 7, 8):
        tracker.add_new(index, _seen(10 + 8 * index, width=30))
    assert _ids(tracker) == {0: [0, 1, 2, 3, 7, 8]}


def test_after_too_long_a_gap_it_is_somebody_else() -> None:
    """Or at another place at once."""
    tracker = Tracker()
    tracker.add_new(0, _seen(50))
    tracker.add_new(1 + MAX_GAP_FRAMES, _seen(50))
    tracker.add_new(2 + MAX_GAP_FRAMES, _seen(120))
    assert _ids(tracker) == {0: [0], 1: [1 + MAX_GAP_FRAMES], 2: [2 + MAX_GAP_FRAMES]}
    assert not list(tracker.gaps())


@pytest.mark.parametrize(("x", "nearest"), [(51, 0), (57, 1)])
def test_the_nearest_lost_person_takes_the_sighting(x: int, nearest: int) -> None:
    """Neither the first nor the last of those who would do."""
    tracker = Tracker()
    tracker.add_new(0, _seen(50))
    tracker.add_new(0, _seen(58))
    tracker.add_new(3, _seen(x))
    assert _ids(tracker)[nearest] == [0, 3]


def test_two_people_in_one_frame_are_never_one_track() -> None:
    """However much they overlap: a track has one sighting a frame."""
    tracker = Tracker()
    for index in range(3):
        tracker.add_new(index, _seen(50))
        tracker.add_new(index, _seen(56))
    assert _ids(tracker) == {0: [0, 1, 2], 1: [0, 1, 2]}


def test_people_who_cross_keep_their_ids_while_they_are_followed() -> None:
    """Each is looked for where they were last, so meeting at one place changes nothing."""
    tracker = Tracker()
    tracker.add_new(0, _seen(20, hint=20))
    tracker.add_new(0, _seen(140, hint=140))
    for index in range(1, 13):
        assert tracker.hints(index - 1) == {0: 10 + 10 * index, 1: 150 - 10 * index}
        for track_id, step in ((0, 10), (1, -10)):
            x = tracker.hint(track_id, index - 1) + step
            tracker.add(track_id, index, _seen(x, hint=x))
    ends = [track.frames[12].box_xyxy[0] for track in tracker.tracks()]
    assert ends == [140, 20]
    assert _ids(tracker) == {0: list(range(13)), 1: list(range(13))}


def test_hints_are_of_one_frame() -> None:
    """A mere region has none: nobody knows how to look for it."""
    tracker = Tracker()
    tracker.add_new(0, _seen(50, hint="left"))
    tracker.add_new(0, _seen(150))
    assert tracker.hints(0) == {0: "left"}
    assert tracker.hints(1) == {}
    assert tracker.hint(1, 0) is None
    assert tracker.has(1, 0)
    assert not tracker.has(1, 1)


def test_followed_back_a_person_joins_the_track_they_had_before() -> None:
    """Lost in frame 2, found anew elsewhere in frame 5: one track when looked at backward."""
    tracker = Tracker()
    tracker.add(0, 2, _seen(50))
    tracker.add(1, 5, _seen(100, hint="there"))
    assert tracker.join(4, 1, _seen(85))
    assert tracker.join(3, 1, _seen(68))
    assert tracker.join(2, 1, _seen(51))
    assert _ids(tracker) == {0: [2, 3, 4, 5]}
    assert tracker.hint(0, 5) == "there"


def test_followed_back_onto_somebody_who_goes_on_is_a_duplicate() -> None:
    """They are already tracked on both sides: nothing is added."""
    tracker = Tracker()
    for index in range(4):
        tracker.add(0, index, _seen(50))
    tracker.add(1, 3, _seen(120))
    assert not tracker.join(2, 1, _seen(50))
    assert _ids(tracker) == {0: [0, 1, 2, 3], 1: [3]}


def test_weak_sightings_count_where_they_stay() -> None:
    """Tracks of another tracker are taken over from a number of frames on, under new ids."""
    tracker, weak = Tracker(), Tracker()
    tracker.add_new(0, _seen(50))
    for index in range(4):
        weak.add_new(index, _seen(120))
    weak.add_new(9, _seen(20))
    tracker.adopt(weak, min_frames=4)
    tracker.add_new(20, _seen(170))
    assert _ids(tracker) == {0: [0], 1: [0, 1, 2, 3], 2: [20]}


def test_ids_follow_the_first_frames_and_frames_are_in_order() -> None:
    """Whatever order they were found in."""
    tracker = Tracker()
    tracker.add(5, 7, _seen(50))
    tracker.add(2, 9, _seen(120))
    tracker.add(5, 3, _seen(50))
    tracker.add(2, 1, _seen(120))
    assert list(_ids(tracker).items()) == [(0, [1, 9]), (1, [3, 7])]
