"""Body parameters from BlazePose landmarks by inverse kinematics on the mannequin's skeleton."""

from itertools import pairwise

import numpy as np
from mannequin import Mannequin
from scipy.spatial.transform import Rotation

from toolkit.frames import FrameStore
from toolkit.m2m.fit import fit_body
from toolkit.m2m.skeleton import NUM_JOINTS
from toolkit.m2m.types import Array, BodyMotion, Camera, Track

_LONGEST_HOLE_S = 1.0


class BlazePoseFit:
    """Recoverer of neutral bodies: betas are zero and the distance to the camera gives the size."""

    def __init__(self) -> None:
        body = Mannequin("wooden")
        self._rest_J3 = body.joint_transforms(body.rest_pose())[:NUM_JOINTS, :3, 3].astype(float)

    def recover(
        self,
        track: Track,
        camera: Camera,
        fps: float,
        frames: FrameStore | None = None,  # noqa: ARG002 - the track's landmarks are enough
    ) -> BodyMotion | None:
        """Return the motion of one person, or None where the track holds no landmarks.

        It has a pose for every frame of the track and for holes of up to a second. Between frames
        with landmarks the landmarks are interpolated; before the first and after the last the
        nearest pose follows the box. Joints of such frames count as not observed. Hands are zero,
        which in SMPL-X is the relaxed hand.
        """
        known = [i for i, person in sorted(track.frames.items()) if person.landmarks_K4 is not None]
        if not known:
            return None
        frames_T = _frames_to_draw(track, fps)
        landmarks = np.array([track.frames[i].landmarks_K4 for i in known], float)
        world = np.array([track.frames[i].world_K3 for i in known], float)
        landmarks_TK4 = _interpolate(frames_T, known, landmarks)
        landmarks_TK4[..., :2] += _box_shift(track, frames_T, known)[:, None]
        world_TK3 = _interpolate(frames_T, known, world)
        fits = [
            fit_body(landmarks_TK4[part], world_TK3[part], camera, fps, self._rest_J3)
            for part in np.split(
                np.arange(len(frames_T)), np.flatnonzero(np.diff(frames_T) > 1) + 1
            )
        ]
        rotations_TJ33 = np.concatenate([fit.rotations_TJ33 for fit in fits])
        observed_TJ = np.concatenate([fit.observed_TJ for fit in fits])
        rotvecs_TJ3 = Rotation.from_matrix(rotations_TJ33.reshape(-1, 3, 3)).as_rotvec()
        rotvecs_TJ3 = rotvecs_TJ3.reshape(-1, NUM_JOINTS, 3)
        hands_T45 = np.zeros((len(frames_T), 45))
        return BodyMotion(
            track_id=track.track_id,
            frames_T=frames_T,
            global_orient_T3=rotvecs_TJ3[:, 0],
            body_pose_T63=rotvecs_TJ3[:, 1:].reshape(-1, 63),
            left_hand_pose_T45=hands_T45,
            right_hand_pose_T45=hands_T45.copy(),
            betas_10=np.zeros(10),
            transl_T3=np.concatenate([fit.pelvis_T3 for fit in fits]) - self._rest_J3[0],
            observed_TJ=observed_TJ & np.isin(frames_T, known)[:, None],
        )


def _frames_to_draw(track: Track, fps: float) -> Array:
    """Frames of the track and the short holes between them, ascending."""
    present = sorted(track.frames)
    frames = present[:1]
    for before, after in pairwise(present):
        if after - before <= _LONGEST_HOLE_S * fps:
            frames.extend(range(before + 1, after))
        frames.append(after)
    return np.array(frames)


def _interpolate(frames_T: Array, known: list[int], values: Array) -> Array:
    """Linear in time between the known frames, constant outside them."""
    columns = values.reshape(len(known), -1).T
    result = np.stack([np.interp(frames_T, known, column) for column in columns], axis=1)
    return result.reshape(len(frames_T), *values.shape[1:])


def _box_shift(track: Track, frames_T: Array, known: list[int]) -> Array:
    """[T, 2] px how far the box has moved from the nearest landmarks, before and after them."""
    present = sorted(track.frames)
    boxes = np.array([track.frames[i].box_xyxy for i in present], float)
    centres = _interpolate(frames_T, present, (boxes[:, :2] + boxes[:, 2:]) / 2)
    nearest = np.searchsorted(frames_T, np.clip(frames_T, known[0], known[-1]))
    return np.asarray(centres - centres[nearest])
