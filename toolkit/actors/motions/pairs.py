"""Actions of two people: two tables, and what the hands of one touch on the other.

Both start on the x axis, the first one at negative x, and face each other.
Shape suffixes: T frames. Person's axes of ``kinematics``; metres.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.actors.motions.keys import STAND, Pose, Table, compose, phases, sample
from toolkit.actors.motions.kinematics import Build, solve
from toolkit.actors.motions.motion import Motion
from toolkit.m2m.skeleton import JOINT, pose_joints
from toolkit.m2m.types import Array

_STOOP_DEG = 90
"""For who is twice as tall as the mean of both."""


@dataclass(frozen=True)
class Touch:
    """Where a palm goes: a joint of the other person and from there (left, up, front), legs.

    Without a joint, both meet half way between each other, as high as the first one's ``thing``.
    """

    joint: str | None
    place: tuple[float, float, float]


@dataclass(frozen=True)
class Pair:
    """An action of two people.

    Attributes:
        tables: what each does; the channel ``reach`` is the share of the touch.
        gap: between them at the start: metres, arms of each, legs of each.
        touches: of either, by side.
    """

    tables: tuple[Table, Table]
    gap: tuple[float, float, float]
    touches: Mapping[str, Touch]


def play(
    pair: Pair, rests: Sequence[Array], num_frames: int, fps: float, rng: np.random.Generator
) -> list[Motion]:
    """Play an action of two people."""
    builds = [Build.of(rest_J3) for rest_J3 in rests]
    metres, arms, legs = pair.gap
    gap = metres + sum(arms * build.arm_m + legs * build.leg_m for build in builds)
    phases_T, _ = phases(pair.tables[0], num_frames, fps, rng)
    channels = [sample(table, phases_T, fps, rng) for table in pair.tables]
    mean_leg_m = sum(build.leg_m for build in builds) / 2
    for build, part in zip(builds, channels, strict=True):  # who is taller bends down
        stoop_deg = _STOOP_DEG * max(build.leg_m / mean_leg_m - 1, 0)
        part["torso"] = part["torso"] + stoop_deg * part["reach_r"] * (1, 0, 0)
    meet_T3 = mean_leg_m * channels[0]["thing"] * (0, 1, 0) + np.array([0, 0, gap / 2])
    alone = [
        solve(build, compose(build, part), fps)
        for build, part in zip(builds, channels, strict=True)
    ]
    motions = []
    for own, other, sign in ((0, 1, 1.0), (1, 0, -1.0)):
        seen = alone[other].placed(np.array([0.0, 0.0, gap]), np.pi)
        goals = {
            side: _goal(touch, builds[own], builds[other], seen, meet_T3)
            for side, touch in pair.touches.items()
        }
        motion = solve(builds[own], compose(builds[own], channels[own], goals), fps)
        place_3 = np.array([-sign * gap / 2, 0.0, 0.0])
        motions.append(motion.placed(place_3, sign * np.pi / 2))
    return motions


def _goal(touch: Touch, build: Build, other: Build, seen: Motion, meet_T3: Array) -> Array:
    """Place of a palm [T, 3] in its person's axes."""
    offset_3 = np.array(touch.place)
    if touch.joint is None:
        return np.asarray(meet_T3 + offset_3 * build.leg_m)
    joints_TJ3, turns_TJ33 = pose_joints(seen.local_TJ33, other.rest_J3)
    joint = JOINT[touch.joint]
    place_T3 = joints_TJ3[:, joint] + seen.pelvis_T3
    return np.asarray(place_T3 + turns_TJ33[:, joint] @ (offset_3 * other.leg_m))


def _merged(*poses: Mapping[float, Pose]) -> dict[float, Pose]:
    """Key poses of several tables in one."""
    moments = sorted({moment for part in poses for moment in part})
    return {t: {k: v for part in poses for k, v in part.get(t, {}).items()} for t in moments}


_IN_STEPS: Mapping[float, Pose] = {  # both people, one step each foot
    0.05: {"foot_r": (0.03, 0, 0, 0, 0), "foot_l": (0.03, 0, 0, 0, 0), "pelvis": (0, 0, 0)},
    0.11: {"foot_r": (0.03, 0.1, 0.2, 14, 0)},
    0.16: {"foot_r": (0.03, 0, 0.42, 0, 0), "foot_l": (0.03, 0, 0, 14, 0)},
    0.22: {"foot_l": (0.03, 0.1, 0.2, 14, 0)},
    0.28: {"foot_l": (0.03, 0, 0.42, 0, 0), "pelvis": (0.09, -0.01, 0.42)},
    0.70: {"foot_l": (0.03, 0, 0.42, 0, 0), "pelvis": (0.09, -0.01, 0.42)},
    0.76: {"foot_l": (0.03, 0.1, 0.2, 10, 0)},
    0.82: {"foot_l": (0.03, 0, 0, 0, 0), "foot_r": (0.03, 0, 0.42, 14, 0)},
    0.88: {"foot_r": (0.03, 0.1, 0.2, 10, 0)},
    0.94: {"foot_r": (0.03, 0, 0, 0, 0), "pelvis": (0, 0, 0)},
}
_FREE: Pose = {"reach": (0,), "wrist": (0,)}
_HUG = _merged(
    _IN_STEPS,
    {
        0.00: {"hand": STAND["hand"], "reach": (0,), "torso": (0, 0, 0), "head": (0, 0, 0)},
        0.22: {"hand_r": (1.7, 0.1, 0.65), "hand_l": (1.7, -0.35, 0.6), **_FREE},
        0.34: {"reach": (1,), "torso": (6, 0, 0), "head": (4, 12, 6), "wrist": (-50,)},
        0.66: {"reach": (1,), "torso": (6, 0, 0), "head": (4, 12, 6), "wrist": (-50,)},
        0.76: {"hand_r": (1.7, 0.1, 0.65), "hand_l": (1.7, -0.35, 0.6), **_FREE},
        0.90: {"hand": STAND["hand"], "reach": (0,), "torso": (0, 0, 0), "head": (0, 0, 0)},
    },
)
_SHAKE: Mapping[float, Pose] = {
    0.00: {"reach_r": (0,), "torso": (0, 0, 0), "thing": (0, 1.3, 0), "hand_r": STAND["hand"]},
    0.12: {"hand_r": (1.1, -0.7, 0.5)},
    0.22: {"reach_r": (1,), "torso": (6, 4, 0), "head": (2, 0, 0), "thing": (0, 1.3, 0)},
    **{0.28 + 0.06 * i: {"thing": (0, 1.25 + 0.1 * (i % 2), 0)} for i in range(9)},
    0.80: {"reach_r": (1,), "torso": (6, 4, 0), "thing": (0, 1.3, 0)},
    0.90: {"hand_r": (1.1, -0.7, 0.5)},
    0.99: {"reach_r": (0,), "torso": (0, 0, 0), "hand_r": STAND["hand"]},
}
_PUSHING: Mapping[float, Pose] = {
    0.00: STAND,
    0.14: {
        "hand": (0.85, -0.25, 0.34),
        "torso": (-5, 0, 0),
        "pelvis": (0, -0.03, -0.06),
        "reach": (0,),
        "wrist": (60,),
    },
    0.24: {"foot_l": (0.03, 0, 0, 8, 0)},
    0.26: {"reach": (1,), "torso": (8, 0, 0), "pelvis": (0, -0.06, 0.08), "wrist": (70,)},
    0.32: {"foot_l": (0.03, 0.1, 0.22, 4, 0)},
    0.40: {
        "reach": (1,),
        "torso": (14, 0, 0),
        "turn": (16, 0, 0),
        "pelvis": (0, -0.12, 0.28),
        "wrist": (70,),
        "foot_l": (0.03, 0, 0.4, 0, 0),
        "hand": (0.9, 0.0, 0.9),
    },
    0.48: {"reach": (0,), "hand": (0.9, -0.05, 0.92)},
    0.62: {"torso": (4, 0, 0), "turn": (4, 0, 0), "foot_l": (0.03, 0, 0.4, 0, 0)},
    0.70: {"foot_l": (0.03, 0.1, 0.2, 0, 0), "hand": (1.1, -0.8, 0.35)},
    0.80: STAND,
}
_PUSHED: Mapping[float, Pose] = {
    0.00: STAND,
    0.27: {**STAND, "hand": (1.18, -0.9, 0.15)},
    0.38: {
        "torso": (-20, 0, 0),
        "turn": (-12, 0, 0),
        "head": (18, 0, 0),
        "pelvis": (0, -0.03, -0.16),
        "hand": (1.5, -0.45, 0.6),
        "foot_r": (0.03, 0.1, -0.25, 10, 0),
        "foot_l": (0.03, 0, 0, -6, 0),
    },
    0.46: {
        "foot_r": (0.06, 0, -0.5, 12, 10),
        "pelvis": (0, -0.1, -0.36),
        "hand": (1.75, -0.2, 0.5),
        "torso": (-10, 0, 0),
    },
    0.58: {"torso": (14, 0, 0), "turn": (6, 0, 0), "head": (0, 0, 0), "pelvis": (0, -0.1, -0.34)},
    0.70: {"foot_r": (0.06, 0, -0.5, 14, 10), "hand": (1.3, -0.8, 0.3)},
    0.78: {"foot_r": (0.03, 0.1, -0.2, 10, 5)},
    0.88: STAND,
}

PAIRS: Mapping[str, Pair] = {
    "hand_shake": Pair(
        (Table(3.0, _SHAKE, amplitude=0.0), Table(3.0, _SHAKE, amplitude=0.0)),
        (0.18, 0.44, 0.0),
        {"right": Touch(None, (-0.015, 0, 0))},
    ),
    "hug": Pair(
        (
            Table(4.2, _HUG, amplitude=0.0, base={"elbow": (1, -0.15, -0.1)}),
            Table(4.2, _HUG, amplitude=0.0, base={"elbow": (1, -0.15, -0.1)}),
        ),
        (0.29, 0.0, 0.42),
        {
            "right": Touch("spine3", (-0.09, 0.06, -0.14)),
            "left": Touch("spine2", (0.08, 0.0, -0.14)),
        },
    ),
    "push": Pair(
        (Table(2.6, _PUSHING, amplitude=0.0), Table(2.6, _PUSHED, amplitude=0.0)),
        (0.36, 0.33, 0.0),
        {
            "right": Touch("spine3", (0.11, -0.06, 0.2)),
            "left": Touch("spine3", (-0.11, -0.06, 0.2)),
        },
    ),
}
