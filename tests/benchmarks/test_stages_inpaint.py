"""What is measured of an empty scene, on scenes of known noise."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from benchmarks.stages.inpaint import measure, shown_elsewhere, ssim_HW
from benchmarks.stages.run import ClipRun
from benchmarks.stages.silhouette import moved, silhouette_auc
from tests.actors_clip import store, true_people
from tests.stages_clip import perfect_run, truth_of
from toolkit.adapters.navier_stokes import NavierStokesInpainter

NUM_FRAMES, HEIGHT, WIDTH = 8, 80, 160


@pytest.fixture(scope="module")
def masks_THW() -> np.ndarray:
    """A box that walks to the right."""
    masks_THW = np.zeros((NUM_FRAMES, HEIGHT, WIDTH), bool)
    for index in range(NUM_FRAMES):
        masks_THW[index, 10:70, 40 + 4 * index : 70 + 4 * index] = True
    return masks_THW


@pytest.fixture(scope="module")
def scene_HWC() -> np.ndarray:
    """Texture that no border tells of."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(60, 190, (HEIGHT // 4, WIDTH // 4, 3))
    return coarse.repeat(4, 0).repeat(4, 1).astype(np.uint8)


def run_of(masks_THW: np.ndarray, scene_HWC: np.ndarray, empty_THWC: np.ndarray) -> ClipRun:
    """Return a run before a still camera whose inpainter made ``empty_THWC``."""
    frames_THWC = np.stack([scene_HWC] * NUM_FRAMES)
    frames_THWC[masks_THW] = 0
    truth = truth_of(masks_THW[None], scene_HWC)
    return perfect_run(frames_THWC, truth, background=store(empty_THWC))


def test_the_psnr_of_a_known_error(masks_THW: np.ndarray, scene_HWC: np.ndarray) -> None:
    """10 of 255 everywhere in the hole; what is beside the hole does not count."""
    empty_THWC = np.stack([scene_HWC] * NUM_FRAMES)
    empty_THWC[masks_THW] += 10
    empty_THWC[:, :, :20] = 0
    values = measure(run_of(masks_THW, scene_HWC, empty_THWC))
    assert values["psnr_static_db"] == pytest.approx(20 * np.log10(25.5))
    assert "psnr_moving_db" not in values
    assert values["gain_over_ns_db"] > 5
    assert values["warp_error"] < 5  # only where the hole ends in the next frame


def test_navier_stokes_gains_nothing_over_itself(
    masks_THW: np.ndarray, scene_HWC: np.ndarray
) -> None:
    """The same masks and the same fill."""
    frames_THWC = np.stack([scene_HWC] * NUM_FRAMES)
    frames_THWC[masks_THW] = 0
    masks = true_people(masks_THW).masks
    filled = NavierStokesInpainter().inpaint(store(frames_THWC), masks, lambda _num_done: None)
    values = measure(run_of(masks_THW, scene_HWC, np.stack(list(filled))))
    assert values["gain_over_ns_db"] == 0
    assert values["ssim"] < 0.8
    assert values["silhouette_auc"] > 0.9


def test_nobody_to_remove(scene_HWC: np.ndarray) -> None:
    """Nothing was hidden, so nothing can be said."""
    nobody_THW = np.zeros((NUM_FRAMES, HEIGHT, WIDTH), bool)
    values = measure(run_of(nobody_THW, scene_HWC, np.stack([scene_HWC] * NUM_FRAMES)))
    assert np.isnan(list(values.values())).all()


def test_a_moving_camera_s_error_is_told_apart(
    masks_THW: np.ndarray, scene_HWC: np.ndarray
) -> None:
    """A perfect scene that pans by 2 px a frame has no warp error beyond resampling."""
    pan_THWC = np.stack([np.roll(scene_HWC, -2 * index, axis=1) for index in range(NUM_FRAMES)])
    truth = truth_of(masks_THW[None], scene_HWC, background_THWC=pan_THWC)
    frames_THWC = np.where(masks_THW[..., None], np.uint8(0), pan_THWC)
    values = measure(perfect_run(frames_THWC, truth, background=store(pan_THWC)))
    assert values["psnr_moving_db"] > 60
    assert values["ssim"] == pytest.approx(1)
    assert values["warp_error"] < 6


def test_what_another_frame_shows(masks_THW: np.ndarray) -> None:
    """A walker uncovers what they leave behind, but for what all frames hide."""
    flows = store([np.zeros((2, HEIGHT, WIDTH, 2), np.float32)] * (NUM_FRAMES - 1))
    never_HW = np.zeros((HEIGHT, WIDTH), bool)
    never_HW[10:70, 68:70] = True  # from the left of the last frame to the right of the first
    shown_THW = shown_elsewhere(masks_THW, flows)
    assert (shown_THW[0] == ~never_HW).all()
    assert (shown_THW == shown_THW[0]).all()


def test_what_a_moving_camera_shows(masks_THW: np.ndarray) -> None:
    """Somebody whom the camera follows hides something new in each frame."""
    follow_THW = np.stack([masks_THW[0]] * NUM_FRAMES)
    flows = store([np.zeros((2, HEIGHT, WIDTH, 2), np.float32)] * (NUM_FRAMES - 1))
    assert not shown_elsewhere(follow_THW, flows)[follow_THW].any()
    flow_2HW2 = np.zeros((2, HEIGHT, WIDTH, 2), np.float32)
    flow_2HW2[0, ..., 0], flow_2HW2[1, ..., 0] = -8, 8
    panned = store([flow_2HW2] * (NUM_FRAMES - 1))
    shown_THW = shown_elsewhere(follow_THW, panned)
    assert shown_THW[:, :, 40:70].mean() > 0.9


def test_masks_that_are_too_large_leave_less_free(
    masks_THW: np.ndarray, scene_HWC: np.ndarray
) -> None:
    """What the run's own masks hide all the time is told apart from what the clip never shows."""
    empty_THWC = np.stack([scene_HWC] * NUM_FRAMES)
    run = run_of(masks_THW, scene_HWC, empty_THWC)
    exact = measure(run)
    larger = np.stack([cv2.dilate(m.astype(np.uint8), np.ones((1, 61))) * 255 for m in masks_THW])
    people = replace(run.done.people, masks=store(larger))
    values = measure(replace(run, done=replace(run.done, people=people)))
    name = "share_shown_elsewhere"
    assert values[name] == exact[name] > 0.4
    assert exact[f"{name}_left_free"] == exact[name]
    assert values[f"{name}_left_free"] == 0


@pytest.mark.parametrize("kind", ["like the rest", "frozen", "restless"])
def test_a_hole_is_visible_by_its_noise(masks_THW: np.ndarray, kind: str) -> None:
    """0.5 where the hole has the noise of the rest, near 1 where it has none or more."""
    rng = np.random.default_rng(0)
    noise_THWC = rng.normal(0, 4, (NUM_FRAMES, HEIGHT, WIDTH, 3))
    strength = {"like the rest": 1, "frozen": 0, "restless": 3}[kind]
    noise_THWC[masks_THW] *= strength
    shown = store(np.rint(128 + noise_THWC).astype(np.uint8))
    flows = store([np.zeros((2, HEIGHT, WIDTH, 2), np.float32)] * (NUM_FRAMES - 1))
    masks = store(masks_THW.astype(np.uint8) * 255)
    auc = silhouette_auc(shown, masks, masks_THW, flows)
    assert 0.42 < auc < 0.58 if kind == "like the rest" else auc > 0.95


def test_a_frame_moved_along_the_flow_is_the_one_before(scene_HWC: np.ndarray) -> None:
    """A pan to the right shows at x what is at x - 3 in the next frame."""
    later_HWC = np.roll(scene_HWC, -3, axis=1)
    flow_HW2 = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    flow_HW2[..., 0] = -3
    assert (moved(later_HWC, flow_HW2)[:, 3:] == scene_HWC[:, 3:]).all()


def test_structural_similarity(scene_HWC: np.ndarray) -> None:
    """1 for the same, near 0 for an image that has nothing to do with it."""
    assert ssim_HW(scene_HWC, scene_HWC) == pytest.approx(1)
    other_HWC = np.random.default_rng(1).integers(0, 256, scene_HWC.shape).astype(np.uint8)
    assert ssim_HW(scene_HWC, other_HWC).mean() < 0.2
