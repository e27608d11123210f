from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.actors_clip import decoded, removed, store, true_people, with_mirror_image
from tests.body_motion import motion
from toolkit.actors.generate import ActorClip, generate_clip
from toolkit.adapters.detectors import NUM_TILES
from toolkit.gate import CHECK_MODELS, Anonymized, Watchers, run_checks
from toolkit.m2m.types import Evidence
from toolkit.models import load_registry
from toolkit.qa.checks import CRITICAL, Check, Limit, load_limits
from toolkit.stages.parts import pack_video
from toolkit.video import Timing, decode

pytestmark = pytest.mark.usefixtures("weights")

FRAMES = slice(14, 22)
"""The actor turns to the camera."""
NUM_FRAMES, HEIGHT, WIDTH = 8, 240, 432
ABOVE_THE_HIPS = slice(0, 150)


@pytest.fixture(scope="module")
def done(actor: ActorClip) -> Anonymized:
    """A perfect run: the actor found and removed, no mesh drawn."""
    return removed(actor, FRAMES)


@pytest.fixture
def room(actor: ActorClip) -> np.ndarray:
    """The empty room: what a perfect run releases. A test may change it."""
    return actor.background_THWC[FRAMES].copy()


def _check(done: Anonymized, released_THWC: np.ndarray) -> dict[str, Check]:
    return run_checks(
        done, store(released_THWC), _encoded(released_THWC), load_limits(), lambda _: None, []
    )


def _encoded(frames_THWC: np.ndarray) -> bytes:
    return pack_video(frames_THWC, Timing.constant(len(frames_THWC), 12), 1.0, crf=18)


def _failed(checks: dict[str, Check]) -> dict[str, int | None]:
    """Names of the checks that hold the clip back, with the worst frame."""
    return {name: check.worst_frame for name, check in checks.items() if check.blocks}


def _changed(done: Anonymized, **parts: object) -> Anonymized:
    """The run with other people in it."""
    return replace(done, people=replace(done.people, **parts))


def _without(frames_THW: np.ndarray, index: int) -> np.ndarray:
    frames_THW = frames_THW.copy()
    frames_THW[index] = 0
    return frames_THW


def test_an_empty_room_passes_every_check(
    done: Anonymized, room: np.ndarray, tmp_path: Path
) -> None:
    """As it was encoded; each limit has a check, each check a limit, a value and a frame."""
    written = _encoded(room)
    (tmp_path / "out.mp4").write_bytes(written)
    progress: list[int] = []
    released = decode(tmp_path / "out.mp4", None).frames
    checks = run_checks(done, released, written, load_limits(), progress.append, [])
    assert set(checks) == set(load_limits())
    assert _failed(checks) == {}
    assert checks["surviving_pixels"].value < 0.04
    assert all(check.worst_frame in range(NUM_FRAMES) for check in checks.values())
    assert sum(progress) == NUM_FRAMES


def test_a_limit_without_a_check_lets_nothing_through(done: Anonymized, room: np.ndarray) -> None:
    """A name in limits.yaml that the gate does not know fails every clip; nothing is skipped."""
    checks = run_checks(
        done, store(room), b"", {**load_limits(), "typo": Limit(1.0, CRITICAL)}, lambda _: None, []
    )
    assert _failed(checks) == {"typo": None, "side_data": 0}  # no file: nobody knows what is in it


def test_weights_of_unknown_origin_let_nothing_through(done: Anonymized, room: np.ndarray) -> None:
    """However good the clip is: stubs, and files of which nobody says where they come from."""
    checks = run_checks(done, store(room), _encoded(room), load_limits(), lambda _: None, ["stub"])
    assert _failed(checks) == {"weights": 0}


def test_a_check_without_a_limit_is_an_error(done: Anonymized, room: np.ndarray) -> None:
    """A name taken out of limits.yaml does not switch the check off in silence."""
    limits = {name: limit for name, limit in load_limits().items() if name != "surviving_pixels"}
    with pytest.raises(KeyError, match="surviving_pixels"):
        run_checks(done, store(room), b"", limits, lambda _: None, [])


@pytest.mark.parametrize("index", [0, 4, 5, 7])
def test_a_person_who_is_back_for_one_frame_is_caught(
    done: Anonymized, room: np.ndarray, actor: ActorClip, index: int
) -> None:
    """By their pixels and their face, in whichever frame; the frame is named."""
    room[index] = actor.frames_THWC[FRAMES][index]
    failed = _failed(_check(done, room))
    assert failed["surviving_pixels"] == failed["faces"] == index


def test_a_ghost_is_caught(done: Anonymized, room: np.ndarray, actor: ActorClip) -> None:
    """A person who shines through at half strength in one frame."""
    ghost_HWC = room[4] / 2 + actor.frames_THWC[FRAMES][4] / 2
    room[4] = ghost_HWC.astype(np.uint8)
    assert _failed(_check(done, room))["surviving_pixels"] == 4


def test_a_person_pasted_from_another_frame_is_caught(
    done: Anonymized, room: np.ndarray, actor: ActorClip
) -> None:
    """An inpainter that copies the person themselves: not these pixels, but a body all the same."""
    room[4] = actor.frames_THWC[FRAMES][0]
    assert _failed(_check(done, room))["people"] == 4


@pytest.mark.parametrize("part", ["upper", "lower"])
def test_half_a_person_is_caught(
    done: Anonymized, room: np.ndarray, actor: ActorClip, part: str
) -> None:
    """Head and trunk, or legs alone, in one frame."""
    left_HW = actor.masks_THW[FRAMES][4].copy()
    left_HW[ABOVE_THE_HIPS] &= part == "upper"
    left_HW[ABOVE_THE_HIPS.stop :] &= part == "lower"
    room[4][left_HW] = actor.frames_THWC[FRAMES][4][left_HW]
    failed = _failed(_check(done, room))
    assert failed["surviving_pixels"] == 4
    assert ("faces" in failed) == (part == "upper")


def test_a_mask_that_misses_a_person_in_one_frame_is_caught(
    done: Anonymized, room: np.ndarray
) -> None:
    """Even if nothing of them is left to see: evidence without a mask is enough."""
    masks = store(_without(np.stack(list(done.people.masks)), 5))
    failed = _failed(_check(_changed(done, masks=masks), room))
    assert failed == {"uncovered_evidence": 5, "left_behind": 5}


@pytest.mark.parametrize("index", [4, 5])
def test_a_person_nobody_found_in_one_frame_is_caught(
    done: Anonymized, room: np.ndarray, actor: ActorClip, index: int
) -> None:
    """No mask, no outline and no evidence of the masker's: the face in source and release."""
    evidence = [[] if i == index else row for i, row in enumerate(done.people.evidence)]
    missed = _changed(
        done,
        masks=store(_without(np.stack(list(done.people.masks)), index)),
        cores=store(_without(np.stack(list(done.people.cores)), index)),
        evidence=evidence,
    )
    room[index] = actor.frames_THWC[FRAMES][index]
    failed = _failed(_check(missed, room))
    assert failed["uncovered_evidence"] == failed["faces"] == index


def test_somebody_nobody_ever_found_is_caught(actor: ActorClip) -> None:
    """A second person without mask or evidence stays in the release and is seen there."""
    frames_THWC, true_PTHW = with_mirror_image(actor)
    frames_THWC, (found_THW, missed_THW) = frames_THWC[:8], true_PTHW[:, :8]
    released_THWC = actor.background_THWC[:8].copy()
    released_THWC[missed_THW] = frames_THWC[missed_THW]
    done = replace(
        removed(actor, slice(8)), clip=decoded(frames_THWC), people=true_people(found_THW)
    )
    assert "people" in _failed(_check(done, released_THWC))


def test_a_mesh_is_no_person(done: Anonymized, room: np.ndarray) -> None:
    """Someone else drawn where the actor was passes as a mesh, and only where it covers."""
    double = generate_clip(num_frames=2, fps=1, seed=1)
    mesh_HW = double.masks_THW[0]
    coverage_THW = np.zeros((NUM_FRAMES, HEIGHT, WIDTH), np.uint8)
    coverage_THW[4][mesh_HW] = 255
    room[4][mesh_HW] = double.frames_THWC[0][mesh_HW]
    drawn = replace(done, coverage=store(coverage_THW))
    assert _failed(_check(drawn, room)) == {}
    # The same figure in the next frame, where no mesh was drawn:
    room[5][mesh_HW] = double.frames_THWC[0][mesh_HW]
    assert _failed(_check(drawn, room))


def test_a_mesh_hides_only_what_it_covers(
    done: Anonymized, room: np.ndarray, actor: ActorClip
) -> None:
    """A person who was not removed, with a small mesh before them, is caught."""
    coverage_THW = np.zeros((NUM_FRAMES, HEIGHT, WIDTH), np.uint8)
    coverage_THW[:, 100:140, 150:170] = 255
    released_THWC = actor.frames_THWC[FRAMES].copy()
    released_THWC[coverage_THW > 0] = (150, 110, 70)
    drawn = replace(done, coverage=store(coverage_THW), background=store(room))
    failed = _failed(_check(drawn, released_THWC))
    assert {"surviving_pixels", "faces", "people"} <= set(failed)


def test_a_person_who_flashes_up_is_caught(
    done: Anonymized, room: np.ndarray, actor: ActorClip
) -> None:
    """For two frames, in any shade: nothing there is to come and go."""
    dark_THWC = actor.frames_THWC[FRAMES] // 4
    inside_THW = actor.masks_THW[FRAMES]
    for index in (3, 4):
        room[index][inside_THW[index]] = dark_THWC[index][inside_THW[index]]
    assert _failed(_check(done, room))["flash"] in (3, 4)


def test_a_hand_that_no_mask_ever_had_is_caught(
    done: Anonymized, room: np.ndarray, actor: ActorClip
) -> None:
    """Lost from end to end, so that nothing else can know; here it is drawn beside the actor."""
    source_THWC = actor.frames_THWC[FRAMES].copy()
    for index, mask_HW in enumerate(done.people.masks):
        x = int(np.flatnonzero(mask_HW[90])[-1]) + 1
        hand = slice(90, 102), slice(x, x + 20)
        source_THWC[index][hand] = room[index][hand] = (160, 125, 104)  # the actor's own
    left = replace(done, clip=decoded(source_THWC))
    vars(left)["skin_N"] = done.skin_N  # a hand of one colour would be the scene's
    assert "skin" in _failed(_check(left, room))


def test_a_caption_is_flagged_only(done: Anonymized, room: np.ndarray) -> None:
    """It may name somebody, or nobody."""
    for frame_HWC in room:
        cv2.putText(
            frame_HWC, "Jane Doe", (300, 220), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2
        )
    checks = _check(done, room)
    assert checks["text"].value == 1
    assert not checks["text"].passed
    assert not checks["text"].blocks


def test_sound_in_the_file_is_caught(done: Anonymized, room: np.ndarray) -> None:
    """Or whatever else is no picture."""
    written = _encoded(room) + b"\0\0\0\x0cuuidsome"
    checks = run_checks(done, store(room), written, load_limits(), lambda _: None, [])
    assert set(_failed(checks)) == {"side_data"}


def test_a_mesh_that_was_not_drawn_is_caught(
    done: Anonymized, room: np.ndarray, actor: ActorClip
) -> None:
    """The person stands where a mesh should be, wholly covered: nobody takes that on trust."""
    coverage_THW = actor.masks_THW[FRAMES].astype(np.uint8) * 255
    drawn = replace(done, coverage=store(coverage_THW), background=store(room))
    failed = _failed(_check(drawn, actor.frames_THWC[FRAMES]))
    assert set(failed) == {"undrawn_meshes"}
    released_THWC = room.copy()
    released_THWC[coverage_THW > 0] = (150, 110, 70)
    assert _failed(_check(drawn, released_THWC)) == {}


def test_a_clip_of_another_length_fails_every_check(done: Anonymized, room: np.ndarray) -> None:
    """Nothing can be compared, so nothing is let through."""
    checks = _check(done, room[:-1])
    assert set(_failed(checks)) == set(load_limits())
    assert all(check.value is None for check in checks.values())


def test_an_occlusion_failure_marks_the_clip(done: Anonymized, room: np.ndarray) -> None:
    """Somebody who is removed and drawn elsewhere: above the limits, and released all the same."""
    coverage_THW = np.zeros((NUM_FRAMES, HEIGHT, WIDTH), np.uint8)
    coverage_THW[:, 60:200, 350:400] = 255
    checks = _check(replace(done, coverage=store(coverage_THW)), room)
    marked = {name for name, check in checks.items() if not check.passed}
    assert marked == {"unseen_joints", "stray_mesh", "mesh_off_mask", "occlusion"}
    assert checks["stray_mesh"].worst_box == (350, 60, 400, 200)
    assert _failed(checks) == {}


def test_a_mesh_of_somebody_unknown_cannot_be_judged(done: Anonymized, room: np.ndarray) -> None:
    """A check that could not run holds the clip back, be it a warning, and so does the score."""
    stranger = replace(motion(2), track_id=7, frames_T=np.array([1, 5]))
    failed = _failed(_check(replace(done, motions=[stranger]), room))
    assert failed == {"vanished_meshes": None, "occlusion": None}


def test_what_the_masker_says_is_judged_too(done: Anonymized, room: np.ndarray) -> None:
    """People without outline, motion nobody explains, too much of the frame gone."""
    (track,) = done.people.tracks
    boxes = {i: replace(item, landmarks_K4=None, score=0.5) for i, item in track.frames.items()}
    masks_THW = np.stack(list(done.people.masks))
    masks_THW[6, :160] = 255
    doubtful = _changed(
        done,
        tracks=[replace(track, frames=boxes)],
        masks=store(masks_THW),
        unexplained=[0, 0, 0.02, 0, 0, 0, 0, 0],
    )
    checks = _check(doubtful, room)
    assert checks["unresolved_people"].value == 1
    assert checks["unexplained_motion"].value == 0.02
    assert checks["unexplained_motion"].worst_frame == 2
    assert checks["masked_share"].value > 0.66
    assert checks["masked_share"].worst_frame == 6
    assert set(_failed(checks)) == {"unresolved_people", "unexplained_motion", "masked_share"}


def test_who_vanishes_inside_the_frame_holds_the_clip_back(
    done: Anonymized, room: np.ndarray
) -> None:
    """The track ends in frame 3, away from the border: they are probably still there."""
    (track,) = done.people.tracks
    seen = {index: item for index, item in track.frames.items() if index < 4}
    people = {"tracks": [replace(track, frames=seen, num_confirmed=4)]}
    assert _failed(_check(_changed(done, **people), room)) == {"lost_people": 3}


def test_stretched_pixels_are_seen_as_they_are_shown(actor: ActorClip) -> None:
    """At half the width, faces are found in the source, and where the mask covers them or not."""

    def squeezed(images: np.ndarray) -> np.ndarray:
        half = [cv2.resize(image, (216, 240), interpolation=cv2.INTER_AREA) for image in images]
        return np.stack(half)

    masks_THW = squeezed(actor.masks_THW[FRAMES].astype(np.uint8)) > 0
    room_THWC = squeezed(actor.background_THWC[FRAMES])
    done = Anonymized(
        clip=decoded(squeezed(actor.frames_THWC[FRAMES]), pixel_aspect=2.0),
        people=true_people(masks_THW),
        background=store(room_THWC),
        coverage=store(np.zeros(masks_THW.shape, np.uint8)),
        result=store(room_THWC),
        motions=[],
    )
    assert _failed(_check(done, room_THWC)) == {}
    headless_THW = np.stack(list(done.people.masks))
    headless_THW[:, :95] = 0
    beheaded = _changed(done, masks=store(headless_THW), evidence=[[]] * NUM_FRAMES)
    assert "uncovered_evidence" in _failed(_check(beheaded, room_THWC))


def test_evidence_of_a_hand_alone_counts(done: Anonymized, room: np.ndarray) -> None:
    """A sign of a person far from everybody who was found."""
    evidence = [list(row) for row in done.people.evidence]
    evidence[2].append(Evidence("hand", (300.0, 20.0, 330.0, 50.0), 0.9))
    failed = _failed(_check(_changed(done, evidence=evidence), room))
    assert failed == {"uncovered_evidence": 2}


def test_the_weights_of_the_checks_are_registered() -> None:
    """So that a run can name and fetch them before it begins."""
    assert set(CHECK_MODELS) <= set(load_registry())


def test_somebody_small_who_stands_still_is_caught(actor: ActorClip) -> None:
    """Nobody found them; seen whole they score 0.4, on the right tile 0.7."""
    size = (86, 48)
    small_HWC = cv2.resize(actor.frames_THWC[12], size, interpolation=cv2.INTER_AREA)
    small_HW = (
        cv2.resize(actor.masks_THW[12].astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
    )
    frame_HWC = actor.background_THWC[0].copy()
    frame_HWC[120:168, 180:266][small_HW] = small_HWC[small_HW]
    still_THWC = np.stack([frame_HWC] * 24)
    nobody_THW = np.zeros(still_THWC.shape[:3], bool)
    done = Anonymized(
        clip=decoded(still_THWC),
        people=true_people(nobody_THW),
        background=store(still_THWC),
        coverage=store(nobody_THW.astype(np.uint8)),
        result=store(still_THWC),
        motions=[],
    )
    assert "small_people" in _failed(_check(done, still_THWC))


def test_somebody_too_faint_for_the_detectors_is_known_by_the_pose_network(
    shared_dir: Path,
) -> None:
    """A man behind a table; the rest of the picture is grey, and last he is too."""
    clip = decode(shared_dir / "clips/fight/nofi060.mp4", (432, 240))
    watchers = Watchers(clip.frames.frame_shape, clip.pixel_aspect)
    frame_HWC = clip.frames[44]
    frame_HWC[:, :80] = frame_HWC[:, 160:] = 128
    frame_HWC[130:] = 128

    def score(tiles: range) -> float:
        return max((sign.score for sign in watchers.bodies(frame_HWC, tiles)), default=0.0)

    assert score(range(0)) < 0.45
    assert score(range(NUM_TILES)) > 0.9
    frame_HWC[:, 86:126] = 128
    assert score(range(NUM_TILES)) < 0.45
