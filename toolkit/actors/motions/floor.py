"""Push-ups: the body a straight line from the balls of the feet to the head, hands on the floor.

Shape suffixes: T frames. Person's axes of ``kinematics``; metres and radians.
"""

import numpy as np

from toolkit.actors.motions.keys import Table, phases, sample
from toolkit.actors.motions.kinematics import SIDES, Build, Foot, Hand, Score, solve, turn
from toolkit.actors.motions.motion import Motion
from toolkit.m2m.types import Array

_CYCLE = Table(
    1.5,
    {
        # height of the shoulders, arms
        0.00: {"thing": (0, 0.98, 0)},
        0.12: {"thing": (0, 0.97, 0)},
        0.50: {"thing": (0, 0.38, 0)},
        0.58: {"thing": (0, 0.38, 0)},
    },
    whole=False,
    amplitude=0.03,
    base={"thing": (0, 0.98, 0)},
)
_FOOT_PITCH = np.radians(60)
_PALM_M = 0.02


def push_up(build: Build, num_frames: int, fps: float, rng: np.random.Generator) -> Motion:
    """Do push-ups, along x."""
    phases_T, _ = phases(_CYCLE, num_frames, fps, rng)
    channels = sample(_CYCLE, phases_T, fps, rng)
    width = rng.uniform(1.15, 1.5)
    height_T = _PALM_M + build.arm_m * channels["thing"][:, 1]

    shoulders_3 = build.shoulders_3
    hips_3 = (build.at("left_hip") + build.at("right_hip")) / 2
    ankle_3, ball_3 = build.at("left_ankle"), build.at("left_foot") * (0, 0, 1)
    foot_33 = turn(np.array([_FOOT_PITCH, 0.0, 0.0]))
    heel_3 = foot_33 @ (ankle_3 * (0, 1, 1) - ball_3)  # from the ball to the ankle
    line_m = 0.985 * build.leg_m + float(shoulders_3[1] - hips_3[1])
    slope_T = np.arcsin(np.clip((height_T - heel_3[1]) / line_m, -0.2, 0.9))
    line_T3 = np.stack([0 * slope_T, np.sin(slope_T), np.cos(slope_T)], axis=1)

    start_3 = np.array([0.0, 0.0, -0.5 * line_m])
    turn_T3 = np.stack([np.pi / 2 - slope_T, 0 * slope_T, 0 * slope_T], axis=1)
    hips_T3 = start_3 + heel_3 + 0.985 * build.leg_m * line_T3
    pelvis_T3 = hips_T3 - turn(turn_T3) @ (hips_3 - build.at("pelvis"))
    chest_z = float(np.max(start_3[2] + heel_3[2] + line_m * np.cos(slope_T))) - 0.02
    zero_T = np.zeros(num_frames)
    soles = {side: start_3 - ball_3 + build.at(f"{side}_ankle") * (1.1, 0, 1) for side in SIDES}
    half_m = width * float(build.at("left_shoulder")[0] - shoulders_3[0])
    score = Score(
        pelvis_T3,
        turn_T3,
        np.zeros((num_frames, 3)),
        np.radians(channels["head"]) - [np.radians(22), 0, 0],
        {
            side: Foot(np.tile(at, (num_frames, 1)), zero_T + _FOOT_PITCH, zero_T)
            for side, at in soles.items()
        },
        {side: _hand(side, half_m, chest_z, zero_T) for side in SIDES},
    )
    heading = rng.choice([-1, 1]) * np.pi / 2
    return solve(build, score, fps).placed(np.zeros(3), float(heading))


def _hand(side: str, out_m: float, front_m: float, zero_T: Array) -> Hand:
    """A hand that stays flat on the floor."""
    palm_T3 = np.tile([SIDES[side] * out_m, _PALM_M, front_m], (len(zero_T), 1))
    elbow_T3 = np.tile([SIDES[side] * 0.8, -0.7, -0.5], (len(zero_T), 1))
    return Hand(palm_T3, elbow_T3, zero_T + np.radians(72), palm_T3, zero_T + 1)
