"""Motions of the actors: labelled actions as parametric curves over the SMPL-X body joints.

World axes: x right, y up (floor 0), z towards the camera; a heading of 0 faces the camera, + turns
to the person's left. Metres, radians. Everything is drawn from the generator that is passed in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from toolkit.actors.motions import pairs, things
from toolkit.actors.motions.floor import push_up
from toolkit.actors.motions.gait import RUN, WALK, go_round, spin, walk_across, walk_and_wave
from toolkit.actors.motions.keys import compose, mirrored, phases, sample
from toolkit.actors.motions.kinematics import Build, solve
from toolkit.actors.motions.motion import Motion
from toolkit.actors.motions.solo import TABLES
from toolkit.m2m.types import Array

__all__ = ["ACTIONS", "Action", "Motion", "act", "walk_across", "walk_and_wave"]


@dataclass(frozen=True)
class Action:
    """What an action needs.

    Attributes:
        num_people: who act together.
        props: objects that stand in the scene, at the place of the person and turned as they are.
    """

    num_people: int = 1
    props: tuple[str, ...] = ()


_CURVES: Mapping[str, Callable[[Build, int, float, np.random.Generator], Motion]] = {
    "push_up": push_up,
    "run": partial(go_round, RUN),
    "spin": spin,
    "walk": partial(go_round, WALK),
}

ACTIONS: Mapping[str, Action] = dict(
    sorted(
        {
            **{name: Action(props=table.props) for name, table in TABLES.items()},
            **dict.fromkeys(_CURVES, Action()),
            **dict.fromkeys(pairs.PAIRS, Action(num_people=2)),
            "push_up": Action(props=("mat",)),
        }.items()
    )
)


def act(
    name: str, rests: Sequence[Array], num_frames: int, fps: float, rng: np.random.Generator
) -> list[Motion]:
    """Play an action near the origin, facing +z; who walks, runs or lies does so along x.

    Tempo, size, phase, side and small movements differ from call to call.

    Args:
        name: of ``ACTIONS``.
        rests: for each person the joints at rest [22, 3] m, soles at y = 0.
        num_frames: how long, in frames.
        fps: frames per second.
        rng: decides everything that varies.

    Returns:
        One motion for each person. Two people stand side by side and face each other.
    """
    if name in pairs.PAIRS:
        return pairs.play(pairs.PAIRS[name], rests, num_frames, fps, rng)
    build = Build.of(rests[0])
    if name in _CURVES:
        return [_CURVES[name](build, num_frames, fps, rng)]
    table = TABLES[name]
    phases_T, period_s = phases(table, num_frames, fps, rng)
    channels, active = sample(table, phases_T, fps, rng), "right"
    if rng.uniform() < 0.5:
        channels, active = mirrored(channels), "left"
    playing = things.Playing(build, channels, phases_T, period_s, active)
    goals = things.GOALS[name](playing) if name in things.GOALS else {}
    motion = solve(build, compose(build, channels, goals), fps)
    held = things.HELD[name](playing, motion) if name in things.HELD else {}
    return [Motion(motion.local_TJ33, motion.pelvis_T3, held)]
