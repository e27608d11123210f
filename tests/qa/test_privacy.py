from collections.abc import Iterable

import cv2
import numpy as np
import pytest

from toolkit.actors.generate import ActorClip
from toolkit.m2m.types import Evidence, PersonFrame, Track
from toolkit.qa.privacy import (
    lost_people,
    surviving_share,
    uncovered_score,
    undrawn_share,
    unresolved_score,
    without_meshes,
)

SHAPE_HW = (240, 432)
NO_MESH = np.zeros(SHAPE_HW, np.uint8)
EVERY_THIRD = range(0, 36, 3)
NUM_FRAMES = 40


@pytest.mark.parametrize("index", EVERY_THIRD)
def test_a_person_who_was_not_removed_survives(actor: ActorClip, index: int) -> None:
    """Far above the limit, in every pose, also darker, softer and half transparent."""
    source_HWC, mask_HW = actor.frames_THWC[index], actor.masks_THW[index]
    room_HWC = actor.background_THWC[index]
    assert surviving_share(source_HWC, source_HWC, mask_HW, NO_MESH) > 0.3
    for shown_HWC in (
        np.uint8(0.6 * source_HWC),
        cv2.GaussianBlur(source_HWC, (0, 0), 1),
        np.uint8(0.5 * source_HWC + 0.5 * room_HWC),
    ):
        assert surviving_share(source_HWC, shown_HWC, mask_HW, NO_MESH) > 0.15


@pytest.mark.parametrize("index", EVERY_THIRD)
def test_nothing_survives_of_a_person_who_was_removed(actor: ActorClip, index: int) -> None:
    """The empty room, with the noise of a codec, and a flat grey."""
    source_HWC, mask_HW = actor.frames_THWC[index], actor.masks_THW[index]
    room_HWC = actor.background_THWC[index]
    noise_HWC = np.random.default_rng(0).normal(0, 3, room_HWC.shape)
    for shown_HWC in (
        room_HWC,
        np.clip(room_HWC + noise_HWC, 0, 255).astype(np.uint8),
        np.where(mask_HW[..., None], np.uint8(128), source_HWC),
    ):
        assert surviving_share(source_HWC, shown_HWC, mask_HW, NO_MESH) < 0.04


def test_flat_cloth_before_a_flat_wall_does_not_survive() -> None:
    """Where a window holds nothing to recognise, its faint noise is no sign of a person."""
    noise_HWC = np.random.default_rng(0).normal(0, 2, (*SHAPE_HW, 3))
    source_HWC = np.clip(120 + noise_HWC, 0, 255).astype(np.uint8)
    assert surviving_share(source_HWC, source_HWC, _masked(1), NO_MESH) == 0


def test_half_a_person_survives_by_half(actor: ActorClip) -> None:
    """What is left counts where it is: the upper half gives about half of the whole."""
    source_HWC, mask_HW = actor.frames_THWC[30], actor.masks_THW[30]
    half_HWC = source_HWC.copy()
    half_HWC[148:] = actor.background_THWC[30][148:]
    whole = surviving_share(source_HWC, source_HWC, mask_HW, NO_MESH)
    assert 0.2 < surviving_share(source_HWC, half_HWC, mask_HW, NO_MESH) / whole < 0.8


def test_what_a_mesh_covers_does_not_survive(actor: ActorClip) -> None:
    """Only what is shown outside of it counts."""
    source_HWC, mask_HW = actor.frames_THWC[30], actor.masks_THW[30]
    coverage_HW = mask_HW.astype(np.uint8) * 255
    assert surviving_share(source_HWC, source_HWC, mask_HW, coverage_HW) == 0
    coverage_HW[148:] = 0
    assert surviving_share(source_HWC, source_HWC, mask_HW, coverage_HW) > 0.1


def test_a_mesh_that_was_not_drawn_shows_who_is_there(actor: ActorClip) -> None:
    """Where it should cover the person; a drawn one does not, and elsewhere is not asked."""
    source_HWC, mask_HW = actor.frames_THWC[30], actor.masks_THW[30]
    coverage_HW = mask_HW.astype(np.uint8) * 255
    drawn_HWC = np.where(coverage_HW[..., None] > 0, np.uint8(120), source_HWC)
    assert undrawn_share(source_HWC, source_HWC, mask_HW, coverage_HW) > 0.3
    assert undrawn_share(source_HWC, drawn_HWC, mask_HW, coverage_HW) < 0.04
    assert undrawn_share(source_HWC, source_HWC, mask_HW, NO_MESH) == 0


def test_nobody_cannot_survive(actor: ActorClip) -> None:
    """No mask, or one too thin to have an inside, is 0 and not an error."""
    source_HWC = actor.frames_THWC[30]
    assert surviving_share(source_HWC, source_HWC, NO_MESH, NO_MESH) == 0
    thin_HW = NO_MESH.copy()
    thin_HW[100:104] = 255
    assert surviving_share(source_HWC, source_HWC, thin_HW, NO_MESH) == 0


def test_meshes_are_taken_off_with_their_soft_edge(actor: ActorClip) -> None:
    """Within 2 px of any coverage the background is shown, elsewhere the released frame."""
    released_HWC, room_HWC = actor.frames_THWC[30], actor.background_THWC[30]
    coverage_HW = NO_MESH.copy()
    coverage_HW[100:120, 150:160] = 255
    coverage_HW[100:120, 160] = 1
    around = np.s_[98:122, 148:163]
    assert (released_HWC[around] != room_HWC[around]).any(axis=2).mean() > 0.9
    shown_HWC = without_meshes(released_HWC, room_HWC, coverage_HW)
    np.testing.assert_array_equal(shown_HWC[around], room_HWC[around])
    shown_HWC[around] = released_HWC[around]
    np.testing.assert_array_equal(shown_HWC, released_HWC)


def _masked(share: float) -> np.ndarray:
    """A mask that covers the left part of the box (100, 100, 200, 200)."""
    mask_HW = NO_MESH.copy()
    mask_HW[100:200, 100 : 100 + round(100 * share)] = 255
    return mask_HW


@pytest.mark.parametrize(("kind", "needed"), [("face", 0.5), ("hand", 0.5), ("nanodet", 0.25)])
def test_evidence_needs_a_mask(kind: str, needed: float) -> None:
    """A body a quarter of its box, a face or a hand half of it; the score tells how sure it was."""
    signs = [Evidence(kind, (100, 100, 200, 200), 0.8)]
    assert uncovered_score(signs, _masked(needed + 0.02)) == 0
    assert uncovered_score(signs, _masked(needed - 0.02)) == 0.8
    assert uncovered_score(signs, NO_MESH) == 0.8


def test_the_surest_uncovered_sign_counts() -> None:
    """Whatever else is covered."""
    boxes = {(100, 100, 200, 200): 0.9, (300, 20, 340, 100): 0.6, (380, 20, 420, 100): 0.3}
    signs = [Evidence("movenet", box, score) for box, score in boxes.items()]
    assert uncovered_score(signs, _masked(1)) == 0.6
    assert uncovered_score([], NO_MESH) == 0


def test_evidence_at_the_border_counts_by_what_is_inside() -> None:
    """Of a box that reaches out of the frame, the inner part must be covered."""
    sign = [Evidence("nanodet", (-60.0, 100.0, 60.0, 300.0), 0.7)]
    assert uncovered_score(sign, NO_MESH) == 0.7
    mask_HW = NO_MESH.copy()
    mask_HW[100:, :20] = 255
    assert uncovered_score(sign, mask_HW) == 0


def test_evidence_smaller_than_a_pixel_is_not_covered_by_nothing() -> None:
    """A tiny face between two pixels still needs a mask."""
    assert uncovered_score([Evidence("face", (10.1, 10.1, 10.4, 10.4), 0.9)], NO_MESH) == 0.9


def _sighting(height: float, *, source: str = "detected", outlined: bool = False) -> PersonFrame:
    box_xyxy = np.array([100, 20, 160, 20 + height], np.float32)
    landmarks_K4 = np.ones((33, 4), np.float32) if outlined else None
    return PersonFrame(box_xyxy, {}, landmarks_K4, score=0.7, source=source)


def test_somebody_removed_as_a_mere_box_is_unresolved() -> None:
    """Who has an outline is not, nor who is small, nor who is only guessed."""
    assert unresolved_score([_sighting(100)], SHAPE_HW) == 0.7
    for fine in (
        _sighting(100, outlined=True),
        _sighting(50),
        _sighting(100, source="weak"),
        _sighting(100, source="filled"),
    ):
        assert unresolved_score([fine], SHAPE_HW) == 0
    assert unresolved_score([], SHAPE_HW) == 0
    assert unresolved_score([_sighting(50), _sighting(100)], SHAPE_HW) == 0.7


@pytest.mark.parametrize("box_xyxy", [(90, 0, 150, 20), (431, 100, 432, 140), (0, 90, 9, 120)])
def test_somebody_whom_the_frame_cuts_off_is_unresolved(box_xyxy: tuple[int, ...]) -> None:
    """However small and weakly seen: feet at the edge; the same away from it is not."""
    seen = PersonFrame(np.array(box_xyxy, np.float32), {}, score=0.3, source="weak")
    assert unresolved_score([seen], SHAPE_HW) == 0.3
    followed = PersonFrame(seen.box_xyxy, {}, source="weak")
    assert unresolved_score([followed], SHAPE_HW) > 0
    inside = PersonFrame(np.clip(seen.box_xyxy, 8, 224), {}, score=0.3, source="weak")
    assert unresolved_score([inside], SHAPE_HW) == 0


def _walk(track_id: int, frames: Iterable[int], x: int = 150, y: int = 60) -> Track:
    """Somebody whom detectors confirm in every frame, 40 px wide and 100 px high."""
    box_xyxy = np.array([x, y, x + 40, y + 100], np.float32)
    sightings = {index: PersonFrame(box_xyxy, {}, np.ones((33, 4), np.float32)) for index in frames}
    return Track(track_id, sightings, num_confirmed=len(sightings))


def _lost(*tracks: Track) -> dict[int, float]:
    """Frames in which people are lost, with their number."""
    values = lost_people(tracks, NUM_FRAMES, SHAPE_HW)
    assert len(values) == NUM_FRAMES
    return {index: value for index, value in enumerate(values) if value}


def test_who_stays_for_the_whole_clip_is_not_lost() -> None:
    """Nor who is unseen for the first or last two frames."""
    assert _lost(_walk(0, range(NUM_FRAMES))) == {}
    assert _lost(_walk(0, range(2, NUM_FRAMES - 2))) == {}


def test_who_vanishes_in_the_middle_of_the_frame_is_lost() -> None:
    """After their last frame; and who appears from nowhere, at their first."""
    assert _lost(_walk(0, range(20))) == {19: 1}
    assert _lost(_walk(0, range(20, NUM_FRAMES))) == {20: 1}
    assert _lost(_walk(0, range(20)), _walk(1, range(20), x=300)) == {19: 2}


@pytest.mark.parametrize("place", [(5, 60), (400, 60), (150, 2), (150, 136)])
def test_who_leaves_at_the_border_is_not_lost(place: tuple[int, int]) -> None:
    """On any of the four sides."""
    assert _lost(_walk(0, range(20), *place)) == {}


def test_who_goes_behind_somebody_is_not_lost() -> None:
    """Their boxes overlap in the last frame or the next; a person elsewhere explains nothing."""
    assert _lost(_walk(0, range(20)), _walk(1, range(NUM_FRAMES), x=170)) == {}
    assert _lost(_walk(0, range(20)), _walk(1, range(NUM_FRAMES), x=300)) == {19: 1}


def test_nobody_goes_behind_a_false_alarm() -> None:
    """Whom no detector confirms explains nothing."""
    unsure = _walk(1, range(NUM_FRAMES), x=170)
    unsure.num_confirmed = 0
    assert _lost(_walk(0, range(20)), unsure) == {19: 1}


def test_who_is_masked_on_a_guess_is_lost() -> None:
    """Seen for a while, and masked for the rest of the clip because the place looks the same."""
    track = _walk(0, range(20))
    left = PersonFrame(track.frames[19].box_xyxy, {}, source="filled")
    track.frames |= dict.fromkeys(range(20, NUM_FRAMES), left)
    assert _lost(track) == {19: 1}


def test_a_false_alarm_has_nowhere_to_go() -> None:
    """Whom no detector confirms, and who was only ever a region, is not asked for."""
    unsure = _walk(0, range(20))
    unsure.num_confirmed = 0
    region = _walk(1, range(20), x=300)
    region.frames = {
        index: PersonFrame(item.box_xyxy, {}, None) for index, item in region.frames.items()
    }
    assert _lost(unsure, region) == {}
