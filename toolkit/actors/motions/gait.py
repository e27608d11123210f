"""Walking, running and turning on the spot: planted feet along a course.

Shape suffixes: T frames or moments of a course. Metres, seconds, radians; person's axes of
``kinematics``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from toolkit.actors.motions.keys import Table, hand, sample
from toolkit.actors.motions.kinematics import (
    GRAVITY,
    SIDES,
    Build,
    Foot,
    Hand,
    Score,
    about,
    ease,
    solve,
)
from toolkit.actors.motions.motion import Motion
from toolkit.m2m.types import Array

_LOOKUP_HZ = 240
_STEERS_S = 0.15
_LEG_M = 0.8
"""Leg for which the speeds and times below are natural; others scale as a pendulum does."""


@dataclass(frozen=True)
class Gait:
    """How a person of average height moves their feet and arms.

    Attributes:
        speed: m/s. cycle_s: two steps. swing: share of the cycle in which a foot is in the air.
        width: from the middle to each foot, legs. lift: of a swinging foot, legs.
        tilt: moment in the cycle (it starts as the toes leave the floor) to heel up, deg.
        arm: (middle, size) of the swing of the upper arm and of the bend of the elbow, deg.
        lean: forward, deg. bounce: of the pelvis, legs. drop: of the pelvis, legs.
        track: half the straight and the radius of the bends of the track it goes round, m.
    """

    speed: float
    cycle_s: float
    swing: float
    tilt: Mapping[float, float]
    width: float = 0.13
    lift: float = 0.07
    arm: tuple[float, float, float, float] = (4, 22, 16, 12)
    lean: float = 4.0
    bounce: float = 0.0
    drop: float = 0.006
    track: tuple[float, float] = (0.7, 0.5)


WALK = Gait(
    1.15, 1.05, 0.4,
    {0.0: 44, 0.08: 46, 0.25: 12, 0.4: -16, 0.48: 0, 0.66: 0, 0.85: 18, 1.0: 44},
)  # fmt: skip
RUN = Gait(
    1.9, 0.70, 0.68,
    {0.0: 50, 0.12: 75, 0.3: 60, 0.54: 5, 0.68: -6, 0.74: 0, 0.88: 4, 1.0: 50},
    width=0.07, lift=0.3, arm=(-6, 42, 82, 10), lean=12.0, bounce=0.035, drop=0.05,
    track=(0.5, 0.85),
)  # fmt: skip
SPIN = Gait(
    0.0, 0.62, 0.42,
    {0.0: 16, 0.1: 26, 0.42: 6, 0.5: 4, 0.8: 4, 1.0: 16},
    width=0.12, lift=0.05, lean=0.0, drop=0.01,
)  # fmt: skip
_SPIN_RAD_S = 3.0
_ARMS_OUT = Table(2.0, {0.0: {"hand": (1.9, -0.12, 0.18)}, 0.5: {"hand": (1.9, 0.0, 0.1)}})


@dataclass(frozen=True)
class Course:
    """Where the body goes: samples over time, and which foot starts.

    Attributes:
        times_T, place_T3, heading_T, gait_T: gait is 1 while walking, 0 while standing.
        settled_s: from here on place and heading stay.
        first_side: of the foot that takes the first step.
    """

    times_T: Array
    place_T3: Array
    heading_T: Array
    gait_T: Array
    settled_s: float = np.inf
    first_side: str = "left"

    def place(self, at_T: Array) -> Array:
        """Place on the floor [T, 3] at these moments."""
        return np.stack([np.interp(at_T, self.times_T, p) for p in self.place_T3.T], axis=1)

    def heading(self, at_T: Array) -> Array:
        """Heading [T] at these moments."""
        return np.asarray(np.interp(at_T, self.times_T, self.heading_T))

    def gait(self, at_T: Array) -> Array:
        """0..1 [T] at these moments."""
        return np.asarray(np.interp(at_T, self.times_T, self.gait_T))


def walk_and_wave(rest_J3: Array, num_frames: int, fps: float, *, to_left: bool) -> Motion:
    """Walk across, stop, turn to the camera and wave.

    Args:
        rest_J3: joints at rest [22, 3] m, soles at y = 0.
        num_frames: how long, in frames.
        fps: frames per second.
        to_left: walk to the left of the picture instead of to the right.
    """
    build, sign = Build.of(rest_J3), -1.0 if to_left else 1.0
    times_T = np.arange(num_frames) / fps
    duration_s, turn_s, slow_s = num_frames / fps, 0.8, 0.45
    walk_s = min(1.6, 0.55 * duration_s)
    fine_T = np.arange(-2.0, duration_s + 1.0, 1 / _LOOKUP_HZ)
    gait_T = 1 - ease((fine_T - walk_s + slow_s) / slow_s)
    along_T = np.cumsum(gait_T) / _LOOKUP_HZ * WALK.speed
    along_T += 0.55 - along_T[-1]  # ends a little past the middle of the picture
    course = Course(
        fine_T,
        sign * along_T[:, None] * np.array([1.0, 0.0, 0.0]),
        np.radians(82) * sign * (1 - ease((fine_T - walk_s + slow_s) / turn_s)),
        gait_T,
        walk_s + turn_s - slow_s,
        # The last turn ends well balanced on the side to which the body walks.
        "left" if sign > 0 else "right",
    )
    score = follow(build, course, WALK, times_T)
    waving = ease((times_T - walk_s + 0.15) / 0.6)
    look_T = -np.radians(18) * np.sign(course.heading(times_T)) * course.gait(times_T)
    head_T3 = score.head_T3 + look_T[:, None] * np.array([0.0, 1.0, 0.0])
    right = _blend(score.hands["right"], _waving_hand(build, times_T), waving)
    score = replace(score, head_T3=head_T3, hands={**score.hands, "right": right})
    return solve(build, score, fps)


def _waving_hand(build: Build, times_T: Array) -> Hand:
    """The right hand beside the head, going to and fro."""
    tilt_T = np.radians(6 + 26 * np.sin(2 * np.pi * 1.7 * times_T))
    upper, fore, half = _arm_lengths(build)
    out_T, up_T = half + 0.94 * upper + fore * np.sin(tilt_T), 0.05 * upper + fore * np.cos(tilt_T)
    palm_T3 = np.stack([-out_T, 0.97 * up_T, np.full(len(tilt_T), 0.33 * upper + 0.2 * fore)], 1)
    elbow_T3 = np.tile([-0.8, -0.8, -0.1], (len(tilt_T), 1))
    return Hand(palm_T3, elbow_T3, np.zeros(len(tilt_T)))


def _blend(first: Hand, second: Hand, share_T: Array) -> Hand:
    """From one hand to the other, 0..1, in an arc to the front."""
    share_T1 = share_T[:, None]
    palm_T3 = first.palm_T3 + share_T1 * (second.palm_T3 - first.palm_T3)
    palm_T3[:, 2] += 0.8 * np.linalg.norm(first.palm_T3[:, :1], axis=1) * share_T * (1 - share_T)
    elbow_T3 = first.elbow_T3 + share_T1 * (second.elbow_T3 - first.elbow_T3)
    return Hand(palm_T3, elbow_T3, first.bend_T)


def follow(build: Build, course: Course, gait: Gait, times_T: Array) -> Score:
    """Walk along a course: planted feet, swinging arms."""
    going_T = course.gait(times_T)
    first = SIDES[course.first_side]
    # 1 when the left leg is foremost, -1 when the right one is.
    beat_T = 2 * np.pi * (times_T / gait.cycle_s - gait.swing)
    lead_T = np.cos(beat_T) * going_T * first
    heading_T, zero_T = course.heading(times_T), np.zeros(len(times_T))
    height_T = build.at("pelvis")[1] - build.leg_m * going_T * (
        gait.drop + gait.bounce * np.cos(2 * beat_T + 2 * np.pi * (2 * gait.swing - 1))
    )
    leaning_T, travels = np.radians(gait.lean) * going_T, gait.speed > 0
    rate_T = (course.heading(times_T + 0.05) - course.heading(times_T - 0.05)) / 0.1
    bank_T = 0.7 * np.arctan(gait.speed * going_T * rate_T / GRAVITY)  # into the bend
    inward_T3 = 0.8 * build.leg_m * np.tan(bank_T)[:, None] * np.array([1.0, 0.0, 0.0])
    pelvis_T3 = course.place(times_T) + height_T[:, None] * np.array([0.0, 1.0, 0.0])
    pelvis_T3 += np.einsum("tij,tj->ti", about(1, heading_T), inward_T3)
    turn_T3 = np.stack([0.3 * leaning_T, heading_T - np.radians(6) * lead_T * travels, -bank_T], 1)
    torso_T3 = np.stack([0.7 * leaning_T, np.radians(12) * lead_T * travels, zero_T], 1)
    return Score(
        pelvis_T3,
        turn_T3,
        torso_T3,
        np.stack([-0.8 * leaning_T, -np.radians(6) * lead_T * travels, zero_T], axis=1),
        {side: _foot(build, course, gait, side, times_T) for side in SIDES},
        {side: _arm(build, gait, side, -SIDES[side] * lead_T) for side in SIDES},
    )


def _foot(build: Build, course: Course, gait: Gait, side: str, times_T: Array) -> Foot:
    """A foot: planted on its footprint, or swinging to the next one."""
    offset = 0.0 if side == course.first_side else 0.5
    cycle_T = np.floor(times_T / gait.cycle_s - offset)
    phase_T = times_T / gait.cycle_s - offset - cycle_T
    lands_T = (cycle_T + offset + gait.swing) * gait.cycle_s
    last_T3, last_T = _footprint(course, gait, lands_T - gait.cycle_s)
    next_T3, next_T = _footprint(course, gait, lands_T)
    moved_T = ease(phase_T / gait.swing)
    yaw_T = last_T + moved_T * (next_T - last_T)
    far_T = np.linalg.norm(next_T3 - last_T3, axis=1)
    moves_T = (far_T > 0.01) | (np.abs(next_T - last_T) > 0.05)

    stride_T = np.minimum(course.gait(times_T) + 0.25 * moves_T, 1.0) * moves_T
    tilt = PchipInterpolator(list(gait.tilt), np.radians(list(gait.tilt.values())))
    airborne_T = np.sin(np.pi * np.minimum(phase_T / gait.swing, 1.0)) ** 2
    stands_3 = build.at(f"{side}_ankle") * (0, 0, 1)
    stands_3 = stands_3 + np.array([SIDES[side] * gait.width * build.leg_m, 0.0, 0.0])
    sole_T3 = last_T3 + moved_T[:, None] * (next_T3 - last_T3) + about(1, yaw_T) @ stands_3
    sole_T3[:, 1] = gait.lift * build.leg_m * airborne_T * stride_T
    return Foot(sole_T3, tilt(phase_T) * stride_T, yaw_T)


def _footprint(course: Course, gait: Gait, lands_T: Array) -> tuple[Array, Array]:
    """Where the body is in the middle of the stance that starts then, and its heading."""
    middle_T = np.minimum(lands_T + (1 - gait.swing) / 2 * gait.cycle_s, course.settled_s)
    return course.place(middle_T), course.heading(middle_T)


def _arm_lengths(build: Build) -> tuple[float, float, float]:
    """Shoulder to elbow, elbow to palm, and half the distance between the shoulders."""
    upper = build.length("left_elbow")
    half = float(build.at("left_shoulder")[0] - build.at("right_shoulder")[0]) / 2
    return upper, build.arm_m - upper, half


def _arm(build: Build, gait: Gait, side: str, forth_T: Array) -> Hand:
    """A swinging arm: 1 foremost, -1 hindmost."""
    middle, size, bend, more = np.radians(gait.arm)
    upper, fore, half = _arm_lengths(build)
    forward_T = middle + size * forth_T
    lower_T = forward_T + bend + more * forth_T
    out_T = np.full(len(forth_T), half + 0.16 * upper + 0.04 * fore)
    up_T = -upper * np.cos(forward_T) - fore * np.cos(lower_T)
    front_T = upper * np.sin(forward_T) + fore * np.sin(lower_T)
    palm_T3 = np.stack([SIDES[side] * out_T, up_T, front_T], axis=1)
    elbow_T3 = np.tile([SIDES[side] * 0.35, -0.35, -1.0], (len(forth_T), 1))
    return Hand(palm_T3, elbow_T3, np.zeros(len(forth_T)))


def go_round(
    gait: Gait, build: Build, num_frames: int, fps: float, rng: np.random.Generator
) -> Motion:
    """Walk or run round a small track: two straights along x, two bends."""
    gait = _vary(gait, build, rng)
    straight, radius = gait.track
    lap_m = 4 * straight + 2 * np.pi * radius
    from_m = rng.uniform(-0.7, 0.2) * straight  # the middle of a straight is 0
    lasts_s = num_frames / fps + lap_m / gait.speed + 2.0
    fine_T = np.arange(-2.0, lasts_s, 1 / _LOOKUP_HZ)
    along_T = (from_m + fine_T * gait.speed) % (lap_m / 2)
    bends_T = (along_T > straight) & (along_T < straight + np.pi * radius)
    rate_T = gaussian_filter1d(bends_T * gait.speed / radius, _STEERS_S * _LOOKUP_HZ)
    side = rng.choice([-1, 1])
    heading_T = side * np.cumsum(rate_T) / _LOOKUP_HZ
    heading_T += rng.choice([-1, 1]) * np.pi / 2 - heading_T[np.abs(fine_T).argmin()]
    place_T3 = _follow_heading(heading_T, gait.speed)
    lap = int(lap_m / gait.speed * _LOOKUP_HZ)
    place_T3 -= place_T3[-lap:].mean(axis=0)
    start_s = rng.uniform() * gait.cycle_s
    course = Course(fine_T + start_s, place_T3, heading_T, np.ones(len(fine_T)))
    return solve(build, follow(build, course, gait, start_s + np.arange(num_frames) / fps), fps)


def walk_across(
    rest_J3: Array, num_frames: int, fps: float, rng: np.random.Generator, *, to_left: bool
) -> Motion:
    """Walk straight along x, at x = 0 in the middle of the clip: somebody who passes by."""
    build, sign = Build.of(rest_J3), -1.0 if to_left else 1.0
    gait = _vary(WALK, build, rng)
    lasts_s = num_frames / fps
    fine_T = np.arange(-2.0, lasts_s + 2.0, 1 / _LOOKUP_HZ)
    heading_T = np.full(len(fine_T), sign * np.pi / 2)
    place_T3 = sign * gait.speed * (fine_T - lasts_s / 2)[:, None] * np.array([1.0, 0.0, 0.0])
    start_s = rng.uniform() * gait.cycle_s
    course = Course(fine_T + start_s, place_T3, heading_T, np.ones(len(fine_T)))
    return solve(build, follow(build, course, gait, start_s + np.arange(num_frames) / fps), fps)


def _vary(gait: Gait, build: Build, rng: np.random.Generator) -> Gait:
    """The gait of a person: for the length of their legs, in a tempo and size of their own."""
    scale = np.sqrt(build.leg_m / _LEG_M)
    pace, size = rng.uniform(0.9, 1.1), rng.uniform(0.88, 1.12)
    middle, swing, bend, more = gait.arm
    return replace(
        gait,
        speed=gait.speed * scale * pace * size,
        cycle_s=gait.cycle_s * scale / pace,
        arm=(middle, swing * size * rng.uniform(0.8, 1.1), bend + rng.uniform(-6, 8), more),
        lift=gait.lift * rng.uniform(0.9, 1.15),
    )


def _follow_heading(heading_T: Array, speed: float) -> Array:
    """Places [T, 3] of who always goes where they head."""
    step_T3 = np.stack([np.sin(heading_T), 0 * heading_T, np.cos(heading_T)], axis=1)
    return np.asarray(np.cumsum(step_T3, axis=0) * speed / _LOOKUP_HZ)


def spin(build: Build, num_frames: int, fps: float, rng: np.random.Generator) -> Motion:
    """Turn round and round on the spot with small steps, the arms held out."""
    pace = rng.uniform(0.85, 1.15)
    gait = replace(SPIN, cycle_s=SPIN.cycle_s / pace, lift=SPIN.lift * rng.uniform(0.8, 1.2))
    times_T = np.arange(num_frames) / fps + rng.uniform() * gait.cycle_s
    fine_T = np.arange(-2.0, times_T[-1] + 2.0, 1 / _LOOKUP_HZ)
    side = rng.choice([-1, 1])
    heading_T = side * _SPIN_RAD_S * pace * (fine_T - times_T[0])
    on_T = np.ones(len(fine_T))
    course = Course(fine_T, np.zeros((len(fine_T), 3)), heading_T, on_T)
    score = follow(build, course, gait, times_T)
    channels = sample(_ARMS_OUT, times_T, fps, rng)
    hands = {name: hand(build, name, channels) for name in SIDES}
    return solve(build, replace(score, hands=hands), fps)
