"""Is whoever is nearer drawn over whoever is farther, and do meshes leave alone what is nearer?

People who touch cross each other in few pixels, where a hand's place decides who is seen:
``depth_order_apart`` leaves them out.

Shape suffixes: P true people, N drawn people, T frames, H height, W width.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from benchmarks.stages.run import ClipRun, Metric
from toolkit.m2m.skeleton import JOINT
from toolkit.m2m.types import Array

METRICS = {
    "depth_order": Metric(
        "share of the pixels where two meshes and the people they stand for overlap that show the "
        "person who is truly nearer",
        "high",
        0.95,
    ),
    "foreground_covered": Metric(
        "share of the pixels of an object before somebody that a mesh covers", "low"
    ),
}

MIN_PIXELS = 50
"""In a clip; fewer say nothing."""
_OPAQUE = 128
_APART_M = 0.3
"""Between the pelvises, along the view: as far apart as a chest is deep."""


def measure(run: ClipRun) -> dict[str, float]:
    """Compare what is drawn on top with what truly is."""
    drawn = {motion.track_id: n for n, motion in enumerate(run.motions)}
    counts, counts_apart = [(0, 0)], [(0, 0)]
    for index, match in enumerate(run.matches):
        known = {p: drawn[track_id] for p, track_id in match.items() if track_id in drawn}
        away_P = run.truth.joints_PTJ3[:, index, JOINT["pelvis"], 2]
        for pair in combinations(sorted(known), 2):
            depths = {p: run.depths[index][known[p]] for p in pair}
            visible_PHW, amodal_PHW = (
                masks[:, index] for masks in (run.truth.visible_PTHW, run.truth.amodal_PTHW)
            )
            counts.append(count_order(depths, visible_PHW, amodal_PHW))
            if np.ptp(away_P[list(pair)]) > _APART_M:
                counts_apart.append(counts[-1])
    objects_THW = run.truth.foreground_THW
    num_object = int(np.count_nonzero(objects_THW))
    num_covered = sum(
        int(np.count_nonzero(objects_HW & (coverage_HW >= _OPAQUE)))
        for objects_HW, coverage_HW in zip(objects_THW, run.done.coverage, strict=True)
    )
    return {
        "depth_order": _share(counts),
        "depth_order_apart": _share(counts_apart),
        "foreground_covered": _share([(num_covered, num_object)]),
    }


def count_order(
    depths: Mapping[int, Array], visible_PHW: Array, amodal_PHW: Array
) -> tuple[int, int]:
    """Count the pixels of one frame that show the nearer of two people, and all that tell.

    Nearer is who is seen where both would be: that may be the arm of the one whose body is farther.

    Args:
        depths: true person to the depth of their mesh, [H, W] m, 0 where it is not.
        visible_PHW: bool, where each person is truly seen.
        amodal_PHW: bool, where each would be seen alone.
    """
    num_right = num_all = 0
    for p, q in combinations(sorted(depths), 2):
        both_HW = amodal_PHW[p] & amodal_PHW[q] & (depths[p] > 0) & (depths[q] > 0)
        p_nearer_HW, q_nearer_HW = both_HW & visible_PHW[p], both_HW & visible_PHW[q]
        p_on_top_HW = depths[p] < depths[q]
        num_right += int(np.count_nonzero(p_nearer_HW & p_on_top_HW))
        num_right += int(np.count_nonzero(q_nearer_HW & ~p_on_top_HW))
        num_all += int(np.count_nonzero(p_nearer_HW | q_nearer_HW))
    return num_right, num_all


def _share(counts: Sequence[tuple[int, int]]) -> float:
    part, whole = (sum(column) for column in zip(*counts, strict=True))
    return part / whole if whole >= MIN_PIXELS else float("nan")
