"""Faces are turned as the network wants them, and those of one person lie closer together."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from toolkit import models
from toolkit.actors.generate import ActorClip
from toolkit.adapters.detectors import CenterFace
from toolkit.adapters.face_embedding import FaceEmbedder, align_face
from toolkit.errors import ModelError

Locate = Callable[[str], Path]

TEMPLATE_52 = [[76.58, 103.4], [147.06, 103.0], [112.06, 143.48], [83.1, 184.74], [141.4, 184.4]]


@pytest.fixture(scope="module")
def embedder(weights: Locate) -> FaceEmbedder:
    """With its optional weights, fetched where they are not there."""
    try:
        models.fetch(["faceres"])
    except ModelError as error:
        pytest.skip(f"needs the weights of faceres, which cannot be fetched here: {error}")
    return FaceEmbedder(weights("centerface"), weights("faceres"))


def _head(actor: ActorClip) -> np.ndarray:
    """The head of the actor who waves, four times enlarged."""
    frame_HWC, mask_HW = actor.frames_THWC[-6], actor.masks_THW[-6]
    rows, columns = np.nonzero(mask_HW)
    top, left = max(int(rows.min()) - 10, 0), max(int(columns.min()) - 20, 0)
    close_HWC = frame_HWC[top : top + 90, left : int(columns.max()) + 20]
    return cv2.resize(close_HWC, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)


def test_a_face_is_turned_upright_and_scaled() -> None:
    """Marks at the five points of a turned, small, shifted face come to their places."""
    angle, scale = np.deg2rad(30), 0.4
    turn_22 = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points_52 = np.array(TEMPLATE_52) @ turn_22.T + (90, 30)
    image_HWC = np.zeros((240, 320, 3), np.uint8)
    for x, y in points_52:
        cv2.circle(image_HWC, (round(x), round(y)), 2, (255, 255, 255), -1)
    face_HWC = align_face(image_HWC, points_52)
    assert face_HWC.shape == (224, 224, 3)
    assert all(face_HWC[round(y), round(x), 0] > 128 for x, y in TEMPLATE_52)


def test_the_points_of_a_face_lie_where_they_should(weights: Locate, actor: ActorClip) -> None:
    """Eyes above nose above mouth, left of picture first, all in the box."""
    (face,) = CenterFace(weights("centerface")).detect(_head(actor), 0.5)
    assert face.points_N3 is not None
    left_eye, right_eye, nose, left_mouth, right_mouth = face.points_N3[:, :2]
    assert left_eye[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert (face.points_N3[:, :2] > face.box_xyxy[:2]).all()
    assert (face.points_N3[:, :2] < face.box_xyxy[2:]).all()


def test_a_face_is_like_itself_in_another_light_and_size(
    embedder: FaceEmbedder, actor: ActorClip
) -> None:
    """Unit vectors; the same face, darker and smaller, has a high cosine; a wall has no face."""
    head_HWC = _head(actor)
    (one,) = embedder.embed_all(head_HWC)
    smaller_HWC = cv2.resize((head_HWC * 0.8).astype(np.uint8), None, fx=0.7, fy=0.7)
    (again,) = embedder.embed_all(smaller_HWC)
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert one @ again > 0.8
    assert embedder.embed_all(np.full((128, 128, 3), 120, np.uint8)).shape == (0, 1024)


def test_a_picture_of_nothing_has_a_finite_vector(embedder: FaceEmbedder) -> None:
    """One of one colour, as outside of the frame."""
    assert np.isfinite(embedder.embed(np.zeros((224, 224, 3), np.uint8))).all()


def test_real_people_are_told_apart(embedder: FaceEmbedder, shared_dir: Path) -> None:
    """Two clips of one signer are more alike than those of two."""
    from toolkit.video import decode

    def best(name: str) -> np.ndarray:
        frames = decode(shared_dir / "clips/intel" / name, None).frames
        return np.concatenate([embedder.embed_all(frames[index]) for index in (10, 25, 40)])

    a, again, c = best("asl_again.mkv"), best("asl_help.mkv"), best("asl_book.mkv")
    assert (a @ again.T).max() > (a @ c.T).max() + 0.1
