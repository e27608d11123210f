"""Whether the occlusion checks know the clips in which somebody hidden is drawn wrongly.

In place of a person's verdict: a clip has an occlusion error if, in a quarter of a second or more,
somebody is hidden in part (by a tenth to four fifths) whom no mesh shows: none has an intersection
over union of half or more with the whole of them, as they would be seen if nothing stood before
them.

Shape suffixes: P true people, N drawn people, T frames, H height, W width.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import mannwhitneyu

from benchmarks.stages.run import ClipRun, Metric
from toolkit.gate import check_occlusion
from toolkit.m2m.types import Array
from toolkit.qa.checks import Reading
from toolkit.qa.occlusion import WEIGHTS, occlusion_scores, smooth

METRICS: Mapping[str, Metric] = {
    "error": Metric("share of clips in which somebody hidden in part is drawn wrongly", "low"),
    "score": Metric("the clip's occlusion score", "low"),
    "reading": Metric("worst mean of a check over nine frames", "low"),
    "auroc": Metric(
        "how often a clip with an error has a higher score than one without, of all pairs", "high"
    ),
}

_LEAST_HIDDEN, _MOST_HIDDEN = 0.1, 0.8
_MIN_IOU = 0.5
_ERROR_S = 0.25
_NUM_RESAMPLES = 2000


def measure(run: ClipRun) -> dict[str, float]:
    """Return the values of one clip."""
    return values_of(has_error(run), readings_of(run))


def values_of(is_error: bool, rows: Sequence[Mapping[str, Reading]]) -> dict[str, float]:
    """Return the verdict, the score and the checks of a clip as numbers."""
    return {
        "error": float(is_error),
        "score": max(occlusion_scores(rows)),
        **{
            f"reading_{name}": float(smooth(np.array([row[name] for row in rows])).max())
            for name in WEIGHTS
        },
    }


def readings_of(run: ClipRun) -> list[dict[str, Reading]]:
    """Return what the checks say of each frame."""
    return [check_occlusion(run.done, index) for index in range(run.num_frames)]


def has_error(run: ClipRun) -> bool:
    """Whether a clip has an occlusion error."""
    hidden_PT = run.truth.occlusion_PT[:, : run.num_frames]
    hidden_PT = (hidden_PT >= _LEAST_HIDDEN) & (hidden_PT <= _MOST_HIDDEN)
    missed_T = [
        any(
            best_iou(run.truth.amodal_PTHW[p, index], run.depths[index] > 0) < _MIN_IOU
            for p in np.flatnonzero(hidden_PT[:, index])
        )
        for index in range(run.num_frames)
    ]
    return sum(missed_T) >= _ERROR_S * run.fps


def best_iou(person_HW: Array, meshes_NHW: Array) -> float:
    """Return the intersection over union of a person with the mesh that fits best; 0 without."""
    common_N = (meshes_NHW & person_HW).sum((1, 2))
    return float(np.max(common_N / (meshes_NHW | person_HW).sum((1, 2)), initial=0.0))


def auroc(is_error_N: Array, scores_N: Array) -> float:
    """Return the area under the ROC; NaN where all clips have an error, or none."""
    errors, others = scores_N[is_error_N], scores_N[~is_error_N]
    if not len(errors) or not len(others):
        return float("nan")
    return float(mannwhitneyu(errors, others).statistic / (len(errors) * len(others)))


def describe_auroc(by_clip: Sequence[Mapping[str, float]]) -> dict[str, dict[str, object]]:
    """Return the area under the ROC of the score and of each check, with a 95% interval.

    The interval is that of clips drawn with replacement, where both kinds are among them.

    Args:
        by_clip: what ``measure`` returns.
    """
    clips = [values for values in by_clip if values]
    is_error_N = np.array([values["error"] > 0 for values in clips], bool)
    rng = np.random.default_rng(0)
    drawn_RN = rng.integers(max(len(clips), 1), size=(_NUM_RESAMPLES, len(clips)))
    described: dict[str, dict[str, object]] = {}
    names = {"score": "auroc"} | {f"reading_{check}": f"auroc_{check}" for check in WEIGHTS}
    for key, name in names.items():
        scores_N = np.array([values[key] for values in clips])
        mean = auroc(is_error_N, scores_N)
        if np.isfinite(mean):
            resampled_R = [auroc(is_error_N[drawn_N], scores_N[drawn_N]) for drawn_N in drawn_RN]
            interval = np.nanpercentile(resampled_R, (2.5, 97.5)).tolist()
            described[name] = {"mean": mean, "ci95": interval, "num_clips": len(clips)}
    return described
