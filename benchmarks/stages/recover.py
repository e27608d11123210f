"""How near the recovered poses are to the true ones.

Joints are compared in camera space, the middle of the hips at the origin. Of the 22 SMPL-X joints
only the 14 of the usual pose benchmarks count: where the others lie (pelvis, spine, collars, toes)
is a matter of the body model, not of the pose. Our bones are the mannequin's, whatever the size of
the person: MPJPE has that in it, PA-MPJPE, which turns, shifts and scales each frame, has not.

A frame counts where a track matches a person of whom more than half is seen.

Shape suffixes: F frames that count, J joints, P people, T frames, H height, W width.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from mannequin import Mannequin
from scipy.spatial.transform import Rotation

from benchmarks.stages.run import ClipRun, Metric
from toolkit.m2m.skeleton import JOINT, NUM_JOINTS, pose_joints
from toolkit.m2m.types import Array, BodyMotion

METRICS: Mapping[str, Metric] = {
    "pa_mpjpe_mm": Metric(
        "mean distance of 14 joints, each frame turned, shifted, scaled", "low", 65
    ),
    "mpjpe_mm": Metric("mean distance of 14 joints, the hips' middle in place", "low", 110),
    "accel_ratio": Metric("acceleration error unsmoothed over that as smoothed", "high", 3),
    "accel_mm_s2": Metric("error of the joints' accelerations", "low"),
    "facing_wrong": Metric("share of frames in which the pelvis faces more than 90 deg off", "low"),
    "mesh_iou": Metric("meshes against whole people, but for what stands before them", "high"),
    "betas_spread": Metric("deviation of the body's shape along a track", "low", 0),
}

_PARTS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist", "neck", "head")
JOINTS = {
    part: [JOINT[name] for name in (part, f"left_{part}", f"right_{part}") if name in JOINT]
    for part in _PARTS
}
"""The joints that count, by part of the body."""
_COUNTED = [joint for part in _PARTS for joint in JOINTS[part]]
_HIPS = JOINTS["hip"]
_MAX_OCCLUSION = 0.5
_NO_SMOOTHING_FPS = 1e-6
"""The smoothing is as wide as a share of a second: here, as nothing of a frame."""


@dataclass(frozen=True)
class Pair:
    """One person and one track in the frames that count.

    Attributes:
        frames_F: indices of the clip's frames, ascending.
        true_FJ3, ours_FJ3: 22 joints, m, the hips' middle at the origin.
        true_pelvis_F33, our_pelvis_F33: from the rest pose to camera space.
    """

    frames_F: Array
    true_FJ3: Array
    ours_FJ3: Array
    true_pelvis_F33: Array
    our_pelvis_F33: Array


def measure(run: ClipRun) -> dict[str, float]:
    """Return the values of one clip; NaN where nobody was recovered."""
    pairs = pair_up(run, run.motions)
    recoverer = run.steps["recover"]()
    tracks = {track.track_id: track for track in run.done.people.tracks}
    unsmoothed = [
        recoverer.recover(tracks[motion.track_id], run.camera, _NO_SMOOTHING_FPS)
        for motion in run.motions
    ]
    accel = _acceleration_error(pairs, run.fps)
    accel_unsmoothed = _acceleration_error(pair_up(run, unsmoothed), run.fps)
    return {
        **joint_errors(pairs),
        "accel_ratio": accel_unsmoothed / accel if accel else float("nan"),
        "accel_mm_s2": accel,
        "accel_mm_s2_unsmoothed": accel_unsmoothed,
        "mesh_iou": mesh_iou(run),
        "betas_spread": max(
            (float(np.atleast_2d(motion.betas_10).std(axis=0).max()) for motion in run.motions),
            default=float("nan"),
        ),
    }


def pair_up(run: ClipRun, motions: Sequence[BodyMotion]) -> list[Pair]:
    """Set each motion beside the people whom its track shows."""
    pairs = []
    for motion in motions:
        local_TJ33 = _local_rotations(motion)
        ours_TJ3, _ = pose_joints(local_TJ33, _rest_joints(tuple(motion.betas_10)))
        for person, is_clear_T in enumerate(run.truth.occlusion_PT <= _MAX_OCCLUSION):
            counts_T = [
                run.matches[index].get(person) == motion.track_id and bool(is_clear_T[index])
                for index in motion.frames_T
            ]
            frames_F = motion.frames_T[counts_T]
            true_FJ3 = run.truth.joints_PTJ3[person][frames_F].astype(float)
            to_camera_F33 = run.truth.rotation_T33[frames_F]
            pairs.append(
                Pair(
                    frames_F,
                    _centred(true_FJ3),
                    _centred(ours_TJ3[counts_T]),
                    to_camera_F33 @ run.truth.local_PTJ33[person, frames_F, 0],
                    local_TJ33[counts_T, 0],
                )
            )
    return [pair for pair in pairs if len(pair.frames_F)]


def joint_errors(pairs: Sequence[Pair]) -> dict[str, float]:
    """Return MPJPE and PA-MPJPE, mm, also by part of the body, and how often the front is back."""
    if not pairs:
        return dict.fromkeys(("pa_mpjpe_mm", "mpjpe_mm", "facing_wrong"), float("nan"))
    true_FJ3 = 1000 * np.concatenate([pair.true_FJ3 for pair in pairs])
    ours_FJ3 = 1000 * np.concatenate([pair.ours_FJ3 for pair in pairs])
    error_FJ3 = ours_FJ3 - true_FJ3
    aligned_FJ3 = align(ours_FJ3[:, _COUNTED], true_FJ3[:, _COUNTED])
    values = {"mpjpe_mm": _mean_length(error_FJ3[:, _COUNTED])}
    values["mpjpe_mm_along_view"] = float(np.abs(error_FJ3[:, _COUNTED, 2]).mean())
    values["mpjpe_mm_across_view"] = _mean_length(error_FJ3[:, _COUNTED, :2])
    values["pa_mpjpe_mm"] = _mean_length(aligned_FJ3 - true_FJ3[:, _COUNTED])
    for part, joints in JOINTS.items():
        chosen = [_COUNTED.index(joint) for joint in joints]
        values[f"mpjpe_mm_{part}"] = _mean_length(error_FJ3[:, joints])
        values[f"pa_mpjpe_mm_{part}"] = _mean_length(aligned_FJ3[:, chosen] - true_FJ3[:, joints])
    fronts = [
        np.concatenate([getattr(pair, name)[..., 2] for pair in pairs])
        for name in ("true_pelvis_F33", "our_pelvis_F33")
    ]
    values["facing_wrong"] = float(np.mean((fronts[0] * fronts[1]).sum(-1) < 0))
    return values


def align(ours_FJ3: Array, true_FJ3: Array) -> Array:
    """Turn, shift and scale the joints of each frame onto the true ones (Procrustes)."""
    ours_mean, true_mean = ours_FJ3.mean(1, keepdims=True), true_FJ3.mean(1, keepdims=True)
    ours, true = ours_FJ3 - ours_mean, true_FJ3 - true_mean
    left, singular, right = np.linalg.svd(np.swapaxes(true, 1, 2) @ ours)
    signs = np.ones_like(singular)
    signs[:, 2] = np.linalg.det(left @ right)
    turn_F33 = (left * signs[:, None]) @ right
    scale_F = (singular * signs).sum(1) / np.maximum((ours**2).sum((1, 2)), 1e-12)
    turned = np.einsum("fij,fkj->fki", turn_F33, ours)
    return np.asarray(scale_F[:, None, None] * turned + true_mean)


def mesh_iou(run: ClipRun) -> float:
    """Return the mean intersection over union, over frames with a mesh or a person.

    Against people as they would be seen if nothing stood before them; where something of the scene
    does, pixels count neither way.
    """
    values = []
    for index, coverage_HW in enumerate(run.done.coverage):
        free_HW = ~run.truth.foreground_THW[index]
        mesh_HW = (coverage_HW > 127) & free_HW
        whole_HW = run.truth.amodal_PTHW[:, index].any(0) & free_HW
        if num_either := np.count_nonzero(mesh_HW | whole_HW):
            values.append(np.count_nonzero(mesh_HW & whole_HW) / num_either)
    return float(np.mean(values)) if values else float("nan")


def _acceleration_error(pairs: Sequence[Pair], fps: float) -> float:
    """Mean over joints and frames, mm/s^2; NaN without three frames in a row."""
    lengths = [
        np.linalg.norm(ours_FJ3 - true_FJ3, axis=-1).ravel()
        for pair in pairs
        for ours_FJ3, true_FJ3 in zip(
            _accelerations(pair.frames_F, pair.ours_FJ3),
            _accelerations(pair.frames_F, pair.true_FJ3),
            strict=True,
        )
    ]
    return 1000 * fps**2 * float(np.concatenate(lengths).mean()) if lengths else float("nan")


def _accelerations(frames_F: Array, joints_FJ3: Array) -> Iterator[Array]:
    """Second differences of the joints that count, for each run of frames without a hole."""
    for part in np.split(np.arange(len(frames_F)), np.flatnonzero(np.diff(frames_F) > 1) + 1):
        if len(part) >= 3:
            yield np.diff(joints_FJ3[part][:, _COUNTED], n=2, axis=0)


def _local_rotations(motion: BodyMotion) -> Array:
    """[T, 22, 3, 3] rotation of each joint in its parent's frame."""
    num_frames = len(motion.frames_T)
    rotvecs_TJ3 = np.concatenate(
        [motion.global_orient_T3[:, None], motion.body_pose_T63.reshape(num_frames, -1, 3)], axis=1
    )
    matrices = Rotation.from_rotvec(rotvecs_TJ3.reshape(-1, 3)).as_matrix()
    return np.asarray(matrices.reshape(num_frames, NUM_JOINTS, 3, 3))


@cache
def _rest_joints(betas: tuple[float, ...]) -> Array:
    """[22, 3] m, of the mannequin, whose joints are those of SMPL-X."""
    body = Mannequin("wooden")
    body.reshape(np.array(betas))
    return np.asarray(body.joint_transforms(body.rest_pose())[:NUM_JOINTS, :3, 3], float)


def _centred(joints_FJ3: Array) -> Array:
    return np.asarray(joints_FJ3 - joints_FJ3[:, _HIPS].mean(1, keepdims=True))


def _mean_length(vectors: Array) -> float:
    return float(np.linalg.norm(vectors, axis=-1).mean())
