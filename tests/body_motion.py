"""A motion for the tests of bodies."""

import numpy as np

from toolkit.m2m.types import BodyMotion


def motion(num_frames: int, **values: np.ndarray) -> BodyMotion:
    """Standing upright before the camera, 3 m away, in a T-pose."""
    fields = {
        "global_orient_T3": np.tile([np.pi, 0, 0], (num_frames, 1)),
        "body_pose_T63": np.zeros((num_frames, 63)),
        "left_hand_pose_T45": np.zeros((num_frames, 45)),
        "right_hand_pose_T45": np.zeros((num_frames, 45)),
        "betas_10": np.zeros(10),
        "transl_T3": np.tile([0.0, 0.0, 3.0], (num_frames, 1)),
        "observed_TJ": np.ones((num_frames, 22), bool),
    }
    return BodyMotion(track_id=1, frames_T=np.arange(num_frames), **(fields | values))
