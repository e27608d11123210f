from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from toolkit import models
from toolkit.actors.generate import ActorClip
from toolkit.adapters.detectors import Detection, palm_detector
from toolkit.adapters.landmarks import (
    HandLandmarker,
    Pose,
    PoseLandmarker,
    Region,
    region_of_keypoints,
    region_of_pose,
    steady_presence,
)
from toolkit.m2m.masks import box_of
from toolkit.video import decode

WAVING = 30
NOSE, LEFT_WRIST, RIGHT_WRIST, LEFT_HIP, RIGHT_HIP = 0, 15, 16, 23, 24


def _apply(affine_23: np.ndarray, places_N2: np.ndarray) -> np.ndarray:
    return np.asarray(places_N2) @ affine_23[:, :2].T + affine_23[:, 2]


@pytest.mark.parametrize("angle_rad", [0.0, 0.7, -2.5, np.pi])
def test_the_way_into_a_region_and_back_is_exact(angle_rad: float) -> None:
    """The centre goes to the middle, lengths scale by size over side, and the inverse undoes it."""
    region = Region(np.array([100.0, 40.0]), 80.0, angle_rad)
    to_crop_23 = region.to_crop(256)
    np.testing.assert_allclose(_apply(to_crop_23, region.centre_xy), [128, 128], atol=1e-9)
    places_N2 = np.random.default_rng(0).uniform(0, 200, (20, 2))
    crop_N2 = _apply(to_crop_23, places_N2)
    back_N2 = _apply(cv2.invertAffineTransform(to_crop_23), crop_N2)
    np.testing.assert_allclose(back_N2, places_N2, atol=1e-9)
    scales = np.linalg.norm(crop_N2 - 128, axis=1) / np.linalg.norm(
        places_N2 - region.centre_xy, axis=1
    )
    np.testing.assert_allclose(scales, 256 / 80)


@pytest.mark.parametrize("towards", [(0, -30), (30, 0), (0, 30), (-20, 25)])
def test_a_region_turns_the_person_upright(towards: tuple[int, int]) -> None:
    """The point of the body circle lies straight above the centre, 1 / 1.25 of half a side away."""
    centre_xy = np.array([100.0, 60.0])
    region = Region.through(centre_xy, centre_xy + towards)
    assert region.side_px == pytest.approx(2 * np.hypot(*towards) * 1.25)
    top_xy = _apply(region.to_crop(200), centre_xy + towards)
    np.testing.assert_allclose(top_xy, [100, 100 - 100 / 1.25], atol=1e-9)


def test_a_region_around_a_box_is_upright_and_holds_it() -> None:
    """Its side is the longer side of the box, with the margin."""
    region = Region.around(np.array([10, 20, 50, 100]), margin=1.5)
    np.testing.assert_allclose(region.centre_xy, [30, 60])
    assert (region.side_px, region.angle_rad) == (120, 0)


def test_between_two_regions_the_turn_is_the_shorter_one() -> None:
    """Also across the angle of half a turn."""
    first = Region(np.array([0.0, 0.0]), 100.0, np.deg2rad(170))
    second = Region(np.array([10.0, 20.0]), 200.0, np.deg2rad(-170))
    half = first.towards(second, 0.5)
    np.testing.assert_allclose(half.centre_xy, [5, 10])
    assert half.side_px == 150
    assert np.cos(half.angle_rad) == pytest.approx(-1)
    assert first.towards(second, 0).angle_rad == pytest.approx(first.angle_rad)
    assert np.cos(first.towards(second, 1).angle_rad - second.angle_rad) == pytest.approx(1)


def _keypoints(hips_y: float, shoulders_y: float, confidence: float = 0.9) -> Detection:
    """COCO points of someone whose hips and shoulders are at x = 100."""
    points_N3 = np.tile([100.0, hips_y, confidence], (17, 1))
    points_N3[[5, 6], 1] = shoulders_y
    points_N3[[15, 16], 1] = hips_y + 1.6 * (hips_y - shoulders_y)
    heights = points_N3[:, 1]
    return Detection(np.array([80, heights.min(), 120, heights.max()]), 0.8, points_N3)


def test_coco_points_give_a_region_from_the_hips() -> None:
    """Shoulders up, as far as the farthest point; upside down it turns around."""
    region = region_of_keypoints(_keypoints(100, 70), 0.2)
    np.testing.assert_allclose(region.centre_xy, [100, 100])
    assert region.side_px == pytest.approx(2 * 48 * 1.25)
    assert region.angle_rad == pytest.approx(0)
    region = region_of_keypoints(_keypoints(100, 130), 0.2)
    assert abs(region.angle_rad) == pytest.approx(np.pi)


def test_points_that_do_not_say_which_way_is_up_give_no_region() -> None:
    """None at all, unsure hips, unsure shoulders, or both in one place."""
    assert region_of_keypoints(Detection(np.array([0, 0, 9, 9]), 0.8), 0.2) is None
    for unsure in ([5, 6], [11, 12]):
        person = _keypoints(100, 70)
        person.points_N3[unsure, 2] = 0.1
        assert region_of_keypoints(person, 0.2) is None
    assert region_of_keypoints(_keypoints(100, 100.1), 0.2) is None
    person = _keypoints(100, 70)
    person.points_N3[[5, 11], 2] = 0.1
    assert region_of_keypoints(person, 0.2) is not None


def test_a_point_that_is_not_sure_does_not_widen_the_region() -> None:
    """A foot that is only guessed far away is left out."""
    person = _keypoints(100, 70)
    person.points_N3[15] = (400, 300, 0.1)
    assert region_of_keypoints(person, 0.2).side_px == pytest.approx(2 * 48 * 1.25)


def test_the_detectors_circle_is_the_region() -> None:
    """Centre at point 0, turned towards point 1."""
    points_N3 = np.array([[50, 60, 1], [90, 60, 1]], float)
    region = region_of_pose(Detection(np.array([40, 50, 60, 70]), 0.9, points_N3))
    np.testing.assert_allclose(region.centre_xy, [50, 60])
    assert region.side_px == pytest.approx(100)
    assert region.angle_rad == pytest.approx(np.pi / 2)


@pytest.fixture(scope="module")
def landmarker(weights: Callable[[str], Path]) -> PoseLandmarker:
    """BlazePose's landmark network."""
    return PoseLandmarker(weights("pose_landmark_full"))


def _region(actor: ActorClip, index: int = WAVING) -> Region:
    """A region around the actor's true box."""
    return Region.around(box_of(actor.masks_THW[index]))


@pytest.fixture(scope="module")
def waving(landmarker: PoseLandmarker, actor: ActorClip) -> Pose:
    """What the network says of the waving actor."""
    return landmarker(actor.frames_THWC[WAVING], _region(actor))


def test_landmarks_lie_in_the_body_and_in_their_places(waving: Pose, actor: ActorClip) -> None:
    """All 33; the actor faces us, so the right hand that waves is on the picture's left."""
    assert waving.presence > 0.9
    assert waving.landmarks_K4.shape == (33, 4)
    body_HW = cv2.dilate(actor.masks_THW[WAVING].astype(np.uint8), np.ones((9, 9)))
    columns, rows = waving.landmarks_K4[:, :2].round().astype(int).T
    assert body_HW[rows, columns].all()
    x, y = waving.landmarks_K4[:, 0], waving.landmarks_K4[:, 1]
    assert x[RIGHT_HIP] < x[LEFT_HIP]
    assert x[RIGHT_WRIST] < x[RIGHT_HIP] - 20
    assert y[RIGHT_WRIST] < y[NOSE] + 20 < y[LEFT_WRIST]
    assert (waving.landmarks_K4[:, 2:] >= 0).all()
    assert (waving.landmarks_K4[:, 2:] <= 1).all()
    assert np.median(waving.landmarks_K4[:, 2]) > 0.9


@pytest.mark.parametrize("index", [0, 6, 14, WAVING])
def test_the_mask_follows_the_true_outline(
    landmarker: PoseLandmarker, actor: ActorClip, index: int
) -> None:
    """IoU with the truth above 0.9, walking and waving."""
    pose = landmarker(actor.frames_THWC[index], _region(actor, index))
    assert pose.probability_HW.shape == actor.masks_THW[index].shape
    seen_HW, true_HW = pose.probability_HW > 0.5, actor.masks_THW[index]
    assert (seen_HW & true_HW).sum() / (seen_HW | true_HW).sum() > 0.9


def test_world_landmarks_are_metres_about_the_hips(waving: Pose) -> None:
    """The nose is half a metre or more above (y down), the feet below, left is right."""
    world_K3 = waving.world_K3
    assert world_K3.shape == (33, 3)
    np.testing.assert_allclose(world_K3[[LEFT_HIP, RIGHT_HIP]].mean(0), 0, atol=0.03)
    assert -0.9 < world_K3[NOSE, 1] < -0.4
    assert (world_K3[27:29, 1] > 0.5).all()
    assert world_K3[LEFT_HIP, 0] > world_K3[RIGHT_HIP, 0]


@pytest.mark.parametrize("num_quarters", [1, 2, 3])
def test_someone_lying_down_is_read_through_a_turned_region(
    landmarker: PoseLandmarker, waving: Pose, actor: ActorClip, num_quarters: int
) -> None:
    """The same crop of a turned picture gives the same person, turned, in pixels and metres."""
    frame_HWC = np.ascontiguousarray(np.rot90(actor.frames_THWC[WAVING], -num_quarters))
    height, width = actor.masks_THW[WAVING].shape

    def turned(places_N2: np.ndarray) -> np.ndarray:
        x, y, new_height, new_width = *places_N2.T, height, width
        for _ in range(num_quarters):
            x, y, new_height, new_width = new_height - 1 - y, x, new_width, new_height
        return np.stack([x, y], axis=-1)

    upright = _region(actor)
    region = Region(turned(upright.centre_xy), upright.side_px, np.pi / 2 * num_quarters)
    pose = landmarker(frame_HWC, region)
    np.testing.assert_allclose(
        pose.landmarks_K4[:, :2], turned(waving.landmarks_K4[:, :2]), atol=0.5
    )
    np.testing.assert_allclose(
        pose.probability_HW, np.rot90(waving.probability_HW, -num_quarters), atol=0.1
    )
    cos, sin = np.cos(np.pi / 2 * num_quarters), np.sin(np.pi / 2 * num_quarters)
    x, y, z = waving.world_K3.T
    turned_K3 = np.stack([cos * x - sin * y, sin * x + cos * y, z], axis=1)
    np.testing.assert_allclose(pose.world_K3, turned_K3, atol=0.02)


def test_the_next_region_finds_the_person_again(
    landmarker: PoseLandmarker, waving: Pose, actor: ActorClip
) -> None:
    """In the next frame, without a detector."""
    pose = landmarker(actor.frames_THWC[WAVING + 1], waving.next_region)
    assert pose.presence > 0.9
    seen_HW, true_HW = pose.probability_HW > 0.5, actor.masks_THW[WAVING + 1]
    assert (seen_HW & true_HW).sum() / (seen_HW | true_HW).sum() > 0.9


def test_nobody_is_present_in_the_empty_room(landmarker: PoseLandmarker, actor: ActorClip) -> None:
    """The presence says so, and nothing is probable outside the region."""
    pose = landmarker(actor.background_THWC[0], _region(actor))
    assert pose.presence < 0.3
    assert not pose.probability_HW[:, 300:].any()


def test_a_hand_is_told_from_folds_of_cloth(
    weights: Callable[[str], Path], shared_dir: Path
) -> None:
    """Each palm of somebody who signs is one of a hand; most of the same boxes on noise are not."""
    frames_THWC = decode(shared_dir / "clips/intel/asl_help.mkv", (432, 240)).frames
    palms, hands = (
        palm_detector(weights("palm_detection_full")),
        HandLandmarker(weights("hand_landmark_full")),
    )
    cloth_HWC = np.random.default_rng(0).normal(size=(240, 432, 3))
    cloth_HWC = np.uint8(np.clip(128 + 200 * cv2.GaussianBlur(cloth_HWC, (0, 0), 3), 0, 255))
    found = [
        (frames_THWC[i], palm)
        for i in range(0, 58, 6)
        for palm in palms.detect(frames_THWC[i], 0.6)
    ]
    assert len(found) > 8
    assert min(hands.presence(image_HWC, palm) for image_HWC, palm in found) > 0.1
    assert np.median([hands.presence(cloth_HWC, palm) for _, palm in found]) < 0.01


def test_a_carpet_is_somebody_from_one_side_only(shared_dir: Path) -> None:
    """The network takes a part of it for a person, and takes it back when it looks again."""
    frames = decode(shared_dir / "clips/gmdcsa24/subject2_ADL_24_old.mp4", (432, 240)).frames
    landmarker = PoseLandmarker(models.locate("pose_landmark_full"))
    view_HWC = cv2.resize(frames[112], (372, 279), interpolation=cv2.INTER_AREA)
    carpet = Region.around(np.array([282, 207, 344, 278]))
    assert landmarker(view_HWC, carpet).presence > 0.8
    assert steady_presence(landmarker, view_HWC, carpet) < 0.1


def test_a_person_is_somebody_from_everywhere(actor: ActorClip) -> None:
    """Seen in a region that is a little off, too; the empty room is nobody."""
    landmarker = PoseLandmarker(models.locate("pose_landmark_full"))
    region = Region.around(box_of(actor.masks_THW[12]))
    assert steady_presence(landmarker, actor.frames_THWC[12], region) > 0.9
    assert steady_presence(landmarker, actor.background_THWC[12], region) < 0.1
