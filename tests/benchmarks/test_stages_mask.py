"""What is measured of masks and tracks, on people who are boxes."""

from collections.abc import Mapping

import numpy as np
import pytest

from benchmarks.stages.mask import measure
from benchmarks.stages.matching import match_people
from benchmarks.stages.run import ClipRun
from tests.actors_clip import store
from tests.stages_clip import perfect_run, truth_of
from toolkit.m2m.masks import box_of, decode_rle, dilate, encode_rle
from toolkit.m2m.types import People, PersonFrame, Track

NUM_FRAMES, HEIGHT, WIDTH = 10, 80, 160


def walker(x_px: int = 20, step_px: int = 4, height_px: int = 60) -> np.ndarray:
    """Return the masks [T, H, W] of a box that walks to the right."""
    masks_THW = np.zeros((NUM_FRAMES, HEIGHT, WIDTH), bool)
    for index in range(NUM_FRAMES):
        left = x_px + step_px * index
        masks_THW[index, 10 : 10 + height_px, left : left + 20] = True
    return masks_THW


def people_of(masks: Mapping[int, np.ndarray]) -> People:
    """Return what a masker finds that sees the given masks as tracks."""
    tracks = []
    for track_id, masks_THW in masks.items():
        track = Track(track_id, num_confirmed=NUM_FRAMES)
        for index, mask_HW in enumerate(masks_THW):
            box_xyxy = box_of(mask_HW)
            if box_xyxy is not None:
                track.frames[index] = PersonFrame(box_xyxy, encode_rle(mask_HW))
        tracks.append(track)
    union_THW = np.any(list(masks.values()), axis=0)
    return People(
        tracks,
        store(dilate(mask_HW) for mask_HW in union_THW),
        store(union_THW.astype(np.uint8) * 255),
        [[] for _ in union_THW],
        [0.0] * NUM_FRAMES,
    )


def run_of(true: np.ndarray, found: Mapping[int, np.ndarray], **known: object) -> ClipRun:
    """Return a run of people ``true`` [P, T, H, W] in which ``found`` were found."""
    grey_HWC = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    truth = truth_of(true, grey_HWC, **known)
    return perfect_run(np.stack([grey_HWC] * NUM_FRAMES), truth, people=people_of(found))


def test_perfect_masks() -> None:
    """Everything is covered, nothing is missed, nobody is invented."""
    masks_THW = walker()
    values = measure(run_of(masks_THW[None], {0: masks_THW}))
    assert values["recall"] == values["recall_worst_frame"] == values["iou"] == 1
    assert values["missed_person_frames"] == values["id_switches"] == 0
    assert values["false_persons_per_100_frames"] == 0
    assert values["recall_below_80_px"] == values["recall_free"] == 1
    assert 0.5 < values["iou_dilated"] < 1


def test_a_dropped_frame_is_a_missed_person() -> None:
    """One frame of ten without a mask: it is the worst one, and a tenth of the person is gone."""
    masks_THW = walker()
    found_THW = masks_THW.copy()
    found_THW[3] = False
    values = measure(run_of(masks_THW[None], {0: found_THW}))
    assert values["missed_person_frames"] == 1
    assert values["recall_worst_frame"] == 0
    assert values["recall"] == values["iou"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("height_px", "occlusion", "num_missed"),
    [(44, 0.0, 0), (45, 0.0, 1), (60, 0.5, 1), (60, 0.51, 0)],
)
def test_who_is_small_or_hidden_is_not_asked(
    height_px: int, occlusion: float, num_missed: int
) -> None:
    """From 45 px on, and up to one half occluded."""
    masks_THW = walker(height_px=height_px)
    found_THW = masks_THW.copy()
    found_THW[3] = False
    hidden_PT = np.full((1, NUM_FRAMES), occlusion)
    run = run_of(masks_THW[None], {0: found_THW}, occlusion_PT=hidden_PT)
    assert measure(run)["missed_person_frames"] == num_missed


def test_a_person_where_nobody_is() -> None:
    """Half of the frames show one more."""
    masks_THW, ghost_THW = walker(), walker(x_px=100, step_px=0)
    ghost_THW[5:] = False
    values = measure(run_of(masks_THW[None], {0: masks_THW, 1: ghost_THW}))
    assert values["false_persons_per_100_frames"] == 50
    assert values["recall"] == 1
    assert values["iou"] == pytest.approx(1 / 1.5)


def test_a_second_track_of_one_person_is_false_only_where_it_is_drawn() -> None:
    """A part seen once more removes nothing new; nothing is drawn here."""
    masks_THW = walker()
    head_THW = masks_THW.copy()
    head_THW[:, 25:] = False
    run = run_of(masks_THW[None], {0: masks_THW, 1: head_THW})
    assert measure(run)["false_persons_per_100_frames"] == 0


def test_swapped_tracks_are_two_switches() -> None:
    """Each of two people goes on as the other one."""
    first_THW, second_THW = walker(20, 1), walker(100, 1)
    found = {0: first_THW.copy(), 1: second_THW.copy()}
    found[0][5:], found[1][5:] = second_THW[5:], first_THW[5:]
    values = measure(run_of(np.stack([first_THW, second_THW]), found))
    assert values["id_switches"] == 2
    assert values["recall"] == 1


def test_a_person_keeps_a_track_that_still_shows_them() -> None:
    """Another track that fits better for a while changes nothing."""
    masks_THW = walker()
    rough_THW = np.roll(masks_THW, 4, axis=2)
    better_THW = masks_THW.copy()
    better_THW[:4] = False
    people = people_of({0: rough_THW, 1: better_THW})
    assert match_people(masks_THW[None], people.tracks) == [{0: 0}] * NUM_FRAMES


def test_a_mask_that_hardly_overlaps_is_nobody_s() -> None:
    """Shifted by three quarters of the width."""
    masks_THW = walker()
    people = people_of({0: np.roll(masks_THW, 15, axis=2)})
    assert decode_rle(people.tracks[0].frames[0].mask).any()
    assert match_people(masks_THW[None], people.tracks) == [{}] * NUM_FRAMES


def test_the_camera_s_motion_is_told_apart() -> None:
    """The same figure again, under the camera's name."""
    masks_THW = walker()
    run = run_of(masks_THW[None], {0: masks_THW}, info={"camera": "pan"})
    assert measure(run)["recall_camera_pan"] == 1
