"""Anny bodies driven by SMPL-X poses.

Each SMPL-X joint turns the bones of its limb about a point of the body that lies where SMPL-X has
that joint (its hips are lower and nearer to each other than Anny's). Bones between two joints take
part of the turn: half of a bend of the spine, a share of a twist of the upper arm, forearm or
thigh, so that the skin does not crease at one place.

Shape suffixes: V vertices, J SMPL-X joints (the 22 of the body, the 30 of the hands), B Anny's
bones, D drivers (one bone or several that move as one), 33 a rotation. Metres, y up; x to the
person's left, z to the front.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation

from toolkit.actors.bodies import Body
from toolkit.m2m.skeleton import JOINT, JOINT_NAMES, NUM_JOINTS, PARENTS
from toolkit.m2m.types import Array

_SIDES = {"left": ("L", "R", 1.0), "right": ("R", "L", -1.0)}

_FINGERS = ("finger2", "finger3", "finger5", "finger4", "finger1")
"""Index, middle, little and ring finger, thumb: SMPL-X's order, three joints each."""

_PLACES: Mapping[str, Mapping[str, float]] = {
    # joint: where in the body, from the starts of bones, with shares that add up to 1 (S this
    # side, O the other).
    "pelvis": {"spine05": 1, "spine04": 0.35, "root": -0.35},
    "spine1": {"spine04": 1},
    "spine2": {"spine02": 1},
    "spine3": {"spine01": 1},
    "neck": {"spine01": 0.32, "neck01": 0.68},
    "head": {"head": 1},
    "hip": {"upperleg01.S": 0.58, "upperleg01.O": 0.25, "lowerleg01.S": 0.17},
    "knee": {"lowerleg01.S": 1},
    "ankle": {"foot.S": 1},
    "foot": {"toe2-1.S": 1},
    "collar": {"spine01": 0.4, "upperarm01.S": 0.45, "upperarm01.O": 0.15},
    "shoulder": {"upperarm01.S": 1},
    "elbow": {"lowerarm01.S": 1},
    "wrist": {"wrist.S": 1},
}

_DIRECTIONS: Mapping[str, tuple[str, tuple[float, float, float]]] = {
    # joint: the next joint, and the way to it in SMPL-X's T-pose, left side; measured on the
    # skeleton of mannequin-x, the mean of both sides.
    "hip": ("knee", (0.05, -0.371, -0.013)),
    "knee": ("ankle", (-0.03, -0.407, -0.026)),
    "collar": ("shoulder", (0.111, 0.056, -0.014)),
    "shoulder": ("elbow", (0.262, -0.054, -0.034)),
    "elbow": ("wrist", (0.251, 0.009, -0.009)),
}
_TOE_OUT_DEG = 10.0
"""Heading of the feet in SMPL-X's T-pose."""

_DRIVERS: Mapping[str, tuple[str, float]] = {
    # bone: joint that turns it, and its share of that turn; other bones follow their parents.
    "root": ("pelvis", 1.0),
    "spine05": ("spine1", 0.5),
    "spine04": ("spine1", 1.0),
    "spine03": ("spine2", 0.5),
    "spine02": ("spine2", 1.0),
    "spine01": ("spine3", 1.0),
    "neck01": ("neck", 0.5),
    "neck02": ("neck", 1.0),
    "neck03": ("head", 0.5),
    "head": ("head", 1.0),
    "upperleg01.S": ("hip", 0.5),
    "upperleg02.S": ("hip", 1.0),
    "lowerleg01.S": ("knee", 1.0),
    "foot.S": ("ankle", 1.0),
    "toe1-1.S": ("foot", 1.0),
    "toe2-1.S": ("foot", 1.0),
    "toe3-1.S": ("foot", 1.0),
    "toe4-1.S": ("foot", 1.0),
    "toe5-1.S": ("foot", 1.0),
    "clavicle.S": ("collar", 1.0),
    "upperarm01.S": ("shoulder", 0.5),
    "upperarm02.S": ("shoulder", 1.0),
    "lowerarm01.S": ("elbow", 0.25),
    "lowerarm02.S": ("elbow", 0.75),
    "wrist.S": ("wrist", 1.0),
}


@dataclass(frozen=True, eq=False)
class _Rig:
    """How one body follows SMPL-X joints.

    Attributes:
        parents: of each joint.
        anchors_J3: joints in the body's own rest pose, m.
        rest_J3: joints in SMPL-X's T-pose, soles at y = 0, m.
        joints_D: joint of each driver.
        shares_D: part of that joint's turn that the driver takes; of a limb's, part of the twist.
        axes_D3: along the limb in the T-pose; zero for a driver of the trunk.
        twists_D: angle about that axis that the T-pose adds from the limb's start to its end, rad.
        fits_D33: from the body's rest pose to the T-pose.
        drivers_B: driver of each bone.
    """

    parents: tuple[int, ...]
    anchors_J3: Array
    rest_J3: Array
    joints_D: Array
    shares_D: Array
    axes_D3: Array
    twists_D: Array
    fits_D33: Array
    drivers_B: Array


def rest_joints(body: Body) -> Array:
    """Return the body's joints [22, 3] m in SMPL-X's T-pose.

    The soles are at y = 0, the pelvis is where the body has it.
    """
    return _rig(body).rest_J3[:NUM_JOINTS].copy()


def pose_vertices(body: Body, local_J33: Array, pelvis_3: Array) -> Array:
    """Return the vertices [V, 3] m of the body in an SMPL-X pose.

    Its joints are ``pelvis_3 + pose_joints(local_J33[None], rest_joints(body))[0][0]``.

    Args:
        body: from ``load_body``.
        local_J33: [22, 3, 3], or [52, 3, 3] with both hands: rotation of each joint in its parent's
            frame; that of the pelvis is global. Hands at rest are relaxed.
        pelvis_3: where the joint of the pelvis is, m.
    """
    rig = _rig(body)
    local_J33 = np.concatenate([local_J33, np.tile(np.eye(3), (52 - len(local_J33), 1, 1))])
    turns_J33 = local_J33.copy()
    joints_J3 = np.tile(np.asarray(pelvis_3, float), (len(turns_J33), 1))
    offsets_J3 = rig.rest_J3 - rig.rest_J3[list(rig.parents)]
    for joint, parent in enumerate(rig.parents[1:], 1):
        turns_J33[joint] = turns_J33[parent] @ local_J33[joint]
        joints_J3[joint] = joints_J3[parent] + turns_J33[parent] @ offsets_J3[joint]

    turns_D33 = turns_J33[rig.joints_D]
    part_D = rig.shares_D < 1
    joints_P = rig.joints_D[part_D]
    turns_D33[part_D] = turns_J33[np.array(rig.parents)[joints_P]] @ _partial(
        local_J33[joints_P], rig.shares_D[part_D], rig.axes_D3[part_D], rig.twists_D[part_D]
    )
    turns_D33 = turns_D33 @ rig.fits_D33
    anchors_D3 = rig.anchors_J3[rig.joints_D]
    moves_D3 = joints_J3[rig.joints_D] - np.einsum("dij,dj->di", turns_D33, anchors_D3)
    transforms_D34 = np.concatenate([turns_D33, moves_D3[..., None]], axis=2)
    return body.skin(transforms_D34[rig.drivers_B])


def _partial(local_D33: Array, shares_D: Array, axes_D3: Array, twists_D: Array) -> Array:
    """Return a share of each rotation; about a limb's axis, the whole swing and part of the twist.

    ``twists_D`` is added to the twist before it is shared.
    """
    whole = Rotation.from_matrix(local_D33)
    quats_D4 = whole.as_quat()
    angles_D = 2 * np.arctan2((quats_D4[:, :3] * axes_D3).sum(axis=1), quats_D4[:, 3])
    angles_D = (angles_D + np.pi) % (2 * np.pi) - np.pi
    swing = whole * Rotation.from_rotvec(-angles_D[:, None] * axes_D3)
    twist = Rotation.from_rotvec((shares_D * (angles_D + twists_D))[:, None] * axes_D3)
    bent = Rotation.from_rotvec(shares_D[:, None] * whole.as_rotvec())
    limb_D11 = np.asarray(axes_D3.any(axis=1))[:, None, None]
    shared_D33: Array = np.where(limb_D11, (swing * twist).as_matrix(), bent.as_matrix())
    return shared_D33


@lru_cache(maxsize=8)
def _rig(body: Body) -> _Rig:
    """Measure a body once."""
    anchors_J3, parents, finger_bones = _anchors(body)
    fits_J33, axes_J3, twists_J = _fits(body, anchors_J3)
    hands = np.repeat([JOINT["left_wrist"], JOINT["right_wrist"]], 15)
    fits_J33 = np.concatenate([fits_J33, fits_J33[hands]])
    rest_J3 = np.zeros_like(anchors_J3)
    for joint, parent in enumerate(parents[1:], 1):
        rest_J3[joint] = rest_J3[parent] + fits_J33[parent] @ (
            anchors_J3[joint] - anchors_J3[parent]
        )
    ankle = JOINT["left_ankle"]
    height = anchors_J3[ankle, 1] - rest_J3[ankle, 1]
    rest_J3 += anchors_J3[0] * (1, 0, 1) + np.array([0, height, 0])

    driven = {bone: (joint, 1.0) for bone, joint in finger_bones.items()}
    for bone, (name, share) in _DRIVERS.items():
        for side, (this, _, _) in _SIDES.items():
            joint = JOINT[name if name in JOINT else f"{side}_{name}"]
            driven[bone.replace(".S", f".{this}")] = (joint, share)
    names = list(driven)
    joints_D = np.array([driven[name][0] for name in names])
    drivers_B: list[int] = []
    for bone, parent in zip(body.bones, body.parents_J, strict=True):
        drivers_B.append(names.index(bone) if bone in driven else drivers_B[parent])
    return _Rig(
        parents=parents,
        anchors_J3=anchors_J3,
        rest_J3=rest_J3,
        joints_D=joints_D,
        shares_D=np.array([driven[name][1] for name in names]),
        axes_D3=np.concatenate([axes_J3, np.zeros((30, 3))])[joints_D],
        twists_D=np.concatenate([twists_J, np.zeros(30)])[joints_D],
        fits_D33=fits_J33[joints_D],
        drivers_B=np.array(drivers_B),
    )


def _anchors(body: Body) -> tuple[Array, tuple[int, ...], dict[str, int]]:
    """Joints of body and hands in the body's rest pose [52, 3], their parents, the finger bones."""
    anchors: list[Array] = []
    for name in JOINT_NAMES:
        side, _, part = name.rpartition("_")
        this, other, _ = _SIDES.get(side, ("", "", 0.0))
        places = _PLACES[part].items()
        anchors.append(
            np.sum(
                [
                    share * body.head(bone.replace(".S", f".{this}").replace(".O", f".{other}"))
                    for bone, share in places
                ],
                axis=0,
            )
        )
    parents = [0, *PARENTS[1:]]
    finger_bones: dict[str, int] = {}
    for side, (this, _, _) in _SIDES.items():
        for finger in _FINGERS:
            parents += [JOINT[f"{side}_wrist"], len(parents), len(parents) + 1]
            for phalanx in (1, 2, 3):
                bone = f"{finger}-{phalanx}.{this}"
                finger_bones[bone] = len(anchors)
                anchors.append(body.head(bone))
    return np.array(anchors), tuple(parents), finger_bones


def _fits(body: Body, anchors_J3: Array) -> tuple[Array, Array, Array]:
    """Rotations from the body's rest pose to SMPL-X's T-pose.

    Returns:
        The rotations [22, 3, 3]; the axes of limbs in the T-pose [22, 3]; the twist from the
        elbow's rotation to the wrist's [22] rad, zero for other joints.
    """
    fits_J33 = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    axes_J3, twists_J = np.zeros((NUM_JOINTS, 3)), np.zeros(NUM_JOINTS)
    for side, (this, _, sign) in _SIDES.items():
        for name, (end_name, direction) in _DIRECTIONS.items():
            joint, end = JOINT[f"{side}_{name}"], JOINT[f"{side}_{end_name}"]
            way_3 = _unit(np.array(direction) * (sign, 1, 1))
            before_33 = fits_J33[PARENTS[joint]]
            bone_3 = _unit(before_33 @ (anchors_J3[end] - anchors_J3[joint]))
            fits_J33[joint] = _shortest_turn(bone_3, way_3) @ before_33
            if name != "collar":
                axes_J3[joint] = way_3
        toe_out = Rotation.from_euler("y", sign * _TOE_OUT_DEG, degrees=True).as_matrix()
        fits_J33[JOINT[f"{side}_ankle"]] = fits_J33[JOINT[f"{side}_foot"]] = toe_out

        elbow, wrist = JOINT[f"{side}_elbow"], JOINT[f"{side}_wrist"]
        along_3 = body.head(f"finger3-1.{this}") - anchors_J3[wrist]
        across_3 = body.head(f"finger2-1.{this}") - body.head(f"finger5-1.{this}")
        flat_33 = _frame(np.array([sign, 0.0, 0.0]), np.array([0.0, 0.0, 1.0]))
        fits_J33[wrist] = flat_33 @ _frame(along_3, across_3).T
        turn = Rotation.from_matrix(fits_J33[wrist] @ fits_J33[elbow].T).as_quat()
        twists_J[elbow] = 2 * np.arctan2(turn[:3] @ axes_J3[elbow], turn[3])
    return fits_J33, axes_J3, (twists_J + np.pi) % (2 * np.pi) - np.pi


def _shortest_turn(from_3: Array, to_3: Array) -> Array:
    """Rotation [3, 3] that takes one unit vector to the other, less than half a turn away."""
    axis_3 = np.cross(from_3, to_3)
    cross_33 = np.cross(np.eye(3), axis_3)
    return np.asarray(np.eye(3) + cross_33 + cross_33 @ cross_33 / (1 + from_3 @ to_3))


def _frame(first_3: Array, second_3: Array) -> Array:
    """Orthonormal [3, 3] whose columns start with the first direction, then the second's part."""
    x_3 = _unit(first_3)
    y_3 = _unit(second_3 - second_3 @ x_3 * x_3)
    return np.column_stack([x_3, y_3, np.cross(x_3, y_3)])


def _unit(vector_3: Array) -> Array:
    return np.asarray(vector_3 / np.linalg.norm(vector_3))
