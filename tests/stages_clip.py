"""Runs of the stages on clips whose truth is made up, for tests of what is measured on them."""

import numpy as np

from benchmarks.stages.run import ClipRun
from tests.actors_clip import decoded, store, true_people
from toolkit.actors.truth import Truth
from toolkit.gate import Anonymized
from toolkit.m2m.skeleton import JOINT, NUM_JOINTS
from toolkit.m2m.types import Camera

CAMERA = Camera.for_frame(432, 240, 1.0)


def truth_of(masks_PTHW: np.ndarray, background_HWC: np.ndarray, **known: object) -> Truth:
    """Return the truth of people before a still camera; joints stand at attention in the masks."""
    num_people, num_frames = masks_PTHW.shape[:2]
    joints_PTJ3 = [[standing_joints(mask_HW) for mask_HW in masks_THW] for masks_THW in masks_PTHW]
    values = {
        "fps": 12.0,
        "visible_PTHW": masks_PTHW,
        "amodal_PTHW": masks_PTHW,
        "foreground_THW": np.zeros(masks_PTHW.shape[1:], bool),
        "background_THWC": background_HWC[None],
        "joints_PTJ3": np.array(joints_PTJ3, np.float32),
        "local_PTJ33": np.tile(np.eye(3), (num_people, num_frames, NUM_JOINTS, 1, 1)),
        "camera_4": np.array([CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy]),
        "rotation_T33": np.tile(np.eye(3), (num_frames, 1, 1)),
        "translation_T3": np.zeros((num_frames, 3)),
        "order_PT": np.tile(np.arange(num_people)[:, None], num_frames),
        "occlusion_PT": np.zeros((num_people, num_frames), np.float32),
        "info": {"clip_id": "test"},
    }
    return Truth(**{**values, **known})


def standing_joints(mask_HW: np.ndarray) -> np.ndarray:
    """Return 22 joints of somebody upright, 1.75 m high, whom a mask shows, arms hanging."""
    joints_J3 = np.zeros((NUM_JOINTS, 3))
    heights_m = {
        "pelvis": 0.95, "spine1": 1.05, "spine2": 1.15, "spine3": 1.25, "neck": 1.45, "head": 1.6,
        "hip": 0.9, "knee": 0.5, "ankle": 0.08, "foot": 0.03, "collar": 1.4, "shoulder": 1.4,
        "elbow": 1.1, "wrist": 0.85,
    }  # fmt: skip
    widths_m = {"hip": 0.09, "knee": 0.1, "ankle": 0.1, "foot": 0.1, "collar": 0.05}
    for name, joint in JOINT.items():
        side, _, part = name.rpartition("_")
        x_m = widths_m.get(part, 0.2) * {"left": 1, "right": -1, "": 0}[side]
        joints_J3[joint] = x_m, -heights_m[part], 0
    rows, columns = np.nonzero(mask_HW)
    if not len(rows):
        return joints_J3 + np.array([0, 0, 4])
    z_m = CAMERA.fy * 1.75 / np.ptp(rows)
    x_m = (np.mean(columns) - CAMERA.cx) * z_m / CAMERA.fx
    y_m = (rows.max() - CAMERA.cy) * z_m / CAMERA.fy
    return joints_J3 + np.array([x_m, y_m, z_m])


def perfect_run(frames_THWC: np.ndarray, truth: Truth, **parts: object) -> ClipRun:
    """Return a run in which one person was found exactly and removed, and no mesh drawn."""
    masks_THW = truth.visible_PTHW[0]
    empty = [truth.background_HWC(index) for index in range(len(frames_THWC))]
    values = {
        "clip": decoded(frames_THWC),
        "people": true_people(masks_THW),
        "background": store(empty),
        "motions": [],
        "coverage": store(np.zeros(masks_THW.shape, np.uint8)),
        "result": store(empty),
    }
    return ClipRun(truth, Anonymized(**{**values, **parts}), {})
