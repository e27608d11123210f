import cv2
import numpy as np
import pytest

from tests.actors_clip import read_masks, store
from toolkit.m2m.background import Background
from toolkit.m2m.settled import add_settled

HEIGHT, WIDTH, NUM_FRAMES = 96, 192, 60
FOOT = np.s_[0:8, 150:166]
MIDDLE = np.s_[44:52, 150:166]


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    """Frames of a textured floor which a figure crosses, and the figure's masks."""
    noise_HWC = cv2.GaussianBlur(
        np.random.default_rng(0).normal(size=(HEIGHT, WIDTH, 3)), (0, 0), 1.5
    )
    floor_HWC = np.uint8(np.clip(150 + 25 * noise_HWC / noise_HWC.std(), 90, 255))
    frames_THWC = np.tile(floor_HWC, (NUM_FRAMES, 1, 1, 1))
    masks_THW = np.zeros((NUM_FRAMES, HEIGHT, WIDTH), np.uint8)
    for index in range(NUM_FRAMES):
        cv2.ellipse(masks_THW[index], (20 + index * 2, 62), (8, 26), 0, 0, 360, 255, -1)
        frames_THWC[index][masks_THW[index] > 0] = (40, 30, 60)
    return frames_THWC, masks_THW


def _added(frames_THWC: np.ndarray, masks_THW: np.ndarray) -> np.ndarray:
    masks = store(masks_THW)
    grown_THW = read_masks(add_settled(Background(store(frames_THWC), masks), masks))
    assert grown_THW[masks_THW > 0].all()
    return (grown_THW > 0) & (masks_THW == 0)


@pytest.mark.parametrize("there", [slice(12, None), slice(None, 48)], ids=["comes", "leaves"])
def test_a_foot_that_stands_at_the_edge_for_most_of_the_clip_is_masked_in_all_of_it(
    scene: tuple[np.ndarray, np.ndarray], there: slice
) -> None:
    """In the frames without it too: nobody knows which of both is the ground."""
    scene[0][(there, *FOOT)] = (40, 40, 110)
    added_THW = _added(*scene)
    assert added_THW[(slice(None), *FOOT)].all()
    assert added_THW.mean() < 0.03


@pytest.mark.parametrize(
    ("there", "where"),
    [(slice(None), FOOT), (slice(20, 40), FOOT), (slice(12, None), MIDDLE)],
    ids=["always there", "comes and goes", "away from the edge"],
)
def test_other_things_are_kept(
    scene: tuple[np.ndarray, np.ndarray], there: slice, where: tuple[slice, slice]
) -> None:
    """What is always there is the scene; what comes and goes differs from it; the rest is found."""
    scene[0][(there, *where)] = (40, 40, 110)
    assert not _added(*scene).any()


def test_light_is_no_change(scene: tuple[np.ndarray, np.ndarray]) -> None:
    """A shadow falls on the edge and stays; the sun comes out over a third of the picture."""
    light_HW1 = np.ones((HEIGHT, WIDTH, 1), np.float32)
    light_HW1[:30, 90:140] = 0.75
    light_HW1[:, :64] = 1.15
    light_HW1 = cv2.GaussianBlur(light_HW1, (0, 0), 4)[..., None]
    scene[0][20:] = np.uint8(np.clip(scene[0][20:] * light_HW1, 0, 255))
    assert not _added(*scene).any()


def test_a_camera_that_moves_shows_no_change(scene: tuple[np.ndarray, np.ndarray]) -> None:
    """Everything at the edge changes then."""
    frames_THWC, masks_THW = scene
    scene[0][(slice(12, None), *FOOT)] = (40, 40, 110)
    for index in range(NUM_FRAMES):
        frames_THWC[index] = np.roll(frames_THWC[index], index, axis=1)
        masks_THW[index] = np.roll(masks_THW[index], index, axis=1)
    assert not _added(frames_THWC, masks_THW).any()
