"""What hands do with things: where the palms must be, and where the thing is.

Shape suffixes: T frames. Person's axes of ``kinematics``; metres.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from toolkit.actors.motions.kinematics import GRAVITY, SIDES, Build, ease, palms
from toolkit.actors.motions.motion import Motion
from toolkit.m2m.directions import frame, unit
from toolkit.m2m.types import Array

BALL_RADIUS_M = 0.11
_PALM_M = 0.015
"""From the middle of the hand to the skin of its palm."""
BROOM_M = 0.95
"""From the bottom of the brush to the origin of the broom, on its stick."""
BOX_M = (0.36, 0.26, 0.30)
"""Left to right, height, front to back."""

Channels = Mapping[str, Array]
_BOUNCES = (0.22, 0.88)
"""Moments of ``dribble`` at which the ball leaves the hand and is back."""
_ROLLS_S = 0.6
_RELEASE = 0.455
"""Moment of ``throw`` at which the ball leaves the hand."""
_TAKEN = -0.12
_THROWN_M_S = np.array([0.0, 1.0, 4.2])


@dataclass(frozen=True)
class Playing:
    """A table that is played: who, what, when, and the side that acts (the table's right)."""

    build: Build
    channels: Channels
    phases_T: Array
    period_s: float
    active: str

    @property
    def other(self) -> str:
        """The side that does not act."""
        return "left" if self.active == "right" else "right"


def box_palms(playing: Playing) -> dict[str, Array]:
    """Palms flat on both sides of a box."""
    box_T3, half = _box_middle(playing), BOX_M[0] / 2 + _PALM_M
    return {side: box_T3 + np.array([out * half, 0, 0]) for side, out in SIDES.items()}


def box_held(playing: Playing, motion: Motion) -> dict[str, Array]:
    """The box, upright: on the floor, then between the palms."""
    lifted_T = ease(playing.channels["thing"][:, 1] / 0.15)[:, None]
    between_T3 = sum(palms(playing.build, motion, side)[0] for side in SIDES) / 2
    floor_T3 = _box_middle(playing)
    return {"box": _pose(floor_T3 + lifted_T * (between_T3 - floor_T3))}


def _box_middle(playing: Playing) -> Array:
    middle_T3 = playing.build.leg_m * playing.channels["thing"]
    middle_T3[:, 1] += BOX_M[1] / 2
    return middle_T3


def broom_palms(playing: Playing) -> dict[str, Array]:
    """The acting hand at the top of the stick, the other one lower."""
    leg_m, channels = playing.build.leg_m, playing.channels
    head_T3, top_T3 = leg_m * channels["thing"], leg_m * channels["grip"]
    low_T3 = top_T3 + 0.48 * leg_m * unit(head_T3 - top_T3)
    return {playing.active: top_T3, playing.other: low_T3}


def broom_held(playing: Playing, motion: Motion) -> dict[str, Array]:
    """The broom: through both palms, its head on the floor or lifted for the next stroke."""
    top_T3, _ = palms(playing.build, motion, playing.active)
    low_T3, _ = palms(playing.build, motion, playing.other)
    stick_T3 = unit(top_T3 - low_T3)
    above_T = low_T3[:, 1] - playing.build.leg_m * playing.channels["thing"][:, 1]
    head_T3 = low_T3 - (above_T / np.maximum(stick_T3[:, 1], 0.2))[:, None] * stick_T3
    stick_front_across_T33 = frame(stick_T3, np.array([0.0, 0.0, 1.0]))
    place_T3 = head_T3 + BROOM_M * stick_T3
    return {"broom": _pose(place_T3, np.roll(stick_front_across_T33, 1, axis=2))}


def thrown_ball(playing: Playing, motion: Motion) -> dict[str, Array]:
    """A ball in the hand until it is thrown; it lands and rolls, and the next one is in the hand.

    A ball is taken only where the clip shows how it is thrown.
    """
    phases_T = playing.phases_T
    hand_T3 = _in_hand(playing, motion)
    last = np.floor(phases_T[-1] - _RELEASE)
    cycle_T = np.minimum(np.floor(phases_T - _TAKEN), max(last, 0))
    since_T = (phases_T - cycle_T - _RELEASE) * playing.period_s
    release_T = (cycle_T + _RELEASE).clip(phases_T[0], phases_T[-1])
    from_T3 = np.stack([np.interp(release_T, phases_T, hand) for hand in hand_T3.T], axis=1)

    speed_3 = _THROWN_M_S * np.sqrt(playing.build.leg_m / 0.8)
    fall_T = (speed_3[1] + np.sqrt(speed_3[1] ** 2 + 2 * GRAVITY * from_T3[:, 1])) / GRAVITY
    air_T = np.clip(since_T, 0, fall_T)
    roll_T = 0.4 * _ROLLS_S * (1 - np.exp(-np.maximum(since_T - fall_T, 0) / _ROLLS_S))
    ball_T3 = from_T3 + (air_T + roll_T)[:, None] * speed_3 * (0, 0, 1)
    ball_T3[:, 1] += speed_3[1] * air_T - GRAVITY / 2 * air_T**2
    ball_T3[:, 1] = np.maximum(ball_T3[:, 1], BALL_RADIUS_M)
    return {"ball": _pose(np.where(since_T[:, None] < 0, hand_T3, ball_T3))}


def bouncing_ball(playing: Playing, motion: Motion) -> dict[str, Array]:
    """A ball that bounces between the acting hand and the floor."""
    hand_T3 = _in_hand(playing, motion)
    # -1 as it leaves the hand, 0 on the floor, 1 back at the hand.
    leaves, returns = _BOUNCES
    flight_T = np.clip((playing.phases_T % 1 - leaves) / (returns - leaves), 0, 1) * 2 - 1
    share_T = np.abs(flight_T) * (1.35 - 0.35 * np.abs(flight_T))
    ball_T3 = hand_T3.copy()
    ball_T3[:, 1] = BALL_RADIUS_M + share_T * (hand_T3[:, 1] - BALL_RADIUS_M)
    return {"ball": _pose(ball_T3)}


def _in_hand(playing: Playing, motion: Motion) -> Array:
    """Middle of a ball in the acting hand, [T, 3] m."""
    palm_T3, facing_T3 = palms(playing.build, motion, playing.active)
    return np.asarray(palm_T3 + (BALL_RADIUS_M + _PALM_M) * facing_T3)


def _pose(place_T3: Array, turn_T33: Array | None = None) -> Array:
    pose_T44 = np.tile(np.eye(4), (len(place_T3), 1, 1))
    pose_T44[:, :3, 3] = place_T3
    if turn_T33 is not None:
        pose_T44[:, :3, :3] = turn_T33
    return pose_T44


GOALS: Mapping[str, Callable[[Playing], dict[str, Array]]] = {
    "lift": box_palms,
    "sweep": broom_palms,
}
HELD: Mapping[str, Callable[[Playing, Motion], dict[str, Array]]] = {
    "dribble": bouncing_ball,
    "lift": box_held,
    "sweep": broom_held,
    "throw": thrown_ball,
}
