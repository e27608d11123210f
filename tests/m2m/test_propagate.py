import numpy as np
import pytest

from toolkit.frames import FrameStore
from toolkit.m2m import propagate, pyramid


@pytest.mark.parametrize("shift", [(3.3, -1.7), (0.0, 0.0)])
def test_background_motion_reaches_into_the_hole(shift: tuple[float, float]) -> None:
    """Tracks around a hole, one in eight of them wrong, give the camera's motion inside it."""
    rng = np.random.default_rng(0)
    start_N2 = rng.uniform(0, (199, 99), (300, 2)).astype(np.float32)
    start_N2 = start_N2[(np.abs(start_N2 - (100, 50)) > 25).any(1)]
    end_N2 = start_N2 + np.float32(shift)
    end_N2[::8] += rng.uniform(-30, 30, end_N2[::8].shape).astype(np.float32)
    motion_HW2 = pyramid.enlarge(propagate.background_motion(start_N2, end_N2, 100, 200), 100, 200)
    assert np.abs(motion_HW2[25:75, 75:125] - shift).max() < 0.3


def test_background_motion_of_too_few_points_is_none_at_all() -> None:
    """Where nothing can be tracked the camera is taken to stand still."""
    nothing_N2 = np.zeros((0, 2), np.float32)
    motion_hw2 = propagate.background_motion(nothing_N2, nothing_N2, 30, 50)
    np.testing.assert_array_equal(motion_hw2, np.zeros((8, 13, 2)))


def test_sources_survive_many_steps_without_blur() -> None:
    """A colour carried 20 frames by whole pixels is exactly the colour last seen."""
    frame_HWC = np.random.default_rng(0).integers(0, 256, (40, 120, 3), dtype=np.uint8)
    frames = FrameStore(frame_HWC.shape)
    frames.append(frame_HWC)
    usable_HW = np.ones((40, 120), bool)
    flow_HW2 = np.full((40, 120, 2), (2, 0), np.float32)
    sources = propagate.Sources.none(40, 120)
    for _ in range(20):
        sources = propagate.carry(sources, usable_HW, 0, flow_HW2, np.ones((40, 120), bool))
        usable_HW = np.zeros((40, 120), bool)
    colours_HWC = propagate.gather(frames, sources)
    np.testing.assert_array_equal(colours_HWC[:, :80], frame_HWC[:, 40:])
    assert not sources.age_HW(20)[:, 80:].any()
    assert (sources.age_HW(20)[:, :80] == 20).all()


def test_a_slow_background_does_not_lead_into_the_person() -> None:
    """Carried by 0.4 px a frame, sources that would creep into the unusable part are dropped."""
    usable_THW = np.zeros((12, 20, 60), bool)
    usable_THW[..., :30] = usable_THW[0, :, 30:33] = True
    flow_HW2 = np.full((20, 60, 2), (0.4, 0), np.float32)
    sources = propagate.Sources.none(20, 60)
    for index, usable_HW in enumerate(usable_THW):
        sources = propagate.carry(sources, usable_HW, index, flow_HW2, ~usable_THW[-1])
        propagate.drop_unusable(sources, usable_THW.__getitem__)
        known_HW = sources.origin_HW3[..., 0] >= 0
        assert known_HW.any() or index > 1
        assert np.rint(sources.origin_HW3[known_HW][:, 1]).max(initial=0) < 33
    made_up = propagate.Sources.none(20, 60)
    made_up.invent(5, ~usable_THW[5])
    propagate.drop_unusable(made_up, usable_THW.__getitem__)
    assert (made_up.origin_HW3[..., 0] == 5).sum() == np.count_nonzero(~usable_THW[5])


def test_invented_colours_yield_to_seen_ones() -> None:
    """What a later frame shows wins over what was made up, however far away it is."""
    sources = propagate.Sources.none(4, 4)
    sources.invent(3, np.ones((4, 4), bool))
    black_HWC = np.zeros((4, 4, 3), np.uint8)
    white_HWC = np.full((4, 4, 3), 255, np.uint8)
    mixed_HWC, known_HW = propagate.blend(
        black_HWC, sources.age_HW(4), white_HWC, np.full((4, 4), 200)
    )
    assert known_HW.all()
    assert mixed_HWC.min() > 254


def test_match_brightness_follows_the_light_and_not_a_shadow() -> None:
    """A fill ten levels too dark is lifted; a black thing on the rim does not pull it down."""
    frame_HWC = np.full((60, 60, 3), 110, np.uint8)
    fill_HWC = np.full((60, 60, 3), 100, np.float32)
    hole_HW = np.zeros((60, 60), bool)
    hole_HW[20:40, 20:40] = True
    frame_HWC[40:44, 20:40] = 0
    matched_HWC = propagate.match_brightness(fill_HWC, frame_HWC, ~hole_HW)
    assert np.abs(matched_HWC[hole_HW].astype(int) - 110).max() <= 1


def test_find_moving_finds_a_limb_but_not_the_panning_background() -> None:
    """A bright bar that stays while the background pans is found, if it is near a hole."""
    wide_HW = np.random.default_rng(0).normal(0, 1, (60, 140))
    wide_HW = propagate.soften(np.uint8(wide_HW[..., None].repeat(3, 2) * 30 + 128))
    frame_HW, other_HW = wide_HW[:, :120].copy(), wide_HW[:, 4:124].copy()
    frame_HW[28:32, 60:70] = other_HW[28:32, 60:70] = 255
    usable_HW = np.ones((60, 120), bool)
    usable_HW[:, 40:60] = False
    flow_HW2 = np.full((60, 120, 2), (-4, 0), np.float32)
    moving_HW = propagate.find_moving(frame_HW, usable_HW, other_HW, usable_HW, flow_HW2)
    assert moving_HW[28:32, 66:72].all()
    assert not moving_HW[:, 90:].any()
    assert not moving_HW[:20, 64:].any()


def test_median_background_ignores_what_is_not_usable() -> None:
    """People under masks and one stray frame leave no trace; a pixel never seen is told."""
    frames_SHWC = np.full((5, 4, 6, 3), 90, np.uint8)
    usable_SHW = np.ones((5, 4, 6), bool)
    frames_SHWC[:3, :, :3], usable_SHW[:3, :, :3] = 255, False
    frames_SHWC[4, :, 3:] = 0
    usable_SHW[:, 0, 0] = False
    background_HWC, seen_HW = propagate.median_background(frames_SHWC, usable_SHW)
    assert (background_HWC[seen_HW] == 90).all()
    assert np.argwhere(~seen_HW).tolist() == [[0, 0]]
