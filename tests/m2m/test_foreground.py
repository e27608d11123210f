import cv2
import numpy as np
import pytest

from tests.actors_clip import masks_of, panned, read_masks, store
from toolkit.actors.generate import ActorClip
from toolkit.m2m.background import Background
from toolkit.m2m.foreground import add_foreground, take_out_background
from toolkit.m2m.types import PersonFrame, Track

HEIGHT, WIDTH, NUM_FRAMES = 96, 192, 60
CORNER = np.s_[4:20, 4:28]


def _walk() -> tuple[np.ndarray, np.ndarray]:
    """Frames and true masks of a dark figure who crosses a textured wall."""
    noise_HWC = np.random.default_rng(0).normal(size=(HEIGHT, WIDTH, 3))
    wall_HWC = cv2.GaussianBlur(noise_HWC, (0, 0), 1.5)
    wall_HWC = np.uint8(np.clip(150 + 25 * wall_HWC / wall_HWC.std(), 90, 255))
    frames_THWC = np.tile(wall_HWC, (NUM_FRAMES, 1, 1, 1))
    masks_THW = np.zeros((NUM_FRAMES, HEIGHT, WIDTH), np.uint8)
    for index in range(NUM_FRAMES):
        cv2.ellipse(masks_THW[index], (20 + index * 5 // 2, 62), (8, 26), 0, 0, 360, 255, -1)
        frames_THWC[index][masks_THW[index] > 0] = (40, 30, 60)
    return frames_THWC, masks_THW


@pytest.fixture
def walk() -> tuple[np.ndarray, np.ndarray]:
    """A walk of the figure that a test may change."""
    return _walk()


def _grown(frames_THWC: np.ndarray, masks_THW: np.ndarray) -> np.ndarray:
    return read_masks(add_foreground(Background(store(frames_THWC), store(masks_THW)))[0])


def test_what_the_masks_lost_of_a_person_is_covered(actor: ActorClip) -> None:
    """Head and shoulders missing in a third of the frames are found before the empty room."""
    walking = slice(3, 15)
    lost_THW = actor.masks_THW.copy()
    lost_THW[:, 110:] = False
    lost_THW[15:] = lost_THW[:3] = False
    masks_THW = masks_of(actor)
    masks_THW[lost_THW] = 0
    grown_THW = _grown(actor.frames_THWC, masks_THW)
    for lost_HW, grown_HW in zip(lost_THW[walking], grown_THW[walking], strict=True):
        assert lost_HW.sum() > 500
        assert grown_HW[lost_HW].mean() > 0.9
    assert grown_THW[masks_THW > 0].all()
    assert (grown_THW & ~actor.masks_THW).mean() < 0.02


def test_what_is_close_to_a_person_belongs_to_them(walk: tuple[np.ndarray, np.ndarray]) -> None:
    """A thing they carry on their head, a few pixels above their mask."""
    frames_THWC, masks_THW = walk
    for index in range(NUM_FRAMES):
        left = 16 + index * 5 // 2
        frames_THWC[index, 22:31, left : left + 8] = (220, 40, 40)
    grown_THW = _grown(frames_THWC, masks_THW)
    for index in range(NUM_FRAMES):
        left = 16 + index * 5 // 2
        assert grown_THW[index, 22:31, left : left + 8].mean() > 0.9


def test_a_pale_sleeve_belongs_to_a_person(walk: tuple[np.ndarray, np.ndarray]) -> None:
    """A raised arm as bright as the wall, and a little redder, in a clip of little noise."""
    frames_THWC, masks_THW = walk
    sleeves = [np.s_[20:31, 16 + i * 5 // 2 : 26 + i * 5 // 2] for i in range(NUM_FRAMES)]
    redder_3 = np.array([14, -6, 2])
    for frame_HWC, sleeve_HW in zip(frames_THWC, sleeves, strict=True):
        frame_HWC[sleeve_HW] = np.clip(frame_HWC[sleeve_HW] + redder_3, 0, 255)
    grown_THW = _grown(_noisy(frames_THWC, 2), masks_THW)
    for grown_HW, sleeve_HW in zip(grown_THW, sleeves, strict=True):
        assert grown_HW[sleeve_HW].mean() > 0.8


def test_noise_beside_a_person_is_no_part_of_them(walk: tuple[np.ndarray, np.ndarray]) -> None:
    """What counts as different follows the noise of the clip."""
    frames_THWC, masks_THW = walk
    for sigma in (2, 8, 16):
        grown_THW = _grown(_noisy(frames_THWC, sigma), masks_THW)
        assert (grown_THW & (masks_THW == 0)).mean() < 0.02


def _noisy(frames_THWC: np.ndarray, sigma: float) -> np.ndarray:
    noise_THWC = np.random.default_rng(0).normal(0, sigma, frames_THWC.shape)
    return np.clip(frames_THWC + noise_THWC, 0, 255).astype(np.uint8)


def test_who_is_lost_for_good_is_followed_on(walk: tuple[np.ndarray, np.ndarray]) -> None:
    """Masks that end in the middle of the clip: the figure is covered to its last frame."""
    frames_THWC, true_THW = walk
    masks_THW = true_THW.copy()
    masks_THW[25:] = 0
    grown_THW = _grown(frames_THWC, masks_THW)
    for index in range(NUM_FRAMES):
        assert grown_THW[index][true_THW[index] > 0].mean() > 0.97
    # Backward in time too: masks that begin in the middle.
    masks_THW = true_THW.copy()
    masks_THW[:35] = 0
    grown_THW = _grown(frames_THWC, masks_THW)
    for index in range(NUM_FRAMES):
        assert grown_THW[index][true_THW[index] > 0].mean() > 0.97


def test_what_moves_far_from_people_is_reported_and_not_covered(
    walk: tuple[np.ndarray, np.ndarray],
) -> None:
    """A sign that lights up for a moment is no person, but may be one: its share is told."""
    frames_THWC, masks_THW = walk
    frames_THWC[40:44][:, *CORNER] = 10
    grown, unexplained = add_foreground(Background(store(frames_THWC), store(masks_THW)))
    assert not read_masks(grown)[:, *CORNER].any()
    share = 16 * 24 / (HEIGHT * WIDTH)
    np.testing.assert_allclose(unexplained[40:44], share, rtol=0.3)
    assert max(np.delete(unexplained, range(40, 44))) == 0


def test_a_person_whom_nobody_found_is_unexplained(walk: tuple[np.ndarray, np.ndarray]) -> None:
    """Without a single mask, the figure is still reported in every frame."""
    frames_THWC, true_THW = walk
    grown, unexplained = add_foreground(
        Background(store(frames_THWC), store(np.zeros_like(true_THW)))
    )
    assert not read_masks(grown).any()
    assert min(unexplained) > 0.5 * (true_THW[0] > 0).mean()


def test_a_change_of_light_is_no_person(walk: tuple[np.ndarray, np.ndarray]) -> None:
    """The whole room brighter, or more than half of it: nothing is added."""
    frames_THWC, masks_THW = walk
    frames_THWC[40] = np.clip(frames_THWC[40].astype(int) + 30, 0, 255)
    frames_THWC[50, :, : WIDTH * 6 // 10] = np.clip(
        frames_THWC[50, :, : WIDTH * 6 // 10].astype(int) + 60, 0, 255
    )
    grown_THW = _grown(frames_THWC, masks_THW)
    for index in (40, 50):
        assert (grown_THW[index] & (masks_THW[index] == 0)).mean() < 0.02


def test_before_a_moving_camera_nothing_is_said(actor: ActorClip) -> None:
    """The masks come back as they were."""
    masks = store(panned(masks_of(actor)))
    grown, unexplained = add_foreground(Background(store(panned(actor.frames_THWC)), masks))
    assert grown is masks
    assert unexplained == [0.0] * len(masks)


def test_a_shadow_far_from_people_is_explained(walk: tuple[np.ndarray, np.ndarray]) -> None:
    """A part of the wall grows darker and keeps its texture: that is light, and no person."""
    frames_THWC, masks_THW = walk
    shade_HW = np.s_[2:28, 4:70]
    frames_THWC[40:44][:, *shade_HW] = frames_THWC[40:44][:, *shade_HW] * 0.6
    _, unexplained = add_foreground(Background(store(frames_THWC), store(masks_THW)))
    assert max(unexplained) < 0.4 * 26 * 66 / (HEIGHT * WIDTH)  # its rim is left


def _track(box_xyxy_T4: dict[int, tuple[float, ...]]) -> Track:
    sightings = {
        index: PersonFrame(np.array(box, np.float32), {}, score=0.9)
        for index, box in box_xyxy_T4.items()
    }
    return Track(0, sightings, num_confirmed=len(sightings))


def test_background_in_an_outline_is_taken_out(walk: tuple[np.ndarray, np.ndarray]) -> None:
    """An outline with a piece of the wall that was seen while the figure was elsewhere."""
    frames_THWC, true_THW = walk
    outlines_THW = true_THW.copy()
    outlines_THW[:8, 60:90, 40:80] = 255
    track = _track({i: (12 + i * 5 / 2, 36, 28 + i * 5 / 2, 88) for i in range(NUM_FRAMES)})
    background = Background(store(frames_THWC), store(outlines_THW))
    purer = read_masks(take_out_background(store(outlines_THW), background, [track]))
    for index in range(8):
        wall_HW = (outlines_THW[index] > 0) & (true_THW[index] == 0)
        assert purer[index][wall_HW].mean() < 0.35  # its rim stays
        assert purer[index][true_THW[index] > 0].mean() > 0.97


def test_what_stands_still_in_a_box_stays_in_the_outline() -> None:
    """Somebody who never moves, overlooked in half of the frames, is not proved background."""
    frames_THWC, true_THW = _walk()
    frames_THWC, true_THW = frames_THWC[[20] * NUM_FRAMES], true_THW[[20] * NUM_FRAMES]
    masks_THW = true_THW.copy()
    masks_THW[::2] = 0
    masks_THW[: NUM_FRAMES // 2] = 0
    track = _track(dict.fromkeys(range(NUM_FRAMES), (62.0, 36.0, 78.0, 88.0)))
    background = Background(store(frames_THWC), store(masks_THW))
    purer = read_masks(take_out_background(store(true_THW), background, [track]))
    assert purer[true_THW > 0].all()
