"""What is measured of what is drawn, on boxes at known depths."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.stages.composite import count_order, measure
from tests.actors_clip import store
from tests.body_motion import motion
from tests.stages_clip import perfect_run, truth_of

HEIGHT, WIDTH = 80, 160


@pytest.fixture
def amodal_PHW() -> np.ndarray:
    """Two boxes that share 10 columns of 60 pixels."""
    amodal_PHW = np.zeros((2, HEIGHT, WIDTH), bool)
    amodal_PHW[0, 10:70, 40:60] = amodal_PHW[1, 10:70, 50:70] = True
    return amodal_PHW


@pytest.mark.parametrize(("depth_of_first", "num_right"), [(2.0, 600), (4.0, 0)])
def test_whoever_is_seen_should_be_on_top(
    amodal_PHW: np.ndarray, depth_of_first: float, num_right: int
) -> None:
    """All pixels that both share are right, or, with the depths swapped, wrong."""
    visible_PHW = amodal_PHW.copy()
    visible_PHW[1] &= ~amodal_PHW[0]
    depths = {p: amodal_PHW[p] * depth for p, depth in enumerate((depth_of_first, 3.0))}
    assert count_order(depths, visible_PHW, amodal_PHW) == (num_right, 600)


def test_a_mesh_that_is_not_there_has_no_order(amodal_PHW: np.ndarray) -> None:
    """Nor has an object before both of them."""
    depths = {0: amodal_PHW[0] * 2.0, 1: np.zeros((HEIGHT, WIDTH))}
    assert count_order(depths, amodal_PHW, amodal_PHW) == (0, 0)
    hidden_PHW = np.zeros_like(amodal_PHW)
    depths[1] = amodal_PHW[1] * 3.0
    assert count_order(depths, hidden_PHW, amodal_PHW) == (0, 0)


def test_an_object_that_a_mesh_covers(amodal_PHW: np.ndarray) -> None:
    """A quarter of it; nobody crosses anybody, so there is no order."""
    scene_HWC = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    objects_THW = np.zeros((2, HEIGHT, WIDTH), bool)
    objects_THW[:, 40:60, 40:60] = True
    coverage_THW = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    coverage_THW[:, 40:50, 40:50] = 255
    truth = truth_of(np.stack([amodal_PHW[:1]] * 2, axis=1), scene_HWC, foreground_THW=objects_THW)
    run = perfect_run(np.stack([scene_HWC] * 2), truth, coverage=store(coverage_THW))
    values = measure(run)
    assert values["foreground_covered"] == 0.25
    assert np.isnan(values["depth_order"])


@pytest.mark.parametrize(("apart_m", "expected"), [(0.2, float("nan")), (0.4, 1.0)])
def test_who_touches_is_left_out_of_the_order_of_those_apart(
    amodal_PHW: np.ndarray, apart_m: float, expected: float
) -> None:
    """Both pairs are drawn in the right order; only the second stands apart along the view."""
    visible_PHW = amodal_PHW.copy()
    visible_PHW[1] &= ~amodal_PHW[0]
    joints_PTJ3 = np.zeros((2, 1, 22, 3))
    joints_PTJ3[:, 0, :, 2] = [[3.0], [3.0 + apart_m]]
    known = {"amodal_PTHW": amodal_PHW[:, None], "joints_PTJ3": joints_PTJ3}
    truth = truth_of(visible_PHW[:, None], np.zeros((HEIGHT, WIDTH, 3), np.uint8), **known)
    motions = [replace(motion(1), track_id=track_id) for track_id in (5, 6)]
    run = perfect_run(np.zeros((1, HEIGHT, WIDTH, 3), np.uint8), truth, motions=motions)
    depths_NHW = amodal_PHW * np.array([2.0, 2.5])[:, None, None]
    vars(run).update(matches=[{0: 5, 1: 6}], depths=[depths_NHW])
    values = measure(run)
    assert values["depth_order"] == 1
    assert values["depth_order_apart"] == pytest.approx(expected, nan_ok=True)
