"""From a track to body parameters."""

import numpy as np
import pytest

from toolkit.m2m.fit import LANDMARK_PLACES
from toolkit.m2m.skeleton import JOINT
from toolkit.m2m.types import BodyMotion, Camera, PersonFrame, Track

pytest.importorskip("mannequin")

from toolkit.adapters.blazepose_fit import BlazePoseFit
from toolkit.adapters.mannequin import MannequinBody

CAMERA = Camera.for_frame(432, 240, 1.0)
RECOVERER = BlazePoseFit()
FLIP = np.array([1.0, -1.0, -1.0])


def person(x_m: float = 0.0, *, landmarks: bool = True) -> PersonFrame:
    """Someone in a T-pose who faces the camera, 4 m away."""
    rest = RECOVERER._rest_J3
    points = np.zeros((33, 3))
    for k, (name, offset) in LANDMARK_PLACES.items():
        points[k] = rest[JOINT[name]] + offset
    for odd, sign in enumerate((1, -1)):
        points[17 + odd] = points[15 + odd] + (0.09 * sign, 0, -0.03)
        points[19 + odd] = points[15 + odd] + (0.09 * sign, 0, 0.03)
        points[29 + odd] = points[27 + odd] + (0, -0.06, -0.03)
        points[31 + odd] = points[27 + odd] + (0.04 * sign, -0.06, 0.12)
    world = (points - points[23:25].mean(0)) * FLIP
    camera_points = points * FLIP + (x_m, 0, 4.0)
    pixels = camera_points[:, :2] / camera_points[:, 2:] * (CAMERA.fx, CAMERA.fy)
    pixels += (CAMERA.cx, CAMERA.cy)
    body = pixels[list(LANDMARK_PLACES)]
    box = np.concatenate([body.min(0), body.max(0)])
    if not landmarks:
        return PersonFrame(box, {}, source="filled")
    return PersonFrame(box, {}, np.concatenate([pixels, np.ones((33, 2))], axis=1), world, 1.0)


def recover(frames: dict[int, PersonFrame]) -> BodyMotion:
    """The motion of a track with these frames."""
    motion = RECOVERER.recover(Track(7, frames), CAMERA, 30.0)
    assert motion is not None
    return motion


def test_a_person_before_the_camera():
    """The global orient is about pi around x, and the mesh stands where the landmarks are."""
    motion = recover({i: person(0.3) for i in range(4)})
    assert motion.track_id == 7
    assert np.abs(motion.global_orient_T3[:, 0]) == pytest.approx(np.pi, abs=0.15)
    mesh = next(MannequinBody().meshes(motion))
    middle = (mesh.vertices_V3.min(0) + mesh.vertices_V3.max(0)) / 2
    assert middle[0] == pytest.approx(0.3, abs=0.06)
    assert middle[2] == pytest.approx(4.0, abs=0.25)
    assert not motion.betas_10.any()
    assert motion.observed_TJ.dtype == bool


def test_frames_without_landmarks_are_drawn_but_not_observed():
    """Wherever the person was removed there is a pose, also in a short hole of the track."""
    frames = {i: person() for i in (0, 1, 2, 6, 7)}
    frames[3] = person(landmarks=False)
    motion = recover(frames)
    assert motion.frames_T.tolist() == list(range(8))
    assert not motion.observed_TJ[3:6].any()
    assert motion.observed_TJ[[0, 7], JOINT["left_elbow"]].all()
    assert np.ptp(motion.transl_T3, axis=0).max() < 0.02


def test_a_long_absence_is_not_drawn():
    """A person who comes back after more than a second was not there meanwhile."""
    motion = recover({0: person(), 1: person(), 60: person(0.8), 61: person(0.8)})
    assert motion.frames_T.tolist() == [0, 1, 60, 61]
    assert motion.transl_T3[2, 0] - motion.transl_T3[1, 0] == pytest.approx(0.8, abs=0.03)


def test_the_pose_follows_the_box_where_landmarks_end():
    """After the last landmarks the body moves with the box."""
    motion = recover({0: person(), 1: person(), 2: person(0.5, landmarks=False)})
    assert motion.transl_T3[2, 0] - motion.transl_T3[1, 0] == pytest.approx(0.5, abs=0.05)


def test_a_track_without_landmarks_has_no_motion():
    """A face or a hand alone gives no body."""
    track = Track(1, {0: person(landmarks=False)})
    assert RECOVERER.recover(track, CAMERA, 30.0) is None
