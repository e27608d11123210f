"""Motions of the actors: parametric curves over a body's bones, with planted feet.

Shape suffixes: T frames or moments, 3 a point or direction, 33 a rotation. Metres,
seconds, radians. World axes: x right, y up, z towards the camera; a heading of 0 faces the camera.
Body axes (at rest and heading 0): x to the body's left, y up, z to its front.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from toolkit.actors.bodies import Body
from toolkit.m2m.types import Array

SPEED_M_S = 1.15
"""Comfortable walking speed."""
CYCLE_S = 1.05
SWING = 0.4
"""Share of the cycle in which a foot is in the air."""
STEP_WIDTH_M = 0.11
"""From the line of walking to each foot."""

_LOOKUP_HZ = 240
_SIDES = {"L": 1.0, "R": -1.0}


@dataclass(frozen=True)
class Pose:
    """One moment of a motion: what ``Body.pose`` takes."""

    rotations: Mapping[str, Array]
    shift_3: Array


@dataclass(frozen=True)
class _Course:
    """Where the body goes: functions of the time in seconds.

    Attributes:
        place: on the floor, [3] m.
        heading: rad.
        gait: 1 while walking, 0 while standing.
        wave: 0 with hanging arms, 1 while waving.
        settled_s: from here on place and heading stay.
        first_side: of the foot that starts the first step. The last turn ends well balanced where
            it is the side to which the body walks.
    """

    place: Callable[[float], Array]
    heading: Callable[[float], float]
    gait: Callable[[float], float]
    wave: Callable[[float], float]
    settled_s: float
    first_side: str


def walk_and_wave(body: Body, num_frames: int, fps: float, *, to_left: bool) -> list[Pose]:
    """Walk across, stop, turn to the camera and wave.

    Args:
        body: who walks.
        num_frames: how long, in frames.
        fps: frames per second.
        to_left: walk to the left of the picture instead of to the right.
    """
    course = _walk_then_wave_course(num_frames / fps, -1.0 if to_left else 1.0)
    times_T = np.arange(num_frames) / fps
    feet = {side: [_foot(body, course, side, t) for t in times_T] for side in _SIDES}
    height_T = _pelvis_heights(body, course, feet, times_T, fps)
    return [
        _pose(body, course, t, height_T[i], {side: feet[side][i] for side in _SIDES})
        for i, t in enumerate(times_T)
    ]


def _walk_then_wave_course(duration_s: float, sign: float) -> _Course:
    walk_s, turn_s, slow_s = min(1.6, 0.55 * duration_s), 0.8, 0.45
    times_T = np.arange(-2.0, duration_s + 1.0, 1 / _LOOKUP_HZ)
    gait_T = 1 - _ease((times_T - walk_s + slow_s) / slow_s)
    along_T = np.cumsum(gait_T) / _LOOKUP_HZ * SPEED_M_S
    along_T += 0.55 - along_T[-1]  # ends a little past the middle of the picture
    side_on = np.deg2rad(82.0) * sign

    def place(t: float) -> Array:
        along = float(np.interp(t, times_T, along_T))
        return np.array([sign * along, 0.0, 0.0])

    def heading(t: float) -> float:
        return float(side_on * (1 - _ease((t - walk_s + slow_s) / turn_s)))

    return _Course(
        place=place,
        heading=heading,
        gait=lambda t: float(np.interp(t, times_T, gait_T)),
        wave=lambda t: float(_ease((t - walk_s + 0.15) / 0.6)),
        settled_s=walk_s + turn_s - slow_s,
        first_side="L" if sign > 0 else "R",
    )


@dataclass(frozen=True)
class _Foot:
    """Where a foot is: its ankle (m), its turn in the world, and how far the toes bend (rad)."""

    ankle_3: Array
    turn_33: Array
    toe_bend: float


# Tilt of the foot, toes down > 0 (deg), over the cycle, which starts as the toes leave the floor.
_TILT = PchipInterpolator(
    [0.0, 0.08, 0.25, SWING, 0.48, 0.66, 0.85, 1.0], [46, 48, 12, -16, 0, 0, 18, 46]
)


def _foot(body: Body, course: _Course, side: str, time_s: float) -> _Foot:
    """One foot at one moment: planted on its footprint, or swinging to the next one."""
    offset = 0.0 if side == course.first_side else 0.5
    cycle = np.floor(time_s / CYCLE_S - offset)
    phase = time_s / CYCLE_S - offset - cycle
    lands_s = (cycle + offset + SWING) * CYCLE_S
    last_3, last_heading = _footprint(course, side, lands_s - CYCLE_S)
    next_3, next_heading = _footprint(course, side, lands_s)
    moved = float(_ease(phase / SWING))
    heading = last_heading + moved * (next_heading - last_heading)
    moves = _length(next_3 - last_3) > 0.01 or abs(next_heading - last_heading) > 0.05

    stride = min(course.gait(time_s) + 0.25 * moves, 1.0)
    tilt = np.deg2rad(float(_TILT(phase))) * stride * moves
    turn_33 = _about("y", heading) @ _about("x", tilt)
    ball_3 = body.head(f"toe2-1.{side}") * (1, 0, 1)
    ankle_3 = body.head(f"foot.{side}")
    sole_3 = last_3 + moved * (next_3 - last_3)
    sole_3[1] = 0.05 * moves * np.sin(np.pi * min(phase / SWING, 1.0)) ** 2
    sole_3[1] += 0.18 * np.sin(max(-tilt, 0.0))  # the heel, not the ball, meets the floor
    forward_3 = np.array([0.0, 0.0, ball_3[2] - ankle_3[2]])
    from_ball_3 = np.array([0.0, ankle_3[1], ankle_3[2] - ball_3[2]])
    ball_world_3 = sole_3 + _about("y", heading) @ forward_3
    return _Foot(ball_world_3 + turn_33 @ from_ball_3, turn_33, max(tilt, 0.0))


def _footprint(course: _Course, side: str, lands_s: float) -> tuple[Array, float]:
    """Where a foot that lands at this time stands (under its ankle), and its heading."""
    middle_s = min(lands_s + (1 - SWING) / 2 * CYCLE_S, course.settled_s)
    heading = course.heading(middle_s)
    beside_3 = np.array([_SIDES[side] * STEP_WIDTH_M, 0.0, -0.04 * course.gait(middle_s)])
    return course.place(middle_s) + _about("y", heading) @ beside_3, heading


def _pelvis_heights(
    body: Body, course: _Course, feet: Mapping[str, list[_Foot]], times_T: Array, fps: float
) -> Array:
    """Height of the hips over time, [T] m: as high as both legs reach, smoothed."""
    height_T = np.full(len(times_T), np.inf)
    for side in _SIDES:
        hip_3, knee_3, ankle_3 = _leg(body, side)
        reach = 0.995 * (_length(knee_3 - hip_3) + _length(ankle_3 - knee_3))
        for i, t in enumerate(times_T):
            out_3 = _about("y", course.heading(t)) @ (hip_3 * (1, 0, 0))
            foot_3 = feet[side][i].ankle_3
            gap_3 = foot_3 - course.place(t) - out_3
            flat = float(np.hypot(gap_3[0], gap_3[2]))
            height_T[i] = min(height_T[i], foot_3[1] + np.sqrt(max(reach**2 - flat**2, 0.3)))
    return np.asarray(gaussian_filter1d(height_T - 0.005, 0.06 * fps, mode="nearest"))


def _pose(
    body: Body, course: _Course, time_s: float, hip_height: float, feet: Mapping[str, _Foot]
) -> Pose:
    gait, wave = course.gait(time_s), course.wave(time_s)
    # 1 when the left leg is foremost, -1 when the right one is.
    lead = float(np.cos(2 * np.pi * (time_s / CYCLE_S - SWING))) * gait * _SIDES[course.first_side]
    heading = course.heading(time_s)
    root_33 = _about("y", heading - np.deg2rad(6) * lead)
    root_3, hip_3 = body.head("root"), body.head("upperleg01.L")
    at_3 = course.place(time_s) + np.array([0.0, hip_height - hip_3[1] + root_3[1], 0.0])

    rotations = {"root": root_33}
    for side, foot in feet.items():
        hip_world_3 = at_3 + root_33 @ (_leg(body, side)[0] - root_3)
        rotations |= _leg_rotations(body, side, root_33, hip_world_3, foot)
    spine_33 = _about("y", np.deg2rad(4) * lead) @ _about("x", np.deg2rad(1.0 + 1.5 * gait))
    rotations |= dict.fromkeys(("spine03", "spine02", "spine01"), spine_33)
    look_33 = _about("y", -np.deg2rad(6) * np.sign(heading) * gait)  # a little to the camera
    rotations |= dict.fromkeys(("neck01", "neck02", "head"), look_33)
    for side, sign in _SIDES.items():
        rotations |= _arm_rotations(body, side, -sign * lead, wave * (side == "R"), time_s)
    return Pose(rotations, at_3 - root_3)


def _leg(body: Body, side: str) -> tuple[Array, Array, Array]:
    """Hip, knee and ankle at rest, m."""
    return (
        body.head(f"upperleg01.{side}"),
        body.head(f"lowerleg01.{side}"),
        body.head(f"foot.{side}"),
    )


def _leg_rotations(
    body: Body, side: str, root_33: Array, hip_world_3: Array, foot: _Foot
) -> dict[str, Array]:
    """Two-bone inverse kinematics: the ankle where the foot wants it, the knee to the front."""
    hip_3, knee_3, ankle_3 = _leg(body, side)
    thigh, shin = _length(knee_3 - hip_3), _length(ankle_3 - knee_3)
    gap_3 = foot.ankle_3 - hip_world_3
    distance = min(_length(gap_3), 0.9995 * (thigh + shin))
    down_3 = _unit(gap_3)
    front_3 = (root_33 + foot.turn_33)[:, 2]
    knee_out_3 = _unit(front_3 - front_3 @ down_3 * down_3)
    cosine = (thigh**2 + distance**2 - shin**2) / (2 * thigh * distance)
    bend = np.arccos(np.clip(cosine, -1, 1))
    thigh_dir_3 = np.cos(bend) * down_3 + np.sin(bend) * knee_out_3
    shin_dir_3 = _unit(down_3 * distance - thigh * thigh_dir_3)

    rest_front_3 = np.array([0.0, 0.0, 1.0])
    thigh_33 = _frame(thigh_dir_3, knee_out_3) @ _frame(knee_3 - hip_3, rest_front_3).T
    shin_33 = _frame(shin_dir_3, knee_out_3) @ _frame(ankle_3 - knee_3, rest_front_3).T
    rotations = {
        f"upperleg01.{side}": root_33.T @ thigh_33,
        f"lowerleg01.{side}": thigh_33.T @ shin_33,
        f"foot.{side}": shin_33.T @ foot.turn_33,
    }
    toe_33 = _about("x", -foot.toe_bend)
    return rotations | {f"toe{i}-1.{side}": toe_33 for i in range(1, 6)}


def _arm_rotations(
    body: Body, side: str, swing: float, wave: float, time_s: float
) -> dict[str, Array]:
    """Swing the arm (1 foremost, -1 hindmost), blended into a raised, waving one."""
    out = _SIDES[side]
    forward = np.deg2rad(4 + 22 * swing)
    elbow = np.deg2rad(16 + 12 * swing)
    hang_3 = np.array([0.16 * out, -np.cos(forward), np.sin(forward)])
    fore_3 = np.array([0.04 * out, -np.cos(forward + elbow), np.sin(forward + elbow)])
    tilt = np.deg2rad(6 + 26 * np.sin(2 * np.pi * 1.7 * time_s))
    upper_dir_3 = _unit((1 - wave) * _unit(hang_3) + wave * _unit(np.array([out, 0.05, 0.35])))
    waving_3 = np.array([out * np.sin(tilt), np.cos(tilt), 0.25])
    fore_dir_3 = _unit((1 - wave) * _unit(fore_3) + wave * _unit(waving_3) + [0, 0, wave - wave**2])

    shoulder_3, elbow_3 = body.head(f"upperarm01.{side}"), body.head(f"lowerarm01.{side}")
    rest_upper_3, rest_fore_3 = elbow_3 - shoulder_3, body.head(f"wrist.{side}") - elbow_3
    rest_hinge_3 = np.cross(rest_upper_3, [0.0, 0.0, 1.0])
    hinge_3 = np.cross(upper_dir_3, fore_dir_3)
    upper_33 = _frame(upper_dir_3, hinge_3) @ _frame(rest_upper_3, rest_hinge_3).T
    fore_33 = _frame(fore_dir_3, hinge_3) @ _frame(rest_fore_3, rest_hinge_3).T
    curl_33 = _about("z", -out * np.deg2rad(14) * (1 - wave))
    fingers = {f"finger{i}-{j}.{side}": curl_33 for i in range(2, 6) for j in (1, 2, 3)}
    return {f"upperarm01.{side}": upper_33, f"lowerarm01.{side}": upper_33.T @ fore_33} | fingers


def _about(axis: str, angle: float) -> Array:
    """Rotation [3, 3] about a coordinate axis."""
    return np.asarray(Rotation.from_euler(axis, angle).as_matrix())


def _frame(first_3: Array, second_3: Array) -> Array:
    """Orthonormal [3, 3] whose columns start with the first direction, then the second's part."""
    x_3 = _unit(first_3)
    y_3 = _unit(second_3 - second_3 @ x_3 * x_3)
    return np.column_stack([x_3, y_3, np.cross(x_3, y_3)])


def _length(vector_3: Array) -> float:
    return float(np.linalg.norm(vector_3))


def _unit(vector_3: Array) -> Array:
    return np.asarray(vector_3 / _length(vector_3))


def _ease(x: Array | float) -> Array:
    """0 below 0, 1 above 1, smooth between (minimum jerk)."""
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x**3 * (10 - 15 * x + 6 * x**2))
