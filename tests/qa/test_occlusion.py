"""Each occlusion check rises where its fault is, and stays low where it is not."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from tests.actors_clip import true_people, with_mirror_image
from tests.body_motion import motion
from toolkit.actors.generate import ActorClip
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


@pytest.fixture(scope="module")
def pair(actor: ActorClip) -> tuple[np.ndarray, np.ndarray]:
    """The masks of two people who cross each other, [T, H, W] bool."""
    first_THW, second_THW = with_mirror_image(actor)[1]
    return first_THW, second_THW


def _track(track_id: int, masks_THW: np.ndarray) -> Track:
    """Somebody whom a masker sees exactly as they are."""
    (track,) = true_people(masks_THW).tracks
    return replace(track, track_id=track_id)


def _alpha(mask_HW: np.ndarray) -> np.ndarray:
    return mask_HW.astype(np.uint8) * 255


def _drawn(track_id: int, frames: list[int]) -> BodyMotion:
    return replace(motion(len(frames)), track_id=track_id, frames_T=np.array(frames))


def test_unseen_joints_are_the_worst_persons(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Who is not drawn at all counts as unseen; who is seen whole as nothing."""
    tracks = [_track(0, pair[0]), _track(1, pair[1])]
    whole, half = _drawn(0, [4, 5]), _drawn(1, [4])
    half.observed_TJ[:, :11] = False
    reading = unseen_joints(tracks, [whole, half], 4)
    assert reading == 0.5
    assert reading.box_xyxy == tuple(tracks[1].frames[4].box_xyxy.tolist())
    assert unseen_joints(tracks, [whole, half], 5) == 1
    assert unseen_joints(tracks[:1], [whole], 5) == 0
    assert unseen_joints([], [], 5) == 0


def test_a_mesh_over_what_was_no_person_strays(actor: ActorClip) -> None:
    """A table before the legs: the outline ends there, and the mesh goes on."""
    whole_HW = actor.masks_THW[18]
    above_HW = whole_HW.copy()
    above_HW[110:] = False
    assert stray_mesh(_alpha(whole_HW), _alpha(whole_HW)) == 0
    reading = stray_mesh(_alpha(whole_HW), _alpha(above_HW))
    assert reading > LIMITS["stray_mesh"]
    assert reading.box_xyxy is not None
    assert reading.box_xyxy[1] == 110
    assert stray_mesh(_alpha(np.zeros_like(whole_HW)), _alpha(whole_HW)) == 0


def test_a_mesh_beside_the_person_is_off_the_mask(actor: ActorClip) -> None:
    """Also where there is none; a few pixels do not matter."""
    mask_HW = actor.masks_THW[18]
    nobody_HW = np.zeros_like(mask_HW)
    assert mesh_off_mask(_alpha(mask_HW), _alpha(mask_HW)) == 0
    assert mesh_off_mask(_alpha(np.roll(mask_HW, 2, 1)), _alpha(mask_HW)) < LIMITS["mesh_off_mask"]
    assert mesh_off_mask(_alpha(np.roll(mask_HW, 60, 1)), _alpha(mask_HW)) > LIMITS["mesh_off_mask"]
    assert mesh_off_mask(_alpha(nobody_HW), _alpha(mask_HW)) == 1
    assert mesh_off_mask(_alpha(nobody_HW), _alpha(nobody_HW)) == 0


def test_a_mesh_that_shakes_is_told_from_one_that_walks(actor: ActorClip) -> None:
    """Ten pixels to the side in every second frame, and the actor's own movement."""
    walking = [_alpha(mask_HW) for mask_HW in actor.masks_THW]
    middle = range(1, NUM_FRAMES - 1)
    assert max(mesh_jitter(walking[i - 1 : i + 2]) for i in middle) < LIMITS["mesh_jitter"]
    shaking = [np.roll(mask_HW, 10 * (i % 2), 1) for i, mask_HW in enumerate(walking)]
    assert min(mesh_jitter(shaking[i - 1 : i + 2]) for i in middle) > LIMITS["mesh_jitter"]
    assert mesh_jitter([np.zeros_like(walking[0])] * 3) == 0


def test_a_mesh_that_is_gone_for_some_frames_is_found(actor: ActorClip) -> None:
    """Whether the person is the same one afterwards or somebody new in the same place."""
    track, again = _track(0, actor.masks_THW), _track(1, actor.masks_THW)
    for motions in (
        [_drawn(0, [*range(10), *range(14, 20)])],
        [_drawn(0, [*range(10)]), _drawn(1, [*range(14, 20)])],
    ):
        gone_T = [vanished_meshes([track, again], motions, index) for index in range(20)]
        assert np.flatnonzero(gone_T).tolist() == [10, 11, 12, 13]
        assert gone_T[10].box_xyxy == tuple(track.frames[9].box_xyxy.tolist())


def test_who_comes_or_goes_has_not_vanished(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """One who goes, and another who comes elsewhere; one who is away for long."""
    tracks = [_track(0, pair[0]), _track(1, pair[1])]
    come_and_gone = [_drawn(0, [*range(6)]), _drawn(1, [*range(30, NUM_FRAMES)])]
    away = [_drawn(0, [0, 1, NUM_FRAMES - 1])]
    for motions in (come_and_gone, away):
        assert not any(vanished_meshes(tracks, motions, index) for index in range(NUM_FRAMES))


def test_two_people_in_one_outline_are_found(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """From frame 10 to 20 the first one's outline holds both; the other is gone, or has it too."""
    first_THW, second_THW = pair
    both_THW = first_THW.copy()
    both_THW[10:20] |= second_THW[10:20]
    second = _track(1, second_THW)
    gone = replace(second, frames={i: s for i, s in second.frames.items() if not 10 <= i < 20})
    for other, found in ((gone, [9, 20]), (second, list(range(10, 20)))):
        tracks = [_track(0, both_THW), other]
        merged_T = [merged_people(tracks, index) for index in range(NUM_FRAMES)]
        assert set(found) <= set(np.flatnonzero(np.array(merged_T) > LIMITS["merged_people"]))


def test_people_who_cross_are_not_merged(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """One goes behind the other, for some frames wholly, and comes out again."""
    tracks = [_track(0, pair[0]), _track(1, pair[1])]
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
