"""Whether the gate catches leaks, and lets clean clips through.

One leak of each kind (``leaks``) is planted into each clip's run, and the gate decides as it does
on a clip that was really anonymised so. A leak is caught where a check is above its limit in a
frame in which it was not without the leak. Only frames that a leak changes are looked at again:
at least twelve of them, to tell which checks catch it, and then until one of them is caught.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.stages.leaks import KINDS, Leak, plant
from benchmarks.stages.run import ClipRun, Metric
from toolkit.frames import FrameStore, map_frames
from toolkit.gate import Anonymized, FrameChecks, Watchers, judge
from toolkit.qa.checks import CRITICAL, Check, Limit, Reading, load_limits
from toolkit.qa.privacy import lost_people
from toolkit.video import decode
from toolkit.video_encode import encode

METRICS: Mapping[str, Metric] = {
    "planted_caught": Metric(
        "share of planted leaks that quarantine the clip: 2 frames or 5 px and more", "high", 0.98
    ),
    "clean_quarantined": Metric("share of clips quarantined without a leak", "low", 0.1),
}
NOT_IN_THE_GOAL = ("drop_1", "erode_2", "unfilled", "undrawn")
"""Planted and reported, but not counted in ``planted_caught``: too small, or no failure of the
masks."""
CLIP_CHECKS = {"unresolved_people"}
"""Checks that judge a share of the frames. No leak makes them rise: there is less to resolve."""
_LOOK_FIRST_FRAMES = 8
"""The gate looks at the tiles of so few frames only, so they are the likeliest to show a leak."""
_NUM_LOOKS = 12
"""So many frames of a leak are looked at even where the first of them tells that it is there."""


@dataclass(frozen=True)
class Verdicts:
    """What the gate says of a clip.

    Attributes:
        clean: the checks without a leak.
        caught_by: for each kind of leak, the checks that caught it in the frames that were looked
            at: empty where none did, None where the clip has no place for such a leak.
    """

    clean: Mapping[str, Check]
    caught_by: Mapping[str, Sequence[str] | None]


def measure(run: ClipRun) -> dict[str, float]:
    """Return the values of one clip; no key for a leak that could not be planted."""
    return values_of(examine(run, KINDS))


def values_of(verdicts: Verdicts) -> dict[str, float]:
    """Return what the gate says as numbers: shares of the leaks, and 0 or 1."""
    caught = {
        kind: float(bool(names)) for kind, names in verdicts.caught_by.items() if names is not None
    }
    counted = [value for kind, value in caught.items() if kind not in NOT_IN_THE_GOAL]
    fired = [
        names
        for kind, names in verdicts.caught_by.items()
        if names is not None and kind not in NOT_IN_THE_GOAL
    ]
    return {
        "planted_caught": float(np.mean(counted)) if counted else float("nan"),
        **{f"planted_caught_{kind}": value for kind, value in caught.items()},
        **{
            f"planted_caught_by_{name}": float(np.mean([name in names for names in fired]))
            for name in verdicts.clean
            if fired
        },
        **{
            f"planted_caught_only_by_{name}": float(np.mean([names == [name] for names in fired]))
            for name in verdicts.clean
            if fired
        },
        "clean_quarantined": float(any(check.blocks for check in verdicts.clean.values())),
        **{
            f"clean_quarantined_by_{name}": float(check.blocks)
            for name, check in verdicts.clean.items()
        },
    }


def examine(run: ClipRun, kinds: Sequence[str]) -> Verdicts:
    """Check a clip as it is, and with one leak of each kind in it."""
    watchers = Watchers(run.clip.frames.frame_shape, run.clip.pixel_aspect)
    limits = load_limits()
    released, written = as_released(run.done)
    rows = list(map_frames(FrameChecks(run.done, released, watchers), run.num_frames))
    caught_by: dict[str, Sequence[str] | None] = {}
    for kind in kinds:
        rng = np.random.default_rng(list(f"{run.truth.info['clip_id']} {kind}".encode()))
        leak = plant(kind, run, rng)
        caught_by[kind] = None if leak is None else _caught_by(leak, run.done, rows, watchers)
    shape_HWC = run.clip.frames.frame_shape
    clean = judge(run.done.people, rows, written, shape_HWC, limits, [])
    return Verdicts(clean, caught_by)


def as_released(done: Anonymized) -> tuple[FrameStore, bytes]:
    """Return the frames of the result as encoded and decoded again, and the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "released.mp4")
        encode(done.result, path, done.clip.timing, done.clip.pixel_aspect)
        return decode(path, None).frames, path.read_bytes()


def _caught_by(
    leak: Leak, clean: Anonymized, rows: Sequence[Mapping[str, Reading]], watchers: Watchers
) -> list[str]:
    """Name the checks that catch a leak; ``rows`` are the frames' values without it."""
    caught = {"lost_people"} if _lost(leak.done) > _lost(clean) else set()
    limits = load_limits()
    for num_looks, (index, row) in enumerate(_look(leak, watchers), 1):
        caught |= {
            name
            for name, value in row.items()
            if name not in CLIP_CHECKS and _is_caught(value, rows[index][name], limits[name])
        }
        if caught and num_looks >= _NUM_LOOKS:
            break
    return sorted(caught)


def _is_caught(value: float, without: float, limit: Limit) -> bool:
    """Whether a clip is quarantined for a value, and would not be without the leak."""
    return value > limit.value >= without and limit.severity == CRITICAL


def _lost(done: Anonymized) -> float:
    frames = done.clip.frames
    return sum(lost_people(done.people.tracks, len(frames), frames.frame_shape))


def _look(leak: Leak, watchers: Watchers) -> Iterator[tuple[int, Mapping[str, Reading]]]:
    """Check the frames of a leak again, the likeliest first."""
    checks = FrameChecks(leak.done, as_released(leak.done)[0], watchers)
    order = sorted(leak.frames, key=lambda index: (index % _LOOK_FIRST_FRAMES != 0, index))
    rows = map_frames(lambda place: checks(order[place]), len(order))
    yield from zip(order, rows, strict=True)
