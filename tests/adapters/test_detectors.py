from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from toolkit.actors.generate import ActorClip
from toolkit.adapters.detectors import (
    BodyDetectors,
    CenterFace,
    Detection,
    MoveNetMultiPose,
    NanoDet,
    face_detector,
    palm_detector,
    pose_detector,
    suppress,
    tile,
)
from toolkit.adapters.tflite import anchor_centres, letterbox
from toolkit.m2m.masks import box_of
from toolkit.m2m.track import iou_of_boxes

Locate = Callable[[str], Path]
WAVING = 30
MIN_SCORES = {"nanodet": 0.3, "movenet": 0.2, "tile": 0.4}


@pytest.fixture(scope="module")
def movenet(weights: Locate) -> MoveNetMultiPose:
    """MoveNet MultiPose."""
    return MoveNetMultiPose(weights("movenet_multipose"))


@pytest.fixture(scope="module")
def nanodet(weights: Locate) -> NanoDet:
    """NanoDet."""
    return NanoDet(weights("nanodet"))


def _body(actor: ActorClip) -> tuple[np.ndarray, np.ndarray]:
    """The waving actor's frame and the true box."""
    return actor.frames_THWC[WAVING], box_of(actor.masks_THW[WAVING])


def _close_up(actor: ActorClip) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Head and waving hand three times enlarged, and where the head and the hand are in it."""
    frame_HWC, (x0, y0, x1, _) = _body(actor)
    left, top = int(x0) - 20, int(y0) - 10
    close_HWC = frame_HWC[top : top + 90, left : int(x1) + 20]
    mask_HW = actor.masks_THW[WAVING]
    head = box_of(mask_HW[int(y0) : int(y0) + 20, int(x0) + 25 :]) + np.tile([int(x0) + 25, y0], 2)
    hand = box_of(mask_HW[:, : int(x0) + 18])
    enlarged_HWC = cv2.resize(close_HWC, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    return enlarged_HWC, *((box - np.tile([left, top], 2)) * 3 for box in (head, hand))


def _centre(box_xyxy: np.ndarray) -> np.ndarray:
    return (box_xyxy[:2] + box_xyxy[2:]) / 2


def _is_inside(place_xy: np.ndarray, box_xyxy: np.ndarray) -> bool:
    return bool((place_xy > box_xyxy[:2]).all() and (place_xy < box_xyxy[2:]).all())


def test_movenet_finds_the_actor(movenet: MoveNetMultiPose, actor: ActorClip) -> None:
    """One box around them, 17 points on them, the left wrist waving on the picture's left."""
    frame_HWC, box_xyxy = _body(actor)
    (found,) = movenet.detect(frame_HWC, 0.3)
    assert iou_of_boxes(found.box_xyxy, box_xyxy) > 0.85
    assert found.points_N3.shape == (17, 3)
    mask_HW = cv2.dilate(actor.masks_THW[WAVING].astype(np.uint8), np.ones((9, 9)))
    columns, rows = found.points_N3[:, :2].round().astype(int).T
    assert mask_HW[rows, columns].all()
    nose, wrists, ankles = found.points_N3[0], found.points_N3[9:11], found.points_N3[15:17]
    assert wrists[:, 0].min() < box_xyxy[0] + 20
    assert nose[1] < wrists[:, 1].max() < ankles[:, 1].min()


def test_movenet_takes_any_shape_of_frame(movenet: MoveNetMultiPose, actor: ActorClip) -> None:
    """Boxes are in pixels of the frame it was given, whatever the network works on."""
    frame_HWC, box_xyxy = _body(actor)
    for left, top in ((40, 0), (0, 21)):
        (found,) = movenet.detect(frame_HWC[top:, left:], 0.3)
        assert iou_of_boxes(found.box_xyxy + np.tile([left, top], 2), box_xyxy) > 0.85


def test_nanodet_finds_the_actor(nanodet: NanoDet, actor: ActorClip) -> None:
    """One box around them, in a frame of any shape."""
    frame_HWC, box_xyxy = _body(actor)
    (found,) = nanodet.detect(frame_HWC, 0.5)
    assert iou_of_boxes(found.box_xyxy, box_xyxy) > 0.85
    (found,) = nanodet.detect(frame_HWC[30:, 40:301], 0.5)
    assert iou_of_boxes(found.box_xyxy + np.tile([40, 30], 2), box_xyxy) > 0.8


@pytest.mark.parametrize("shape", [(240, 310), (240, 398), (310, 240), (2, 1664), (1, 1)])
def test_nanodet_takes_any_shape_of_frame(nanodet: NanoDet, shape: tuple[int, int]) -> None:
    """Also where a side times the scale is a hair more than 416, and where one is next to none."""
    assert nanodet.detect(np.zeros((*shape, 3), np.uint8), 0.3) == []


@pytest.mark.parametrize("margin_px", [500, 10], ids=["wide", "tall"])
def test_nanodet_sees_the_same_without_the_black_of_a_square(
    nanodet: NanoDet, actor: ActorClip, margin_px: int
) -> None:
    """It was trained on squares: a frame of any shape gives what its square would give."""
    frame_HWC, (left, _, right, _) = _body(actor)
    frame_HWC = frame_HWC[:, max(int(left) - margin_px, 0) : int(right) + margin_px]
    square_HWC, _ = letterbox(frame_HWC, max(frame_HWC.shape))
    (whole,), (squared,) = (nanodet.detect(image, 0.5) for image in (frame_HWC, square_HWC))
    assert iou_of_boxes(whole.box_xyxy, squared.box_xyxy) > 0.95
    assert abs(whole.score - squared.score) < 0.05


@pytest.mark.parametrize("index", range(3))
def test_real_pictures_give_the_golden_scores(
    nanodet: NanoDet, movenet: MoveNetMultiPose, shared_dir: Path, index: int
) -> None:
    """Colours in the order and range each network learnt, so that its scores are the true ones."""
    golden = np.load(shared_dir / "golden" / "tfjs_detectors.npz")
    square_HWC = golden[f"image{index}_416x416_bgr"][..., ::-1]
    found = nanodet.detect(np.ascontiguousarray(square_HWC).astype(np.uint8), 0.05)
    best = max(golden[f"nanodet{index}_cls_person_{num}"].max() for num in (2704, 676, 169))
    assert max(item.score for item in found) == pytest.approx(best, abs=2e-3)
    wide_HWC = golden[f"image{index}_512x288_bgr"][..., ::-1]
    found = movenet.detect(np.ascontiguousarray(wide_HWC).astype(np.uint8), 0.0)
    golden_people = golden[f"movenet{index}_288x512"][0]
    for item, person in zip(found, golden_people, strict=True):
        assert item.score == pytest.approx(person[55], abs=2e-3)
        np.testing.assert_allclose(item.box_xyxy[0], person[52] * 512, atol=1)
        np.testing.assert_allclose(item.box_xyxy[3], person[53] * 288, atol=1)
        np.testing.assert_allclose(item.points_N3[0, :2], person[[1, 0]] * (512, 288), atol=1)


def test_nobody_is_found_in_the_empty_room(
    nanodet: NanoDet, movenet: MoveNetMultiPose, weights: Locate, actor: ActorClip
) -> None:
    """Neither a body nor a face."""
    room_HWC = actor.background_THWC[0]
    centerface = CenterFace(weights("centerface"))
    assert nanodet.detect(room_HWC, 0.3) == movenet.detect(room_HWC, 0.3) == []
    assert centerface.detect(room_HWC, 0.3) == []


def test_pose_detector_points_at_hips_and_body_circle(weights: Locate, actor: ActorClip) -> None:
    """Point 0 is the middle of the hips, point 1 as far above it as the body reaches."""
    frame_HWC, box_xyxy = _body(actor)
    (found,) = pose_detector(weights("pose_detection")).detect(frame_HWC, 0.5)
    hips_xy, circle_xy = found.points_N3[:2, :2]
    height = box_xyxy[3] - box_xyxy[1]
    # The waving arm is out to the left of the body.
    assert abs(hips_xy[0] - (box_xyxy[2] - 0.16 * height)) < 0.1 * height
    assert abs(hips_xy[1] - (box_xyxy[1] + 0.48 * height)) < 0.1 * height
    reach = np.linalg.norm(circle_xy - hips_xy)
    assert 0.4 * height < reach < 0.8 * height
    assert circle_xy[1] < box_xyxy[1] + 0.1 * height


@pytest.mark.parametrize("family", ["centerface", "face_detection_full_range_sparse"])
def test_faces_are_found(weights: Locate, family: str, actor: ActorClip) -> None:
    """One face on the head; MediaPipe's eyes lie in it, the left one on the picture's right."""
    close_HWC, head_xyxy, _ = _close_up(actor)
    detector = CenterFace if family == "centerface" else face_detector
    (face,) = detector(weights(family)).detect(close_HWC, 0.5)
    assert _is_inside(_centre(face.box_xyxy), head_xyxy)
    width, height = face.box_xyxy[2:] - face.box_xyxy[:2]
    assert 0.4 < width / (head_xyxy[2] - head_xyxy[0]) < 1.3
    assert 0.7 < width / height < 1.4 or family == "centerface"
    if face.points_N3 is not None:
        eyes_xy = face.points_N3[:2, :2]
        assert all(_is_inside(eye_xy, face.box_xyxy) for eye_xy in eyes_xy)
        assert eyes_xy[0, 0] < eyes_xy[1, 0]


def test_hands_are_found(weights: Locate, actor: ActorClip) -> None:
    """The waving palm, with its wrist below the fingers."""
    close_HWC, _, hand_xyxy = _close_up(actor)
    (palm,) = palm_detector(weights("palm_detection_full")).detect(close_HWC, 0.6)
    assert _is_inside(_centre(palm.box_xyxy), hand_xyxy)
    wrist_xy, middle_xy = palm.points_N3[0, :2], palm.points_N3[2, :2]
    assert wrist_xy[1] > middle_xy[1]


def test_of_overlapping_boxes_the_best_is_kept() -> None:
    """Others stay, however weak."""
    boxes = {(0, 0, 10, 20): 0.5, (1, 0, 11, 20): 0.9, (30, 0, 40, 20): 0.1}
    detections = [Detection(np.array(box, float), score) for box, score in boxes.items()]
    assert [item.score for item in suppress(detections, 0.5)] == [0.9, 0.1]
    assert [item.score for item in suppress(detections, 0.9)] == [0.9, 0.5, 0.1]
    assert suppress([], 0.5) == []


@pytest.mark.parametrize("shape", [(240, 432), (288, 511), (101, 67)])
def test_six_turns_of_tiles_cover_the_frame_and_overlap(shape: tuple[int, int]) -> None:
    """No pixel is left out, and someone on a seam is whole in a neighbour."""
    times_HW = np.zeros(shape, int)
    for turn in range(6):
        x0, y0, x1, y1 = tile((*shape, 3), turn)
        assert (x1 - x0, y1 - y0) == (shape[1] // 2, shape[0] * 6 // 10)
        times_HW[y0:y1, x0:x1] += 1
    assert times_HW.min() >= 1
    assert times_HW[:, shape[1] // 4 + 1 : shape[1] // 2 - 1].min() >= 2
    assert times_HW[:, shape[1] // 2 + 1 : shape[1] * 3 // 4 - 1].min() >= 2
    assert times_HW[shape[0] * 45 // 100 : shape[0] * 55 // 100].min() >= 2
    assert [tile(shape, turn) for turn in range(6)] == [tile(shape, turn + 6) for turn in range(6)]


def test_a_small_person_is_met_on_a_tile(weights: Locate, actor: ActorClip) -> None:
    """Their box, given in pixels of the frame, fits better than the whole frame's."""
    bodies = BodyDetectors(weights("nanodet"), weights("movenet_multipose"))
    small_HWC = cv2.resize(actor.frames_THWC[WAVING], (79, 44), interpolation=cv2.INTER_AREA)
    small_HW = cv2.resize(actor.masks_THW[WAVING].astype(np.uint8), (79, 44)) > 0
    frame_HWC, left, top = actor.background_THWC[0].copy(), 310, 160
    frame_HWC[top : top + 44, left : left + 79] = small_HWC
    box_xyxy = box_of(small_HW) + np.tile([left, top], 2)
    found = [
        (kind, iou_of_boxes(person.box_xyxy, box_xyxy))
        for index in range(12)
        for kind, person in bodies.detect_in_turn(frame_HWC, index, MIN_SCORES)
    ]
    on_tile = max(iou for kind, iou in found if kind == "tile")
    assert on_tile > 0.6
    assert on_tile > max((iou for kind, iou in found if kind == "nanodet"), default=0) + 0.05


def test_detectors_take_turns(weights: Locate, actor: ActorClip) -> None:
    """NanoDet sees every frame whole; MoveNet and a tile share the frames between them."""
    bodies = BodyDetectors(weights("nanodet"), weights("movenet_multipose"))
    kinds = [
        {kind for kind, _ in bodies.detect_in_turn(actor.frames_THWC[WAVING], index, MIN_SCORES)}
        for index in range(12)
    ]
    assert all("nanodet" in seen for seen in kinds)
    assert all("movenet" in seen for seen in kinds[::2])
    assert not any("movenet" in seen for seen in kinds[1::2])


@pytest.mark.parametrize(
    ("size_px", "layers", "num_anchors"),
    [
        (224, [(8, 2), (16, 2), (32, 6)], 2254),
        (192, [(8, 2), (16, 6)], 2016),
        (192, [(4, 1)], 2304),
    ],
)
def test_anchors_are_mediapipes(
    size_px: int, layers: list[tuple[int, int]], num_anchors: int
) -> None:
    """Their number, and centres row by row from the middle of the first cell to the last."""
    centres_N2 = anchor_centres(size_px, layers)
    stride, count = layers[0]
    assert centres_N2.shape == (num_anchors, 2)
    first, last = stride / 2 / size_px, 1 - layers[-1][0] / 2 / size_px
    np.testing.assert_allclose(centres_N2[:count], first, atol=1e-6)
    np.testing.assert_allclose(centres_N2[count], (3 * first, first), atol=1e-6)
    np.testing.assert_allclose(centres_N2[-1], last, atol=1e-6)


@pytest.mark.parametrize("shape", [(240, 432), (432, 240), (50, 60)])
def test_letterbox_fills_the_top_left_of_a_black_square(shape: tuple[int, int]) -> None:
    """The longer side fills the square; nothing is stretched."""
    square_HWC, scale = letterbox(np.full((*shape, 3), 200, np.uint8), 192)
    assert square_HWC.shape == (192, 192, 3)
    assert scale == pytest.approx(192 / max(shape))
    rows, columns = (round(side * scale) for side in shape)
    assert (square_HWC[:rows, :columns] == 200).all()
    assert not square_HWC[rows:].any()
    assert not square_HWC[:, columns:].any()
