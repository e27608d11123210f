import numpy as np
import pytest

from tests.actors_clip import masks_of, panned, store
from toolkit.actors.generate import ActorClip
from toolkit.m2m.background import Background


@pytest.fixture(scope="module")
def background(actor: ActorClip) -> Background:
    """What every second frame of the actor's clip shows of the room."""
    return Background(store(actor.frames_THWC[::2]), store(masks_of(actor)[::2]))


def test_a_still_camera_shows_the_room_without_its_people(
    background: Background, actor: ActorClip
) -> None:
    """The median of what is seen is the empty room, wherever it was seen at all."""
    picture_HWC, seen_HW = background.still_picture()
    assert seen_HW.mean() > 0.95
    error_HWC = np.abs(picture_HWC.astype(int) - actor.background_THWC[0])
    assert error_HWC[seen_HW].mean() < 0.5
    assert np.quantile(error_HWC[seen_HW], 0.999) < 8


def test_a_moving_camera_has_no_still_picture(actor: ActorClip) -> None:
    """One pixel a frame is enough to see it."""
    frames, masks = (store(panned(images, 1)) for images in (actor.frames_THWC, masks_of(actor)))
    assert Background(frames, masks).still_picture() is None


def test_what_is_near_a_mask_in_time_or_place_is_not_trusted(
    background: Background, actor: ActorClip
) -> None:
    """The masks of a frame and its neighbours, grown; the rest is background for sure."""
    masks_THW = actor.masks_THW[::2]
    for index in (0, 8, len(masks_THW) - 1):
        usable_HW = background.usable_HW(index)
        near_THW = masks_THW[max(0, index - 1) : index + 2]
        assert not usable_HW[near_THW.any(0)].any()
        rim_HW = masks_THW[index] ^ np.roll(masks_THW[index], 2, axis=1)
        assert not usable_HW[rim_HW].any()
        assert usable_HW.mean() > 0.7


def test_frames_with_people_are_known(actor: ActorClip) -> None:
    """``has_hole`` is true where a mask holds anything."""
    masks_THW = masks_of(actor)[:5].copy()
    masks_THW[3] = 0
    background = Background(store(actor.frames_THWC[:5]), store(masks_THW))
    assert background.has_hole == [True, True, True, False, True]


def test_distrust_is_of_one_frame(actor: ActorClip) -> None:
    """What a step finds to be wrong is left out from then on."""
    background = Background(store(actor.frames_THWC[:3]), store(masks_of(actor)[:3]))
    where_HW = np.zeros(actor.masks_THW[0].shape, bool)
    where_HW[:40] = True
    before_HW = background.usable_HW(1)
    assert before_HW[:40].all()
    background.distrust(1, where_HW)
    np.testing.assert_array_equal(background.usable_HW(1), before_HW & ~where_HW)
    assert background.usable_HW(2)[:40].all()


def test_glimpses_close_to_masks_need_several_frames() -> None:
    """What many frames show right beside the masks is known; what few show may be a hand."""
    frames_THWC = np.full((9, 60, 90, 3), 90, np.uint8)
    masks_THW = np.zeros((9, 60, 90), np.uint8)
    masks_THW[:, :, 40:50] = 255
    masks_THW[5:, :, 44:50] = 0
    frames_THWC[5:, :, 44:50] = 255
    background = Background(store(frames_THWC), store(masks_THW))
    assert not any(background.usable_HW(index)[:, 38:47].any() for index in range(9))
    picture_HWC, glimpsed_HW = background.glimpses()
    assert glimpsed_HW[:, 38:40].all()
    assert not glimpsed_HW[:, 40:50].any()
    assert (picture_HWC[glimpsed_HW] == 90).all()
