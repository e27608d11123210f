from pathlib import Path

import numpy as np
import pytest

from toolkit.actors.bodies import cast, load_body
from toolkit.actors.film import Actor, film
from toolkit.actors.motions import act
from toolkit.actors.rig import rest_joints
from toolkit.actors.scenes import make_scene
from toolkit.actors.tree import FPS, NUM_FRAMES, SIZE, TreeConfig, plan, stage
from toolkit.actors.truth import Truth, read_truth, write_truth
from toolkit.errors import InputError
from toolkit.m2m.skeleton import JOINT

CONFIG = TreeConfig(clips=40, classes=20)
HUG = next(clip for clip in plan(CONFIG) if clip.label == "hug")


@pytest.fixture(scope="module")
def hug() -> tuple[np.ndarray, Truth]:
    """Two people who meet, and what is true of them."""
    return stage(HUG, CONFIG)


def test_frames_and_truth_have_the_promised_shapes(hug: tuple[np.ndarray, Truth]) -> None:
    """Two people in 48 frames of 432x240."""
    frames_THWC, truth = hug
    width, height = SIZE
    assert frames_THWC.shape == (NUM_FRAMES, height, width, 3)
    assert truth.visible_PTHW.shape == truth.amodal_PTHW.shape == (2, NUM_FRAMES, height, width)
    assert truth.joints_PTJ3.shape == (2, NUM_FRAMES, 22, 3)
    assert truth.fps == FPS


def test_outside_of_people_the_frame_is_the_background(hug: tuple[np.ndarray, Truth]) -> None:
    """To the level, two pixels from any mask: the soft edge is narrower."""
    frames_THWC, truth = hug
    for index in range(0, NUM_FRAMES, 6):
        differs_HW = (frames_THWC[index] != truth.background_HWC(index)).any(2)
        people_HW = truth.visible_PTHW[:, index].any(0)
        assert differs_HW[people_HW].mean() > 0.95
        near_HW = people_HW.copy()
        for axis in (0, 1):
            for step in (-2, -1, 1, 2):
                near_HW |= np.roll(people_HW, step, axis)
        assert (differs_HW & ~near_HW).mean() < 2e-4


def test_what_is_seen_is_part_of_the_whole(hug: tuple[np.ndarray, Truth]) -> None:
    """Nobody is seen twice in a pixel, and who hides whom is the nearer one."""
    _, truth = hug
    assert not (truth.visible_PTHW[0] & truth.visible_PTHW[1]).any()
    assert (truth.visible_PTHW & ~truth.amodal_PTHW).sum() == 0
    assert sorted(truth.order_PT[:, 0]) == [0, 1]
    seen_PT, whole_PT = truth.visible_PTHW.sum((2, 3)), truth.amodal_PTHW.sum((2, 3))
    np.testing.assert_allclose(truth.occlusion_PT, 1 - seen_PT / whole_PT, atol=1e-6)
    assert truth.occlusion_PT.max() > 0.1


def test_joints_project_inside_the_body(hug: tuple[np.ndarray, Truth]) -> None:
    """Knees, elbows, neck and pelvis of both, in every frame."""
    _, truth = hug
    fx, fy, cx, cy = truth.camera_4
    inner = [JOINT[name] for name in ("pelvis", "neck", "left_knee", "right_knee", "spine2")]
    for person in range(2):
        x, y, z = np.moveaxis(truth.joints_PTJ3[person][:, inner], 2, 0)
        columns, rows = (fx * x / z + cx).astype(int), (fy * y / z + cy).astype(int)
        frames = np.arange(NUM_FRAMES)[:, None]
        assert truth.amodal_PTHW[person][frames, rows, columns].mean() > 0.98


def test_an_object_in_front_hides_part_of_the_actor() -> None:
    """What it hides is in the foreground, and missing from what is seen."""
    rng = np.random.default_rng(0)
    phenotype, outfit = cast(rng)
    body = load_body(phenotype, outfit)
    (motion,) = act("wave", [rest_joints(body)], 8, 8, rng)
    scene = make_scene(rng, SIZE, 8, kind="park", occluder=True)
    _, truth = film(scene, [Actor(body, motion)], 8, {})
    hidden_THW = truth.amodal_PTHW.any(0) & ~truth.visible_PTHW.any(0)
    assert 0.05 < truth.occlusion_PT[0].mean() < 0.6
    assert truth.foreground_THW[hidden_THW].mean() > 0.9


def test_truth_survives_its_file(tmp_path: Path, hug: tuple[np.ndarray, Truth]) -> None:
    """Every array and the facts; a file that is none says so."""
    _, truth = hug
    write_truth(truth, tmp_path / "deep" / "hug.npz")
    again = read_truth(tmp_path / "deep" / "hug.npz")
    assert again.info == truth.info
    np.testing.assert_array_equal(again.visible_PTHW, truth.visible_PTHW)
    np.testing.assert_array_equal(again.joints_PTJ3, truth.joints_PTJ3)
    (tmp_path / "no.npz").write_bytes(b"no")
    with pytest.raises(InputError, match="m2m actors generate"):
        read_truth(tmp_path / "no.npz")


def test_the_same_clip_is_the_same_clip(hug: tuple[np.ndarray, Truth]) -> None:
    """Pixel for pixel."""
    frames_THWC, _ = hug
    np.testing.assert_array_equal(stage(HUG, CONFIG)[0], frames_THWC)
