"""Each occlusion check rises where its fault is, and stays low where it is not."""

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from tests.actors_clip import true_people
from tests.body_motion import motion
from toolkit.m2m.types import BodyMotion, Track
from toolkit.qa.checks import Check, Reading, load_limits
from toolkit.qa.occlusion import (
    WEIGHTS,
    WINDOW_FRAMES,
    merged_people,
    mesh_jitter,
    mesh_off_mask,
    occlusion_scores,
    stray_mesh,
    unseen_joints,
    vanished_meshes,
)

LIMITS = {name: load_limits()[name].value for name in (*WEIGHTS, "occlusion")}
NUM_FRAMES = 36


def _figure(x_px: int) -> np.ndarray:
    """Somebody who stands at ``x_px``: the mask [90, 160] bool of head, trunk and legs."""
    mask_HW = np.zeros((90, 160), np.uint8)
    cv2.circle(mask_HW, (x_px, 18), 6, 1, -1)
    cv2.rectangle(mask_HW, (x_px - 8, 25), (x_px + 8, 55), 1, -1)
    cv2.rectangle(mask_HW, (x_px - 7, 55), (x_px - 2, 85), 1, -1)
    cv2.rectangle(mask_HW, (x_px + 2, 55), (x_px + 7, 85), 1, -1)
    return mask_HW != 0


WALKING_THW = np.stack([_figure(20 + 2 * index) for index in range(NUM_FRAMES)])
BEHIND_THW = np.stack([_figure(120 - 2 * i) & ~WALKING_THW[i] for i in range(NUM_FRAMES)])
"""Somebody who goes the other way, and is hidden where the two meet."""
STANDING_HW = _figure(80)


def _track(track_id: int, masks_THW: np.ndarray) -> Track:
    """Somebody whom a masker sees exactly as they are."""
    (track,) = true_people(masks_THW).tracks
    return replace(track, track_id=track_id)


def _alpha(mask_HW: np.ndarray) -> np.ndarray:
    return mask_HW.astype(np.uint8) * 255


def _drawn(track_id: int, frames: list[int]) -> BodyMotion:
    return replace(motion(len(frames)), track_id=track_id, frames_T=np.array(frames))


def test_unseen_joints_are_the_worst_persons() -> None:
    """Who is not drawn at all counts as unseen; who is seen whole as nothing."""
    tracks = [_track(0, WALKING_THW), _track(1, BEHIND_THW)]
    whole, half = _drawn(0, [4, 5]), _drawn(1, [4])
    half.observed_TJ[:, :11] = False
    reading = unseen_joints(tracks, [whole, half], 4)
    assert reading == Reading(0.5)
    assert reading.box_xyxy == tuple(tracks[1].frames[4].box_xyxy.tolist())
    assert unseen_joints(tracks, [whole, half], 5) == Reading(1)
    assert unseen_joints(tracks[:1], [whole], 5) == Reading(0)
    assert unseen_joints([], [], 5) == Reading(0)


def test_a_mesh_over_what_was_no_person_strays() -> None:
    """A table before the legs: the outline ends there, and the mesh goes on."""
    whole_HW = STANDING_HW
    above_HW = whole_HW.copy()
    above_HW[45:] = False
    assert stray_mesh(_alpha(whole_HW), _alpha(whole_HW)) == Reading(0)
    reading = stray_mesh(_alpha(whole_HW), _alpha(above_HW))
    assert reading > LIMITS["stray_mesh"]
    assert reading.box_xyxy is not None
    assert reading.box_xyxy[1] == 45
    assert stray_mesh(_alpha(np.zeros_like(whole_HW)), _alpha(whole_HW)) == Reading(0)


def test_a_mesh_beside_the_person_is_off_the_mask() -> None:
    """Also where there is none; a few pixels do not matter."""
    mask_HW = STANDING_HW
    nobody_HW = np.zeros_like(mask_HW)
    assert mesh_off_mask(_alpha(mask_HW), _alpha(mask_HW)) == Reading(0)
    assert mesh_off_mask(_alpha(np.roll(mask_HW, 1, 1)), _alpha(mask_HW)) < LIMITS["mesh_off_mask"]
    assert mesh_off_mask(_alpha(np.roll(mask_HW, 20, 1)), _alpha(mask_HW)) > LIMITS["mesh_off_mask"]
    assert mesh_off_mask(_alpha(nobody_HW), _alpha(mask_HW)) == Reading(1)
    assert mesh_off_mask(_alpha(nobody_HW), _alpha(nobody_HW)) == Reading(0)


def test_a_mesh_that_shakes_is_told_from_one_that_walks() -> None:
    """Six pixels to the side in every second frame, or two in each."""
    walking = [_alpha(mask_HW) for mask_HW in WALKING_THW]
    middle = range(1, NUM_FRAMES - 1)
    assert max(mesh_jitter(walking[i - 1 : i + 2]) for i in middle) < LIMITS["mesh_jitter"]
    shaking = [_alpha(_figure(80 + 6 * (index % 2))) for index in range(NUM_FRAMES)]
    assert min(mesh_jitter(shaking[i - 1 : i + 2]) for i in middle) > LIMITS["mesh_jitter"]
    assert mesh_jitter([np.zeros_like(walking[0])] * 3) == Reading(0)


def test_a_mesh_that_is_gone_for_some_frames_is_found() -> None:
    """Whether the person is the same one afterwards or somebody new in the same place."""
    track, again = _track(0, WALKING_THW), _track(1, WALKING_THW)
    for motions in (
        [_drawn(0, [*range(10), *range(14, 20)])],
        [_drawn(0, [*range(10)]), _drawn(1, [*range(14, 20)])],
    ):
        gone_T = [vanished_meshes([track, again], motions, index) for index in range(20)]
        assert np.flatnonzero(gone_T).tolist() == [10, 11, 12, 13]
        assert gone_T[10].box_xyxy == tuple(track.frames[9].box_xyxy.tolist())


def test_who_comes_or_goes_has_not_vanished() -> None:
    """One who goes, and another who comes elsewhere; one who is away for long."""
    tracks = [_track(0, WALKING_THW), _track(1, BEHIND_THW)]
    come_and_gone = [_drawn(0, [*range(6)]), _drawn(1, [*range(9, NUM_FRAMES)])]
    away = [_drawn(0, [0, 1, NUM_FRAMES - 1])]
    for motions in (come_and_gone, away):
        assert not any(vanished_meshes(tracks, motions, index) for index in range(NUM_FRAMES))


def test_two_people_in_one_outline_are_found() -> None:
    """From frame 5 to 11 the first one's outline holds both; the other is gone, or has it too."""
    both_THW = WALKING_THW.copy()
    both_THW[5:12] |= BEHIND_THW[5:12]
    second = _track(1, BEHIND_THW)
    gone = replace(second, frames={i: s for i, s in second.frames.items() if not 5 <= i < 12})
    for other, found in ((gone, [4, 12]), (second, list(range(5, 12)))):
        tracks = [_track(0, both_THW), other]
        merged_T = [merged_people(tracks, index) for index in range(NUM_FRAMES)]
        assert set(found) <= set(np.flatnonzero(np.array(merged_T) > LIMITS["merged_people"]))


def test_people_who_cross_are_not_merged() -> None:
    """One goes behind the other, for some frames wholly, and comes out again."""
    tracks = [_track(0, WALKING_THW), _track(1, BEHIND_THW)]
    merged_T = [merged_people(tracks, index) for index in range(NUM_FRAMES)]
    assert max(merged_T) < LIMITS["merged_people"]


def _rows(num_frames: int, **values: float) -> list[Mapping[str, Reading]]:
    row = {name: Reading(values.get(name, 0.0), (0, 0, 9, 9)) for name in WEIGHTS}
    return [row] * num_frames


def test_the_score_rises_with_each_check_that_has_a_weight() -> None:
    """And is low where all is well."""
    low = max(occlusion_scores(_rows(NUM_FRAMES)))
    assert low < LIMITS["occlusion"]
    for name in (name for name, weight in WEIGHTS.items() if weight):
        assert max(occlusion_scores(_rows(NUM_FRAMES, **{name: 1.0}))) > low
    assert max(occlusion_scores(_rows(NUM_FRAMES, **dict.fromkeys(WEIGHTS, 1.0)))) > 0.5


def test_the_score_is_of_faults_that_last() -> None:
    """One bad frame counts a ninth; the worst frame is in the middle of the bad ones."""
    bad = _rows(WINDOW_FRAMES, **dict.fromkeys(WEIGHTS, 1.0))
    scores_T = occlusion_scores([*_rows(10), *bad, *_rows(10)])
    assert int(np.argmax(scores_T)) == 10 + WINDOW_FRAMES // 2
    assert scores_T[14].box_xyxy == (0, 0, 9, 9)
    assert max(occlusion_scores([*_rows(10), *bad[:1], *_rows(10)])) < max(scores_T)
    assert len(occlusion_scores(_rows(2))) == 2


def test_a_reading_that_is_no_number_fails_the_score() -> None:
    """Even if the check has no weight."""
    limit = load_limits()["occlusion"]
    for name in WEIGHTS:
        rows = [*_rows(5), *_rows(1, **{name: np.nan})]
        assert Check.of_frames(occlusion_scores(rows), limit).value is None
    assert Check.of_frames(occlusion_scores([]), limit).value is None
