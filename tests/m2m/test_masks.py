from itertools import pairwise

import numpy as np
import pytest

from tests.actors_clip import store
from toolkit.frames import FrameStore
from toolkit.m2m.masks import (
    box_of,
    decode_rle,
    dilate,
    encode_rle,
    fill_holes,
    limb_cover,
    temporal_union,
    warp,
    without_flicker,
)

HEIGHT, WIDTH = 60, 120


def _store(frames) -> FrameStore:
    frames = list(frames)
    store = FrameStore(frames[0].shape, frames[0].dtype)
    for frame in frames:
        store.append(frame)
    return store


def _figure(left: int, *, is_missed: bool = False) -> np.ndarray:
    """A mask of someone 12 px wide and 30 px high."""
    mask_HW = np.zeros((HEIGHT, WIDTH), np.uint8)
    if not is_missed:
        mask_HW[20:50, left : left + 12] = 255
    return mask_HW


def _moving(missed: set[int], num_frames: int = 12, step_px: int = 3) -> list[np.ndarray]:
    """Someone who walks to the right and is missed in some frames."""
    return [_figure(10 + step_px * index, is_missed=index in missed) for index in range(num_frames)]


def _unite(masks: list[np.ndarray], step_px: int = 3, min_votes: int = 3) -> np.ndarray:
    """The temporal union of masks that move to the right, with their true flow."""
    onward_HW2 = np.zeros((HEIGHT, WIDTH, 2), np.float16)
    onward_HW2[..., 0] = step_px
    num_pairs = len(masks) - 1
    flows = [FrameStore(onward_HW2.shape, np.float16) for _ in range(2)]
    for _ in range(num_pairs):
        flows[0].append(onward_HW2)
        flows[1].append(-onward_HW2)
    return np.stack(list(temporal_union(_store(masks), *flows, min_votes)))


@pytest.mark.parametrize("inside", [1, 255, True])
def test_run_lengths_keep_the_mask(inside: int) -> None:
    """Whatever is not zero is inside; what comes back is bool."""
    inside_HW = np.random.default_rng(0).uniform(size=(37, 53)) > 0.6
    mask_HW = np.zeros((37, 53), bool if inside is True else np.uint8)
    mask_HW[inside_HW] = inside
    decoded_HW = decode_rle(encode_rle(mask_HW))
    assert decoded_HW.dtype == bool
    np.testing.assert_array_equal(decoded_HW, inside_HW)


def test_box_holds_the_mask_and_no_more() -> None:
    """The right and the lower side lie behind the last pixel; an empty mask has no box."""
    mask_HW = np.zeros((40, 60), bool)
    mask_HW[7, 20] = mask_HW[30, 11] = True
    assert box_of(mask_HW).tolist() == [11, 7, 21, 31]
    assert box_of(np.zeros((40, 60), bool)) is None


def _person() -> np.ndarray:
    """Landmarks of someone with one arm stretched out to the right; the other is not seen."""
    landmarks_K4 = np.ones((33, 4), np.float32)
    landmarks_K4[:, :2] = (30, 55)
    landmarks_K4[[14, 16, 20], 2:] = 0
    places = {11: (40, 10), 12: (20, 10), 23: (36, 50), 24: (24, 50)}
    places |= {13: (70, 10), 15: (110, 10), 19: (114, 10)}  # elbow, wrist, finger
    for index, place in places.items():
        landmarks_K4[index, :2] = place
    return landmarks_K4


def test_an_arm_is_covered_where_its_landmarks_are_sure() -> None:
    """From shoulder over elbow to wrist, about a tenth of the trunk wide; the trunk is left out."""
    cover_HW = limb_cover(_person(), (60, 120))
    assert cover_HW.dtype == bool
    assert cover_HW[10, 40:111].all()
    assert 2 <= cover_HW[:, 90].sum() <= 6
    assert not cover_HW[20:28, 18:42].any()


def test_a_limb_that_is_only_guessed_is_not_covered() -> None:
    """One end below the confidence is enough, by visibility or by presence."""
    for column in (2, 3):
        landmarks_K4 = _person()
        landmarks_K4[15, column] = 0.8
        cover_HW = limb_cover(landmarks_K4, (60, 120))
        assert cover_HW[10, 40:71].all()
        assert not cover_HW[:, 80:].any()


def test_dilation_is_the_papers() -> None:
    """A 3x3 ellipse, four times: one pixel becomes a diamond of radius 4. It is 0 or 255."""
    mask_HW = np.zeros((21, 21), bool)
    mask_HW[10, 10] = True
    y, x = np.mgrid[-10:11, -10:11]
    dilated_HW = dilate(mask_HW)
    assert dilated_HW.dtype == np.uint8
    np.testing.assert_array_equal(dilated_HW, np.where(abs(x) + abs(y) <= 4, 255, 0))


def test_small_holes_are_filled_and_big_ones_stay() -> None:
    """What a mask encloses up to a two-hundredth of the frame; a big bay at the border stays."""
    mask_HW = np.full((100, 200), 255, np.uint8)
    mask_HW[20:29, 20:30] = mask_HW[40:51, 100:110] = mask_HW[:11, 150:160] = 0
    filled_HW = fill_holes(mask_HW)
    assert (filled_HW[20:29, 20:30] == 255).all()
    mask_HW[20:29, 20:30] = 255
    np.testing.assert_array_equal(filled_HW, mask_HW)
    assert not fill_holes(np.zeros((100, 200), np.uint8)).any()


def test_what_is_shut_in_against_the_edge_of_the_frame_is_filled() -> None:
    """A body that leaves the picture twice leaves a gap at the border; open ground stays open."""
    mask_HW = np.zeros((100, 200), np.uint8)
    mask_HW[80:, 20:60] = 255
    mask_HW[94:, 35:45] = 0
    assert (fill_holes(mask_HW)[80:, 20:60] == 255).all()
    assert not fill_holes(mask_HW)[:80].any()


def test_warp_reads_along_the_flow() -> None:
    """With a flow of (5, -2) each pixel takes the value 5 px to its right and 2 px above."""
    mask_HW = _figure(50)
    flow_HW2 = np.zeros((HEIGHT, WIDTH, 2), np.float16)
    flow_HW2[...] = (5, -2)
    np.testing.assert_array_equal(
        warp(mask_HW, flow_HW2)[10:, 10:-10], np.roll(mask_HW, (2, -5), (0, 1))[10:, 10:-10]
    )


@pytest.mark.parametrize("missed", [{0}, {1}, {6}, {11}, {5, 6}])
def test_a_person_missed_for_a_moment_is_covered_where_they_are(missed: set[int]) -> None:
    """In the middle and at both ends of the clip, and not where they were before or after."""
    united = _unite(_moving(missed))
    np.testing.assert_array_equal(united, _moving(set()))


@pytest.mark.parametrize("min_votes", [3, 4])
def test_half_a_person_missed_is_covered(min_votes: int) -> None:
    """One frame shows the upper half only: the union shows all of them."""
    masks = _moving(set())
    masks[6][35:] = 0
    np.testing.assert_array_equal(_unite(masks, min_votes=min_votes), _moving(set()))


def test_a_wild_outline_stays_in_its_frame() -> None:
    """What one frame alone shows is kept there and spoils no neighbour."""
    masks = _moving(set())
    masks[6][:10] = 255
    united = _unite(masks)
    assert (united[6][:10] == 255).all()
    assert not np.delete(united, 6, axis=0)[:, :10].any()


@pytest.mark.parametrize(("min_votes", "is_taken"), [(3, True), (4, False)])
def test_ground_that_was_just_left_is_only_taken_with_few_votes(
    min_votes: int, is_taken: bool
) -> None:
    """Someone walks before ground that stands still: its flow leads back to where they were."""
    masks = _moving(set(), step_px=12)
    onward, back = (FrameStore((HEIGHT, WIDTH, 2), np.float16) for _ in range(2))
    for first_HW, second_HW in pairwise(masks):
        for flows, mask_HW, step_px in ((onward, first_HW, 12), (back, second_HW, -12)):
            flow_HW2 = np.zeros((HEIGHT, WIDTH, 2), np.float16)
            flow_HW2[mask_HW > 0, 0] = step_px
            flows.append(flow_HW2)
    united_THW = np.stack(list(temporal_union(_store(masks), onward, back, min_votes)))
    assert (united_THW[4] != masks[4]).any() == is_taken


def test_nobody_found_is_nobody_added_and_one_frame_is_enough() -> None:
    """Clips without people and clips of one frame come out as they are."""
    assert not _unite([_figure(0, is_missed=True)] * 4).any()
    np.testing.assert_array_equal(_unite([_figure(30)]), [_figure(30)])


def test_a_slit_that_opens_for_a_moment_is_closed() -> None:
    """What is masked before and after is masked for up to three frames between; no more."""
    masks_THW = np.full((12, 10, 10), 255, np.uint8)
    masks_THW[2:5, 8:, 2:8] = 0  # three frames
    masks_THW[6:10, :2] = 0  # four frames
    masks_THW[0, 5] = 0  # no frame before
    steady_THW = np.stack(list(without_flicker(store(masks_THW))))
    assert steady_THW[2:5, 8:, 2:8].all()
    assert not steady_THW[7:9, :2].any()
    assert not steady_THW[0, 5].any()
    assert (steady_THW >= masks_THW).all()
