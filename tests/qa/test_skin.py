"""A hand that the mask let go of."""

import numpy as np
import pytest

from benchmarks.stages.limbs import limb_HW
from tests.actors_clip import store, true_people
from toolkit.actors.generate import ActorClip
from toolkit.qa.checks import Reading, load_limits
from toolkit.qa.skin import learn_skin, skin_share

LIMIT = load_limits()["skin"].value
FRAMES = range(30, 36)
"""The actor waves."""
ARM = (slice(70, 80), slice(120, 150))


def _readings(
    frames_THWC: np.ndarray, masks_THW: np.ndarray, room_THWC: np.ndarray
) -> list[Reading]:
    """Release what the masks cover as the room, and the rest as it is."""
    people = true_people(masks_THW)
    skin_N = learn_skin(store(frames_THWC), people)
    readings = []
    for index, mask_HW in enumerate(people.masks):
        shown_HWC = np.where(mask_HW[..., None] > 0, room_THWC[index], frames_THWC[index])
        readings.append(skin_share(frames_THWC[index], shown_HWC, mask_HW, skin_N))
    return readings


def _drawn(skin_C: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Somebody in a blue shirt before a grey wall, an arm held out: frames, masks, room."""
    noise_THWC = np.random.default_rng(0).normal(0, 4, (4, 160, 240, 3))
    room_THWC, masks_THW = (
        np.full((4, 160, 240, 3), (150, 155, 150), float),
        np.zeros((4, 160, 240)),
    )
    frames_THWC = room_THWC.copy()
    for area, colour_C in (
        ((slice(60, 150), slice(90, 120)), (40, 60, 120)),
        ((slice(35, 60), slice(95, 115)), skin_C),
        (ARM, skin_C),
    ):
        frames_THWC[:, *area] = colour_C
        masks_THW[:, *area] = 1
    frames, room = (
        np.clip(images + noise_THWC, 0, 255).astype(np.uint8) for images in (frames_THWC, room_THWC)
    )
    return frames, masks_THW > 0, room


TONES = [(236, 190, 165), (199, 145, 112), (148, 97, 69), (97, 64, 46), (60, 40, 30)]


@pytest.mark.parametrize("skin_C", TONES)
def test_an_arm_beside_the_mask_is_found_in_any_tone(skin_C: tuple[int, ...]) -> None:
    """From very light to very dark, and the box says where."""
    frames_THWC, masks_THW, room_THWC = _drawn(skin_C)
    assert max(_readings(frames_THWC, masks_THW, room_THWC)) == 0
    masks_THW[2][ARM] = False
    readings = _readings(frames_THWC, masks_THW, room_THWC)
    assert readings[2] > 3 * LIMIT
    assert readings[0] == readings[1] == readings[3] == 0
    x0, y0, x1, y1 = readings[2].box_xyxy or (0, 0, 0, 0)
    assert (x0 >= 120, y0 >= 68, x1 <= 152, y1 <= 82) == (True,) * 4


def test_what_was_filled_in_is_no_skin_left() -> None:
    """The arm is in no mask, but somebody removed it all the same."""
    frames_THWC, masks_THW, room_THWC = _drawn(TONES[1])
    skin_N = learn_skin(store(frames_THWC), true_people(masks_THW))
    masks_THW[2][ARM] = False
    mask_HW = masks_THW[2].astype(np.uint8) * 255
    assert skin_share(frames_THWC[2], frames_THWC[2], mask_HW, skin_N) > LIMIT
    assert skin_share(frames_THWC[2], room_THWC[2], mask_HW, skin_N) == 0


def test_a_room_of_that_colour_is_the_rooms() -> None:
    """Wood that looks like the skin of who stands before it: nothing can be told."""
    frames_THWC, masks_THW, room_THWC = _drawn(TONES[1])
    for images_THWC in (frames_THWC, room_THWC):
        images_THWC[:, 100:, 120:] = TONES[1]
    assert max(_readings(frames_THWC, masks_THW, room_THWC)) == 0


def test_an_actors_arm_is_found(actor: ActorClip) -> None:
    """Lost for half a second, and nothing else is taken for skin."""
    masks_THW = actor.masks_THW.copy()
    assert max(_readings(actor.frames_THWC, masks_THW, actor.background_THWC)) == 0
    for index in FRAMES:
        joints_J3, camera_4 = actor.truth.joints_PTJ3[0, index], actor.truth.camera_4
        arm_HW = limb_HW(actor.masks_THW[index], joints_J3, camera_4, "right_arm")
        masks_THW[index] &= ~arm_HW
    readings = _readings(actor.frames_THWC, masks_THW, actor.background_THWC)
    assert int(np.argmax(readings)) in FRAMES
    assert max(readings) > LIMIT
    assert max(readings[: FRAMES.start]) == 0


def test_a_clip_without_people_has_no_skin() -> None:
    """Nobody to learn from."""
    frames_THWC, masks_THW, _ = _drawn(TONES[0])
    empty_THW = np.zeros_like(masks_THW)
    assert not learn_skin(store(frames_THWC), true_people(empty_THW)).any()
