import cv2
import numpy as np
import pytest

from toolkit.frames import FrameStore
from toolkit.m2m.motion import Flow, neighbour_flows

HEIGHT, WIDTH = 96, 160


@pytest.fixture(scope="module")
def frames() -> FrameStore:
    """A texture that moves by (4, -2) px a frame."""
    noise_HWC = np.random.default_rng(0).normal(size=(HEIGHT + 40, WIDTH + 40, 3))
    texture_HWC = cv2.GaussianBlur(noise_HWC, (0, 0), 2)
    texture_HWC = np.uint8(np.clip(128 + 90 * texture_HWC / texture_HWC.std() / 2, 0, 255))
    store = FrameStore((HEIGHT, WIDTH, 3))
    for index in range(4):
        top, left = 10 + 2 * index, 30 - 4 * index
        store.append(texture_HWC[top : top + HEIGHT, left : left + WIDTH])
    return store


def test_flow_leads_from_the_first_frame_to_the_second(frames: FrameStore) -> None:
    """Within half a pixel, in x and y; swapped frames give the way back."""
    inside = np.s_[16:-16, 16:-16]
    flow = Flow()
    onward_HW2, back_HW2 = flow(frames[0], frames[1]), flow(frames[1], frames[0])
    assert onward_HW2.shape == (HEIGHT, WIDTH, 2)
    assert onward_HW2.dtype == np.float32
    assert np.abs(onward_HW2[inside] - (4, -2)).mean() < 0.3
    assert np.abs(back_HW2[inside] - (-4, 2)).mean() < 0.3


def test_each_pair_of_neighbours_has_a_flow_each_way(frames: FrameStore) -> None:
    """One entry less than frames, in half precision, the same whichever thread computed it."""
    onward, back = neighbour_flows(frames)
    assert len(onward) == len(back) == 3
    for index in range(3):
        flow = Flow()  # OpenCV's remembers the pair before, so each pair has its own
        there_HW2 = flow(frames[index], frames[index + 1]).astype(np.float16)
        here_HW2 = flow(frames[index + 1], frames[index]).astype(np.float16)
        np.testing.assert_array_equal(onward[index], there_HW2)
        np.testing.assert_array_equal(back[index], here_HW2)


def test_one_frame_has_no_neighbour() -> None:
    """Then there is no flow, and no error."""
    store = FrameStore((HEIGHT, WIDTH, 3))
    store.append(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert [len(flows) for flows in neighbour_flows(store)] == [0, 0]
