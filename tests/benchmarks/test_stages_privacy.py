"""Leaks planted into a perfect run, and what the gate says of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.stages.leaks import KINDS, Leak, plant
from benchmarks.stages.limbs import limb_HW
from benchmarks.stages.privacy import Verdicts, examine, values_of
from benchmarks.stages.run import ClipRun
from tests.stages_clip import CAMERA, perfect_run, standing_joints, truth_of
from toolkit.actors.generate import ActorClip

FRAMES = slice(14, 22)
NUM_FRAMES = 8
"""The actor turns to the camera."""
LEAKS = ("drop_1", "erode_10", "second_person")


@pytest.fixture(scope="module")
def run(actor: ActorClip) -> ClipRun:
    """The actor found and removed without a fault, no mesh drawn."""
    truth = truth_of(actor.masks_THW[None, FRAMES], actor.background_THWC[0])
    return perfect_run(actor.frames_THWC[FRAMES], truth)


@pytest.fixture(scope="module")
def drawn(run: ClipRun, actor: ActorClip) -> ClipRun:
    """The same with a grey mesh that covers the actor."""
    drawn = perfect_run(_read(run.clip.frames), run.truth)
    for index, mask_HW in enumerate(actor.masks_THW[FRAMES]):
        drawn.done.coverage[index] = mask_HW.astype(np.uint8) * 255
        drawn.done.result[index] = np.where(mask_HW[..., None], 128, drawn.done.result[index])
    return drawn


@pytest.fixture(scope="module")
def verdicts(run: ClipRun, weights: Callable[[str], Path]) -> Verdicts:  # noqa: ARG001 - needed
    """What the gate says of the run and of three leaks."""
    return examine(run, LEAKS)


def _plant(kind: str, run: ClipRun) -> Leak:
    leak = plant(kind, run, np.random.default_rng(0))
    assert leak is not None
    return leak


def _read(store: object) -> np.ndarray:
    return np.stack(list(store))


def test_a_perfect_run_is_not_quarantined(verdicts: Verdicts) -> None:
    """No check holds a clip back where nobody is left."""
    assert [name for name, check in verdicts.clean.items() if check.blocks] == []


@pytest.mark.parametrize("kind", LEAKS)
def test_what_looks_like_a_person_is_caught(verdicts: Verdicts, kind: str) -> None:
    """By a check that the clean run passes."""
    assert verdicts.caught_by[kind]


@pytest.mark.parametrize(
    ("kind", "check"), [("unfilled", "surviving_pixels"), ("undrawn", "undrawn_meshes")]
)
def test_what_is_left_under_a_right_mask_is_caught(
    run: ClipRun, drawn: ClipRun, weights: Callable[[str], Path], kind: str, check: str
) -> None:
    """By the check that asks for just that: the scene that was not filled, the mesh not drawn."""
    assert weights("nanodet")
    caught_by = examine(drawn if kind == "undrawn" else run, [kind]).caught_by[kind]
    assert check in (caught_by or ())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_leak_has_a_place(run: ClipRun, drawn: ClipRun, kind: str) -> None:
    """The actor is seen well enough for all of them; the same seed plants the same."""
    run = drawn if kind == "undrawn" else run
    first, second = _plant(kind, run), _plant(kind, run)
    assert first.frames == second.frames
    assert (_read(first.done.result) == _read(second.done.result)).all()


def test_the_values_of_a_clip(verdicts: Verdicts) -> None:
    """The goal counts leaks of 2 frames or 5 px and more; each kind and each check is told too."""
    caught_by = {
        "drop_1": [],
        "drop_2": ["faces"],
        "drop_5": ["faces", "people"],
        "erode_5": [],
        "limb": [],
        "shadow": None,
    }
    values = values_of(Verdicts(verdicts.clean, caught_by))
    assert values["planted_caught"] == values["planted_caught_by_faces"] == 0.5
    assert values["planted_caught_by_people"] == values["planted_caught_only_by_faces"] == 0.25
    assert values["planted_caught_only_by_people"] == 0
    assert values["planted_caught_drop_1"] == values["planted_caught_limb"] == 0
    assert values["planted_caught_drop_2"] == 1
    assert "planted_caught_shadow" not in values
    assert values["clean_quarantined"] == values["clean_quarantined_by_faces"] == 0


@pytest.mark.parametrize("num_frames", [1, 2, 5])
def test_a_dropped_mask_leaves_no_trace_in_what_is_known(run: ClipRun, num_frames: int) -> None:
    """Mask, outline, sighting and signs are gone for so long; the person is in the result."""
    leak = _plant(f"drop_{num_frames}", run)
    assert list(leak.frames) == list(range(leak.frames[0], leak.frames[0] + num_frames))
    people = leak.done.people
    for index in range(NUM_FRAMES):
        is_dropped = index in leak.frames
        assert people.masks[index].any() != is_dropped
        assert people.cores[index].any() != is_dropped
        assert (index in people.tracks[0].frames) != is_dropped
        assert bool(people.evidence[index]) != is_dropped
        expected = run.clip.frames[index] if is_dropped else run.done.result[index]
        assert np.abs(leak.done.result[index].astype(int) - expected).max() <= 1


def test_a_mesh_hides_what_is_behind_it(run: ClipRun) -> None:
    """The result changes beside the mesh only; the empty frame behind it changes everywhere."""
    coverage = run.done.coverage
    mesh_HW = run.mask_HW(0).astype(np.uint8) * 255
    mesh_HW[150:] = 0
    covered = perfect_run(_read(run.clip.frames), run.truth)
    for index in range(NUM_FRAMES):
        covered.done.coverage[index] = mesh_HW
    leak = _plant("drop_1", covered)
    index = leak.frames[0]
    result_HWC, before_HWC = leak.done.result[index], run.done.result[index]
    assert (result_HWC == before_HWC)[mesh_HW > 0].all()
    assert not (leak.done.background[index] == before_HWC)[mesh_HW > 0].all()
    assert not coverage[0].any()


def test_hardly_anything_beside_the_mesh_is_no_leak(run: ClipRun) -> None:
    """A mesh that covers the whole frame leaves nothing to catch."""
    covered = perfect_run(_read(run.clip.frames), run.truth)
    for index in range(NUM_FRAMES):
        covered.done.coverage[index] = np.full((240, 432), 255, np.uint8)
    assert plant("drop_5", covered, np.random.default_rng(0)) is None


@pytest.mark.parametrize("num_px", [2, 5, 10])
def test_an_eroded_mask_leaves_a_rim(run: ClipRun, num_px: int) -> None:
    """So many pixels wide, in every frame; what the gate knows of the person stays."""
    leak = _plant(f"erode_{num_px}", run)
    assert list(leak.frames) == list(range(NUM_FRAMES))
    visible_HW = run.truth.visible_PTHW[0, 3]
    mask_HW = leak.done.people.masks[3] != 0
    assert not (mask_HW & ~visible_HW).any()
    row = visible_HW.any(1).nonzero()[0][60]  # through the trunk
    widths = [np.count_nonzero(inside_HW[row]) for inside_HW in (visible_HW, mask_HW)]
    assert widths[0] - widths[1] >= min(2 * num_px, widths[0])
    assert leak.done.people.tracks == run.done.people.tracks
    assert leak.done.people.evidence == run.done.people.evidence
    left_HW = visible_HW & ~mask_HW
    assert (leak.done.result[3] == run.clip.frames[3])[left_HW].all()


def test_a_limb_is_missed_for_half_a_second(run: ClipRun) -> None:
    """Less than half of the person comes through, and the rest of the mask stays."""
    leak = _plant("limb", run)
    assert len(leak.frames) == 6  # of 12 a second
    for index in leak.frames:
        lost_HW = run.mask_HW(index) & (leak.done.people.masks[index] == 0)
        assert 0 < np.count_nonzero(lost_HW) < 0.5 * np.count_nonzero(run.mask_HW(index))


@pytest.mark.parametrize("kind", ["shadow", "mirror", "second_person"])
def test_an_intruder_is_in_source_and_result_and_no_mask(run: ClipRun, kind: str) -> None:
    """It changes both in the same way, leaves the true person alone, and moves."""
    leak = _plant(kind, run)
    before, after = _read(run.clip.frames), _read(leak.done.clip.frames)
    drawn_THW = (before != after).any(3)
    assert drawn_THW.any((1, 2)).all()
    assert not (drawn_THW & run.truth.visible_PTHW[0]).any()
    assert (drawn_THW[0] != drawn_THW[-1]).any()
    outside_THW = drawn_THW & (_read(run.done.people.masks) == 0)
    step = np.abs(_read(leak.done.result).astype(int) - after)
    assert step[outside_THW].max() <= 1
    assert leak.done.people.masks is run.done.people.masks


def test_a_second_person_before_a_still_camera_is_motion_nobody_explains(run: ClipRun) -> None:
    """The mask stage would know of it: its own measure is taken again."""
    assert max(_plant("second_person", run).done.people.unexplained) > 0


def test_nobody_is_no_place_for_a_leak(run: ClipRun) -> None:
    """A clip without people has no leaks of people."""
    nobody_THW = np.zeros_like(run.truth.visible_PTHW[0])
    truth = truth_of(nobody_THW[None], run.truth.background_HWC(0))
    empty = perfect_run(_read(run.done.background), truth)
    assert [plant(kind, empty, np.random.default_rng(0)) for kind in KINDS] == [None] * len(KINDS)


def test_pixels_belong_to_the_nearest_limb() -> None:
    """A figure of sticks: the arm that hangs at its left, and the leg at its right."""
    visible_HW = np.zeros((240, 432), bool)
    visible_HW[60:200, 196:236] = True
    joints_J3 = standing_joints(visible_HW)
    camera_4 = np.array([CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy])
    arm_HW = limb_HW(visible_HW, joints_J3, camera_4, "left_arm")
    leg_HW = limb_HW(visible_HW, joints_J3, camera_4, "right_leg")
    for part_HW, (x0, x1), (y0, y1) in (
        (arm_HW, (222, 236), (80, 160)),  # the person's left is the picture's right
        (leg_HW, (196, 217), (125, 200)),
    ):
        rows, columns = part_HW.nonzero()
        assert x0 <= columns.min() <= columns.max() < x1
        assert y0 <= rows.min() <= rows.max() < y1
        assert len(rows) > 300
