"""Actions as tables of key poses: from key poses to a ``Score``.

A key pose says where some parts of the body are at a moment of the cycle; each part moves from
key to key on its own, without overshoot. Lengths are in legs (hip to ankle) and arms (shoulder to
palm), angles in degrees, so that a table fits every body. ``_r`` and ``_l`` are right and left,
without either both. Shape suffixes: T frames. Axes: x left, y up, z front; ``out`` is away from
the middle.

    pelvis  (left, up, front)  legs, from standing
    turn    (forward, left, roll)  of the pelvis; roll lifts the left side
    torso   the same, of the chest to the pelvis
    head    the same, of the head to the chest
    air     (up,)  legs, added to pelvis and feet
    foot    (out, up, front, heel up, toes out)  legs, from where it stands
    hand    (out, up, front)  of the palm, arms, from the middle between the shoulders in the axes
            of the chest; out is 0 there, 1 at the shoulder, 2 an arm further
    elbow   (out, up, front)  where it points
    wrist   (bend,)  back of the hand toward the forearm
    reach   (share,) 0..1 of a place in the room, in place of ``hand``, for the palm
    seat    (share,) 0..1 of the height at which one sits on a chair, for the pelvis
    thing, grip  (left, up, front)  legs; places of what is handled (``things``)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from toolkit.actors.motions.kinematics import SIDES, Build, Foot, Hand, Score
from toolkit.m2m.types import Array

Pose = Mapping[str, tuple[float, ...]]

STAND: Pose = {
    "pelvis": (0, 0, 0),
    "turn": (0, 0, 0),
    "torso": (0, 0, 0),
    "head": (0, 0, 0),
    "air": (0,),
    "foot": (0.03, 0, 0, 0, 0),
    "hand": (1.16, -0.95, 0.12),
    "elbow": (0.5, -0.5, -0.7),
    "wrist": (0,),
    "reach": (0,),
    "seat": (0,),
    "thing": (0, 0, 0),
    "grip": (0, 0, 0),
}
SEAT_M = 0.45
"""Height of a chair."""
_TWO_SIDED = ("foot", "hand", "elbow", "wrist", "reach")
_MIRRORS = {
    **dict.fromkeys(("pelvis", "thing", "grip"), (-1, 1, 1)),
    **dict.fromkeys(("turn", "torso", "head"), (1, -1, -1)),
}
_CHANNELS = tuple(
    name
    for channel in STAND
    for name in ((f"{channel}_l", f"{channel}_r") if channel in _TWO_SIDED else (channel,))
)
_SWAY = {"torso": 1.2, "head": 2.5, "hand_l": 0.012, "hand_r": 0.012}
"""Standard deviation of the small, slow movements nobody makes on purpose, by channel."""
_SWAY_S = 0.3
_SITTING = 0.11
"""From the seat up to the pelvis joint, legs."""


@dataclass(frozen=True)
class Table:
    """An action as key poses over one cycle.

    Attributes:
        period_s: natural length of the cycle.
        poses: moment in the cycle, 0..1, to key pose.
        whole: the clip shows whole cycles from the start; else it starts anywhere in one.
        amplitude: the size varies by this share up and down.
        base: in place of ``STAND`` for parts that have no key.
        props: objects that stand in the scene.
    """

    period_s: float
    poses: Mapping[float, Pose]
    whole: bool = True
    amplitude: float = 0.12
    base: Pose = field(default_factory=dict)
    props: tuple[str, ...] = ()


def phases(
    table: Table, num_frames: int, fps: float, rng: np.random.Generator
) -> tuple[Array, float]:
    """Position in the cycle at each frame [T] (1: the first cycle is over) and its length, s."""
    period_s, start = table.period_s * rng.uniform(0.87, 1.15), rng.uniform()
    if table.whole:
        duration_s = num_frames / fps
        fitting_s = duration_s / max(round(duration_s / period_s), 1) * rng.uniform(0.9, 1.08)
        period_s = float(np.clip(fitting_s, 0.8 * table.period_s, 1.25 * table.period_s))
        start *= 0.04
    return start + np.arange(num_frames) / fps / period_s, period_s


def sample(table: Table, phases_T: Array, fps: float, rng: np.random.Generator) -> dict[str, Array]:
    """Return every channel [T, n] of a table, with a size, a sway and an active side of its own."""
    size = 1 + table.amplitude * rng.uniform(-1, 1)
    base = _both_sides({**STAND, **table.base})
    poses = {moment: _both_sides(pose) for moment, pose in table.poses.items()}
    channels = {}
    for name in _CHANNELS:
        keys = {moment: pose[name] for moment, pose in sorted(poses.items()) if name in pose}
        values_Tn = _interpolate(keys or {0.0: base[name]}, phases_T % 1)
        sway_Tn = sway(values_Tn.shape, fps, rng) * _SWAY.get(name, 0)
        channels[name] = base[name] + size * (values_Tn - base[name]) + sway_Tn
    return channels


def sway(shape: tuple[int, ...], fps: float, rng: np.random.Generator) -> Array:
    """Slow noise [T, n] of standard deviation 1."""
    sigma = _SWAY_S * fps
    noise_Tn = rng.normal(size=(shape[0] + 2 * int(4 * sigma) + 2, *shape[1:]))
    smooth_Tn = gaussian_filter1d(noise_Tn, sigma, axis=0) * np.sqrt(2 * np.sqrt(np.pi) * sigma)
    return np.asarray(smooth_Tn[int(4 * sigma) :][: shape[0]])


def mirrored(channels: Mapping[str, Array]) -> dict[str, Array]:
    """Left and right swapped."""
    swap = {"_l": "_r", "_r": "_l"}
    result = {name[:-2] + swap.get(name[-2:], name[-2:]): v for name, v in channels.items()}
    return result | {name: result[name] * np.array(sign) for name, sign in _MIRRORS.items()}


def compose(
    build: Build, channels: Mapping[str, Array], goals: Mapping[str, Array] | None = None
) -> Score:
    """Measure the channels on a body.

    Args:
        build: the body.
        channels: from ``sample``.
        goals: by side, the place [T, 3] m of the palm for the channel ``reach``.
    """
    up_3 = np.array([0.0, build.leg_m, 0.0])
    pelvis_T3 = build.at("pelvis") * (0, 1, 0) + build.leg_m * channels["pelvis"]
    seated_T = SEAT_M + _SITTING * build.leg_m
    pelvis_T3[:, 1] += channels["seat"][:, 0] * (seated_T - pelvis_T3[:, 1])
    air_T3 = channels["air"] * up_3
    hands = {side: hand(build, side, channels) for side in SIDES}
    for side, goal_T3 in (goals or {}).items():
        weight_T = channels[f"reach_{side[0]}"][:, 0]
        hands[side] = replace(hands[side], goal_T3=goal_T3, weight_T=weight_T)
    return Score(
        pelvis_T3 + air_T3,
        np.radians(channels["turn"]),
        np.radians(channels["torso"]),
        np.radians(channels["head"]),
        {side: _foot(build, side, channels[f"foot_{side[0]}"], air_T3) for side in SIDES},
        hands,
    )


def hand(build: Build, side: str, channels: Mapping[str, Array]) -> Hand:
    """Measure the channels of one hand."""
    out_3 = np.array([SIDES[side], 1.0, 1.0])
    palm_T3, bend_T = channels[f"hand_{side[0]}"], channels[f"wrist_{side[0]}"][:, 0]
    half = abs(build.at("left_shoulder") - build.at("right_shoulder"))[0] / 2
    out_T = half * np.minimum(palm_T3[:, 0], 1) + build.arm_m * np.maximum(palm_T3[:, 0] - 1, 0)
    palm_T3 = np.column_stack([out_T, build.arm_m * palm_T3[:, 1:]]) * out_3
    elbow_T3 = channels[f"elbow_{side[0]}"] * out_3
    return Hand(palm_T3, elbow_T3, np.radians(bend_T))


def _foot(build: Build, side: str, foot_T5: Array, air_T3: Array) -> Foot:
    out_3 = np.array([SIDES[side], 1.0, 1.0])
    stands_3 = build.at(f"{side}_ankle") * (1, 0, 1)
    sole_T3 = stands_3 + build.leg_m * foot_T5[:, :3] * out_3 + air_T3
    return Foot(sole_T3, np.radians(foot_T5[:, 3]), SIDES[side] * np.radians(foot_T5[:, 4]))


def _both_sides(pose: Pose) -> dict[str, tuple[float, ...]]:
    """A pose with a part for each side; what is given for one side counts there."""
    both = {
        f"{name}_{side}": value
        for name, value in pose.items()
        if name in _TWO_SIDED
        for side in "lr"
    }
    return both | {name: value for name, value in pose.items() if name not in _TWO_SIDED}


def _interpolate(keys: Mapping[float, tuple[float, ...]], phases_T: Array) -> Array:
    """Values [T, n] between keys of a cycle (ascending moments)."""
    moments, values = np.array(list(keys)), np.array(list(keys.values()), float)
    around = np.concatenate([moments - 1, moments, moments + 1])
    return np.asarray(PchipInterpolator(around, np.tile(values, (3, 1)))(phases_T))
