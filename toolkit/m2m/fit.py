"""From BlazePose landmarks to the pose of the SMPL-X body skeleton, by analytic inverse kinematics.

Each bone is aimed from where the skeleton's joint is to where the landmark is seen, down the chain
from the pelvis, so that errors do not add up along a limb. The world landmarks give the depth. It
takes the distance to the camera: first that of the world landmarks, then that of the posed body,
which is posed again there. All frames of a track are solved at once.

Shape suffixes: T frames, K landmarks, J joints. Points are metres in camera axes (x right, y down,
z forward); rotations take the SMPL-X rest pose (x left, y up, z front) there.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from toolkit.m2m.directions import across, align, shortest, unit
from toolkit.m2m.skeleton import JOINT, NUM_JOINTS, PARENTS, PRIOR_J3, clamp, pose_joints
from toolkit.m2m.types import Array, Camera

LANDMARK_PLACES = {
    # landmark: (joint, offset in metres in the rest pose, in the frame of the joint's parent; of
    # the joint itself for the head). BlazePose's hips are wider and higher than SMPL-X's.
    0: ("head", (0.0, 0.02, 0.13)),
    7: ("head", (0.078, 0.02, 0.0)),
    8: ("head", (-0.078, 0.02, 0.0)),
    11: ("left_shoulder", (0.02, 0.0, 0.0)),
    12: ("right_shoulder", (-0.02, 0.0, 0.0)),
    13: ("left_elbow", (0.0, 0.0, 0.0)),
    14: ("right_elbow", (0.0, 0.0, 0.0)),
    15: ("left_wrist", (0.0, 0.0, 0.0)),
    16: ("right_wrist", (0.0, 0.0, 0.0)),
    23: ("left_hip", (0.055, 0.03, 0.0)),
    24: ("right_hip", (-0.055, 0.03, 0.0)),
    25: ("left_knee", (0.0, 0.0, 0.0)),
    26: ("right_knee", (0.0, 0.0, 0.0)),
    27: ("left_ankle", (0.0, 0.0, 0.0)),
    28: ("right_ankle", (0.0, 0.0, 0.0)),
}
_SIZED_BONES = ((11, 12), (23, 24), (11, 23), (12, 24), (23, 25), (24, 26), (25, 27), (26, 28))
_SEEN = 0.5
"""Visibility from which a joint counts as observed."""
_TREMOR_S, _RELIEF_S, _DEPTH_S, _GAP_S = 0.05, 0.06, 0.15, 0.5
"""Standard deviations of the zero-phase smoothing of the pose, of the landmarks' depth within the
body, of the distance to the camera, and across gaps."""
_LENGTH_ERROR, _BONE_DEPTH_ERROR_M = 0.15, 0.2
"""How far an arm's bone may be from the skeleton's length as it is seen, and from the landmarks'
difference in depth (standard deviations)."""
_NEAREST_M, _FARTHEST_M = 0.3, 500.0
_X, _Y, _Z = np.eye(3)


@dataclass(frozen=True)
class Fit:
    """rotations_TJ33 (parent frame; the pelvis' in the camera), pelvis_T3 m, observed_TJ bool."""

    rotations_TJ33: Array
    pelvis_T3: Array
    observed_TJ: Array


def fit_body(
    landmarks_TK4: Array, world_TK3: Array, camera: Camera, fps: float, rest_J3: Array
) -> Fit:
    """Fit the skeleton to one person's landmarks.

    Args:
        landmarks_TK4: [T, 33, 4] x px, y px, visibility, presence.
        world_TK3: [T, 33, 3] metres.
        camera: the camera of the pixel coordinates.
        fps: frames per second; the frames follow each other without holes.
        rest_J3: [22, 3] metres, the body model's joints in the rest pose.
    """
    seen_TK = landmarks_TK4[..., 2]
    rays_TK3 = _rays(landmarks_TK4[..., :2], camera)
    world_TK3 = world_TK3 * _body_scale(world_TK3, rest_J3)
    world_TK3 = _smooth(world_TK3, np.maximum(seen_TK, 0.02), _RELIEF_S * fps)
    hips_T3 = world_TK3[:, 23:25].mean(1)
    points_TK3 = _turn_to_ray(world_TK3 - hips_T3[:, None], rays_TK3[:, 23:25].mean(1))
    depths_TK = points_TK3[..., 2]
    chosen = list(LANDMARK_PLACES)
    root_T3 = _place(points_TK3[:, chosen], rays_TK3[:, chosen], seen_TK[:, chosen], fps)
    for _ in range(2):
        depths_T = root_T3[:, 2] - depths_TK[:, 23:25].mean(1)
        points_TK3 = rays_TK3 * np.maximum(depths_TK + depths_T[:, None], 0.1)[..., None]
        raw_TJ33, weights_TJ = _solve(points_TK3, seen_TK, root_T3, rest_J3)
        rotations_TJ33 = _smooth_rotations(raw_TJ33, weights_TJ, fps)
        body_TK3 = _landmark_points(rotations_TJ33, rest_J3)
        root_T3 = _place(body_TK3, rays_TK3[:, chosen], seen_TK[:, chosen], fps)
    return Fit(rotations_TJ33, root_T3, _observed(seen_TK))


def _rays(pixels_TK2: Array, camera: Camera) -> Array:
    """Directions [T, K, 3] of pixels, z = 1."""
    plane = (pixels_TK2 - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    return np.concatenate([plane, np.ones_like(plane[..., :1])], axis=-1)


def _body_scale(world_TK3: Array, rest_J3: Array) -> float:
    """Size of the skeleton over the size of the person in the world landmarks."""
    places = {k: rest_J3[JOINT[name]] + offset for k, (name, offset) in LANDMARK_PLACES.items()}
    ours = sum(np.linalg.norm(places[a] - places[b]) for a, b in _SIZED_BONES)
    theirs_T = sum(
        np.linalg.norm(world_TK3[:, a] - world_TK3[:, b], axis=-1) for a, b in _SIZED_BONES
    )
    return float(ours / max(np.median(theirs_T), 1e-3))


def _turn_to_ray(points_TK3: Array, rays_T3: Array) -> Array:
    """Turn points seen along z so that they are seen along a ray: a person may be off-centre."""
    turns_T33 = shortest(np.broadcast_to(_Z, rays_T3.shape), rays_T3)
    return np.asarray(np.einsum("tij,tkj->tki", turns_T33, points_TK3))


def _ramp(values: Array, low: float, high: float) -> Array:
    """0 below ``low``, 1 above ``high``, smooth between."""
    x = np.clip((values - low) / (high - low), 0, 1)
    return x * x * (3 - 2 * x)


class _Chain:
    """The pose as it grows from the pelvis outwards: turns_TJ33 and joints_TJ3 in the camera."""

    def __init__(self, num_frames: int, rest_J3: Array) -> None:
        self.rest_J3 = rest_J3
        self.turns_TJ33 = np.tile(np.eye(3), (num_frames, NUM_JOINTS, 1, 1))
        self.local_TJ33 = self.turns_TJ33.copy()
        self.joints_TJ3 = np.zeros((num_frames, NUM_JOINTS, 3))

    def bone(self, child: str) -> Array:
        joint = JOINT[child]
        return np.asarray(self.rest_J3[joint] - self.rest_J3[PARENTS[joint]])

    def reach(self, name: str) -> tuple[Array, Array]:
        """Return where a joint is and how its parent is turned."""
        joint = JOINT[name]
        parent = PARENTS[joint]
        turn_T33 = self.turns_TJ33[:, parent]
        self.joints_TJ3[:, joint] = self.joints_TJ3[:, parent] + turn_T33 @ self.bone(name)
        return self.joints_TJ3[:, joint], turn_T33

    def set(self, name: str, turn_T33: Array) -> Array:
        """Turn a joint as near to ``turn_T33`` as its limits allow; return its turn."""
        joint = JOINT[name]
        _, parent_T33 = self.reach(name)
        local_T33 = clamp(joint, parent_T33.transpose(0, 2, 1) @ turn_T33)
        self.local_TJ33[:, joint] = local_T33
        self.turns_TJ33[:, joint] = parent_T33 @ local_T33
        return self.turns_TJ33[:, joint]


def _solve(
    points_TK3: Array, seen_TK: Array, root_T3: Array, rest_J3: Array
) -> tuple[Array, Array]:
    """Return local rotations [T, 22, 3, 3] and how far each is to be trusted [T, 22]."""
    chain = _Chain(len(points_TK3), rest_J3)
    _solve_torso(chain, points_TK3, seen_TK, root_T3)
    _solve_head(chain, points_TK3)
    for left in (True, False):
        _solve_arm(chain, points_TK3, seen_TK, left=left)
        _solve_leg(chain, points_TK3, left=left)
    return chain.local_TJ33, _ramp(_joint_visibility(seen_TK), 0.1, 0.6)


def _toward(points_TK3: Array, start: int, end: int, joint_T3: Array, length: float) -> Array:
    """Return the way [T, 3] of a bone, from where the joint of landmark ``start`` is.

    Across the view it ends where landmark ``end`` is seen. How far it goes along the view is the
    mean of what two things make likely: the landmarks' depths, of which only the difference counts,
    for the skeleton's shoulder may lie before or behind the landmark; and the bone's ``length``,
    which is all seen where the bone lies across the view.
    """
    rays_T3 = unit(points_TK3[:, end])
    depths_T = joint_T3[:, 2] + points_TK3[:, end, 2] - points_TK3[:, start, 2]
    ways_T3 = rays_T3 * (np.maximum(depths_T, 0.1) / rays_T3[:, 2])[:, None] - joint_T3
    along_T1 = (ways_T3 * rays_T3).sum(-1, keepdims=True)
    across_T3 = ways_T3 - along_T1 * rays_T3
    tried_N = length * np.linspace(-1.2, 1.2, 61)
    lengths_TN = np.hypot(np.linalg.norm(across_T3, axis=-1, keepdims=True), tried_N)
    errors_TN = ((lengths_TN / length - 1) / _LENGTH_ERROR) ** 2
    errors_TN += ((tried_N - along_T1) / _BONE_DEPTH_ERROR_M) ** 2
    likely_TN = np.exp((errors_TN.min(1, keepdims=True) - errors_TN) / 2)
    mean_T = (likely_TN * tried_N).sum(1) / likely_TN.sum(1)
    return np.asarray(across_T3 + mean_T[:, None] * rays_T3)


def _solve_torso(chain: _Chain, points_TK3: Array, seen_TK: Array, root_T3: Array) -> None:
    """Pelvis from the hips, chest from the shoulders, the difference spread over the spine."""
    across_hips_T3 = unit(points_TK3[:, 23] - points_TK3[:, 24])
    across_shoulders_T3 = unit(points_TK3[:, 11] - points_TK3[:, 12])
    up_T3 = unit(points_TK3[:, 11:13].mean(1) - points_TK3[:, 23:25].mean(1))
    hips_T1 = _ramp(seen_TK[:, 23:25].min(1), 0.1, 0.6)[:, None]
    up_T3 = unit(hips_T1 * up_T3 - (1 - hips_T1) * _Y)  # unseen hips: sitting or standing upright
    across_hips_T3 = hips_T1 * across_hips_T3 + (1 - hips_T1) * across_shoulders_T3
    chain.joints_TJ3[:, 0] = root_T3
    pelvis_T33 = align(_X, _Y, across_hips_T3, up_T3)
    chain.turns_TJ33[:, 0] = chain.local_TJ33[:, 0] = pelvis_T33
    chest_T33 = align(_X, _Y, across_shoulders_T3, up_T3)
    bend = Rotation.from_matrix(pelvis_T33.transpose(0, 2, 1) @ chest_T33).as_rotvec()
    third_T33 = Rotation.from_rotvec(bend / 3).as_matrix()
    turn_T33 = pelvis_T33
    for name in ("spine1", "spine2", "spine3"):
        turn_T33 = chain.set(name, turn_T33 @ third_T33)


def _solve_head(chain: _Chain, points_TK3: Array) -> None:
    """Neck toward the middle of the ears, head along ears and nose."""
    neck_T3, chest_T33 = chain.reach("neck")
    ears_T3 = points_TK3[:, 7:9].mean(1)
    rest_3 = chain.bone("head") + LANDMARK_PLACES[7][1] * np.array([0, 1, 1])
    chain.set("neck", shortest(chest_T33 @ rest_3, ears_T3 - neck_T3) @ chest_T33)
    across_T3 = points_TK3[:, 7] - points_TK3[:, 8]
    chain.set("head", align(_X, _Z, across_T3, points_TK3[:, 0] - ears_T3))


def _solve_arm(chain: _Chain, points_TK3: Array, seen_TK: Array, *, left: bool) -> None:
    """Collar, shoulder, elbow and wrist of one side."""
    side, odd = ("left", 0) if left else ("right", 1)
    elbow, wrist, pinky, index = (points_TK3[:, k + odd] for k in (13, 15, 17, 19))
    # The shoulder blade follows a tenth of the way that the upper arm leaves the T-pose.
    start_T3, chest_T33 = chain.reach(f"{side}_collar")
    upper_3, fore_3 = chain.bone(f"{side}_elbow"), chain.bone(f"{side}_wrist")
    lift_T3 = Rotation.from_matrix(
        shortest(chest_T33 @ upper_3, elbow - points_TK3[:, 11 + odd])
    ).as_rotvec()
    chain.set(f"{side}_collar", Rotation.from_rotvec(lift_T3 / 10).as_matrix() @ chest_T33)

    start_T3, collar_T33 = chain.reach(f"{side}_shoulder")
    axis_3 = -_Y if left else _Y
    turn_T33, hinge_T33 = _hinge(
        collar_T33,
        (upper_3, fore_3),
        axis_3,
        _toward(points_TK3, 11 + odd, 13 + odd, start_T3, float(np.linalg.norm(upper_3))),
        wrist - elbow,
    )
    turn_T33 = chain.set(f"{side}_shoulder", turn_T33) @ hinge_T33

    start_T3, _ = chain.reach(f"{side}_elbow")
    fore_T3 = _toward(points_TK3, 13 + odd, 15 + odd, start_T3, float(np.linalg.norm(fore_3)))
    bent_T33 = shortest(turn_T33 @ fore_3, fore_T3) @ turn_T33
    hand_T1 = _ramp(seen_TK[:, [15 + odd, 17 + odd, 19 + odd]].min(1), 0.3, 0.8)[:, None]
    thumb_side_T3 = (1 - hand_T1) * (bent_T33 @ _Z) + hand_T1 * unit(index - pinky)
    turn_T33 = chain.set(f"{side}_elbow", align(fore_3, _Z, fore_T3, thumb_side_T3))

    hand_T3 = hand_T1 * ((index + pinky) / 2 - wrist) + (1 - hand_T1) * (turn_T33 @ fore_3)
    chain.set(f"{side}_wrist", shortest(turn_T33 @ fore_3, hand_T3) @ turn_T33)


def _solve_leg(chain: _Chain, points_TK3: Array, *, left: bool) -> None:
    """Hip, knee and ankle of one side; the toes stay at rest."""
    side, odd = ("left", 0) if left else ("right", 1)
    knee, ankle, heel, toe = (points_TK3[:, k + odd] for k in (25, 27, 29, 31))
    start_T3, pelvis_T33 = chain.reach(f"{side}_hip")
    thigh_3, shank_3 = chain.bone(f"{side}_knee"), chain.bone(f"{side}_ankle")
    turn_T33, hinge_T33 = _hinge(pelvis_T33, (thigh_3, shank_3), _X, knee - start_T3, ankle - knee)
    turn_T33 = chain.set(f"{side}_hip", turn_T33) @ hinge_T33

    start_T3, _ = chain.reach(f"{side}_knee")
    turn_T33 = chain.set(f"{side}_knee", shortest(turn_T33 @ shank_3, ankle - start_T3) @ turn_T33)
    chain.reach(f"{side}_ankle")
    toe_3 = chain.bone(f"{side}_foot")
    heel_3 = np.array([0, toe_3[1], -0.03])
    foot_T33 = align(toe_3 - heel_3, -toe_3 - heel_3, toe - heel, 2 * ankle - toe - heel)
    chain.set(f"{side}_ankle", foot_T33)
    chain.reach(f"{side}_foot")


def _flexion(rest_3: Array, rest_next_3: Array, axis_3: Array, bend_T: Array) -> Array:
    """Angles [T] about a hinge that bring the next bone to ``bend_T`` radians from this one.

    The bones are not in line at rest, so this is not the bend itself.
    """
    bone, following = unit(rest_3), unit(rest_next_3)
    along = (following @ axis_3) * axis_3
    in_plane = bone @ (following - along)
    out_of_plane = bone @ np.cross(axis_3, following)
    cosine_T = (np.cos(bend_T) - bone @ along) / np.hypot(in_plane, out_of_plane)
    angles_T = np.arctan2(out_of_plane, in_plane) + np.arccos(np.clip(cosine_T, -1, 1))
    return np.asarray(np.maximum(angles_T, 0))


def _hinge(
    parent_T33: Array,
    rest: tuple[Array, Array],
    axis_3: Array,
    bone_T3: Array,
    next_T3: Array,
) -> tuple[Array, Array]:
    """Rotations [T, 3, 3] of a thigh or upper arm and of the hinge at its end.

    The first is along the bone, and the plane of the bend gives its twist. Where the limb is nearly
    straight that plane says nothing; there the twist is that of the shortest way from the parent.

    Args:
        parent_T33: rotation of the parent.
        rest: this bone and the next, in the rest pose.
        axis_3: axis of the hinge in the rest pose; a positive angle flexes.
        bone_T3: where this bone points.
        next_T3: where the next bone points.
    """
    along_T3 = unit(bone_T3)
    bend_T = np.arccos(np.clip((along_T3 * unit(next_T3)).sum(-1), -1, 1))
    hinges = Rotation.from_rotvec(_flexion(*rest, axis_3, bend_T)[:, None] * axis_3)
    rest_side_T3 = hinges.apply(rest[1])
    straight_T33 = shortest(parent_T33 @ rest[0], bone_T3) @ parent_T33
    weight_T1 = _ramp(bend_T, *np.radians((15, 45)))[:, None]
    usual_T3 = np.einsum("tij,tj->ti", straight_T33, rest_side_T3)
    side_T3 = weight_T1 * across(next_T3, along_T3) + (1 - weight_T1) * across(usual_T3, along_T3)
    turn_T33 = align(rest[0], rest_side_T3, bone_T3, side_T3)
    return turn_T33, np.asarray(hinges.as_matrix())


def _joint_visibility(seen_TK: Array) -> Array:
    """[T, 22] the visibility of the least visible landmark that a joint's rotation is read from."""
    sources = {
        "pelvis": (11, 12), "spine1": (11, 12, 23, 24), "spine2": (11, 12, 23, 24),
        "spine3": (11, 12, 23, 24), "neck": (7, 8, 11, 12), "head": (0, 7, 8),
        "collar": (11, 13), "shoulder": (11, 13), "elbow": (13, 15), "wrist": (15, 17, 19),
        "hip": (23, 25), "knee": (25, 27), "ankle": (27, 29, 31),
    }  # fmt: skip
    visible_TJ = np.zeros((len(seen_TK), NUM_JOINTS))
    for name, joint in JOINT.items():
        side, _, part = name.rpartition("_")
        if landmarks := sources.get(part):
            odd = 1 if side == "right" else 0
            visible_TJ[:, joint] = seen_TK[:, [k + odd for k in landmarks]].min(1)
    return visible_TJ


def _observed(seen_TK: Array) -> Array:
    return _joint_visibility(seen_TK) >= _SEEN


def _smooth_rotations(local_TJ33: Array, weights_TJ: Array, fps: float) -> Array:
    """Weighted mean over time, without lag.

    Unseen joints drift to their neighbours in time, then to the prior.
    """
    weights = weights_TJ[..., None, None]
    prior_J33 = Rotation.from_rotvec(PRIOR_J3).as_matrix()
    total = np.zeros_like(local_TJ33)
    for width_s, share in ((_TREMOR_S, 1.0), (_GAP_S, 0.02)):
        total += share * gaussian_filter1d(
            weights * local_TJ33, width_s * fps, axis=0, mode="constant", truncate=6
        )
    total[:, 1:] += 0.002 * prior_J33[1:]
    total[:, 0] += 0.002 * local_TJ33[:, 0]
    left, _, right = np.linalg.svd(total)
    left[..., -1] *= np.linalg.det(left @ right)[..., None]
    return np.asarray(left @ right)


def _place(body_TK3: Array, rays_TK3: Array, seen_TK: Array, fps: float) -> Array:
    """Return where the pelvis is [T, 3] m, so that points about it lie on their rays.

    Least squares, linear in the translation: for each landmark, x + tx = u (z + tz) and the same
    in y, where (u, v, 1) is its ray. The depth is smoothed over time before x and y are solved.
    """
    rays = rays_TK3[..., :2]
    weights = np.maximum(seen_TK, 0.02)[..., None] ** 2
    offsets = body_TK3[..., :2] - rays * body_TK3[..., 2:]
    total = weights.sum(1)
    mean_rays, mean_offsets = (weights * rays).sum(1) / total, (weights * offsets).sum(1) / total
    spread = rays - mean_rays[:, None]
    information_T = (weights * spread**2).sum((1, 2)) + 1e-9
    depths_T = (weights * spread * (offsets - mean_offsets[:, None])).sum((1, 2)) / information_T
    log_depths_T = np.log(np.clip(depths_T, _NEAREST_M, _FARTHEST_M))
    depths_T = np.exp(_smooth(log_depths_T, information_T, _DEPTH_S * fps))
    plane_T2 = mean_rays * depths_T[:, None] - mean_offsets
    return np.concatenate([plane_T2, depths_T[:, None]], axis=1)


def _landmark_points(rotations_TJ33: Array, rest_J3: Array) -> Array:
    """[T, 15, 3] m the body's points at ``LANDMARK_PLACES``, the pelvis at the origin."""
    joints_TJ3, turns_TJ33 = pose_joints(rotations_TJ33, rest_J3)
    points = []
    for name, offset in LANDMARK_PLACES.values():
        joint = JOINT[name]
        frame = joint if name == "head" else PARENTS[joint]
        points.append(joints_TJ3[:, joint] + turns_TJ33[:, frame] @ np.array(offset))
    return np.stack(points, axis=1)


def _smooth(values: Array, weights_T: Array, sigma: float) -> Array:
    """Weighted Gaussian mean over time."""
    weights = weights_T.reshape(*weights_T.shape, *[1] * (values.ndim - weights_T.ndim))
    top = gaussian_filter1d(weights * values, sigma, axis=0, mode="constant")
    return np.asarray(top / gaussian_filter1d(weights, sigma, axis=0, mode="constant"))
