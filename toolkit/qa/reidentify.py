"""Can somebody be known again? How often an attacker's nearest neighbour is the same person.

Shape suffixes: P clips that are tried (probes), G clips of known people (gallery), N vectors of a
clip, D numbers of a vector, T frames, F frequencies. Whatever a clip shows of its people, faces or
movement, is a set of unit vectors; two clips are as alike as the two most alike of their vectors.
A clip is never compared with itself: clothes, light and place would give it away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.m2m.types import Array, BodyMotion
from toolkit.qa.bounds import wilson_interval

MIN_PROBES = 10
"""With fewer clips, nothing is said: even all of 9 at a chance of one half says little."""
FALSE_ACCEPTS = 0.01
MIN_OTHERS = 100
"""Pairs of different people that a rate of false accepts of 1% takes."""

_BANDS_HZ = (0.5, 1.0, 2.0, 4.0)
_MIN_DURATION_S = 1.0
_LEFT_HIP_X, _RIGHT_HIP_X = 0, 3
"""Flexion of the hips among the 63 numbers of a body pose."""


@dataclass(frozen=True)
class Attack:
    """What an attack came to.

    Attributes:
        num_clips: that were tried.
        num_probes: of them with something to compare, and another clip of the person to find.
        num_right: of them whose nearest neighbour is the same person.
        chance: the share of right ones if the neighbour were drawn by lot; None without probes.
        num_same, num_other: pairs of clips of the same person, and of different people.
        true_accepts: share of the former that pass where 1% of the latter do; None where too few.
        equal_error: the rate at which false accepts and false rejects are as many; None likewise.
        auc: how often a pair of the former is more alike than one of the latter; None likewise.
    """

    num_clips: int
    num_probes: int
    num_right: int
    chance: float | None
    num_same: int
    num_other: int
    true_accepts: float | None
    equal_error: float | None
    auc: float | None

    @property
    def rank1(self) -> float | None:
        """Share of the probes that were known again; None where there are too few to say."""
        return self.num_right / self.num_probes if self.num_probes >= MIN_PROBES else None

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of ``rank1``."""
        return wilson_interval(self.num_right, self.num_probes)


def attack(
    probes: Mapping[str, Array], gallery: Mapping[str, Array], people: Mapping[str, str]
) -> Attack:
    """Try to know the people of some clips again by their other clips.

    Args:
        probes: clip to its vectors [N, D], of length 1; none where nothing was found.
        gallery: likewise; the same clips, or others.
        people: clip to its person, or to a group of people who are always together.
    """
    found = [clip for clip in sorted(probes) if len(probes[clip])]
    known = [clip for clip in sorted(gallery) if len(gallery[clip])]
    shape = (len(found), len(known))
    alike = [liken(probes[probe], gallery[clip]) for probe in found for clip in known]
    alike_PG = np.array(alike, float).reshape(shape)
    same = [people[probe] == people[clip] for probe in found for clip in known]
    same_PG = np.array(same, bool).reshape(shape)
    other_clip = [probe != clip for probe in found for clip in known]
    other_clip_PG = np.array(other_clip, bool).reshape(shape)
    num_right, chances = 0, []
    for alike_G, same_G, other_clip_G in zip(alike_PG, same_PG, other_clip_PG, strict=True):
        right_G = same_G[other_clip_G]
        if right_G.any():
            num_right += bool(right_G[np.argmax(alike_G[other_clip_G])])
            chances.append(right_G.mean())
    same_pairs = alike_PG[same_PG & other_clip_PG]
    other_pairs = alike_PG[~same_PG & other_clip_PG]
    enough = len(other_pairs) >= MIN_OTHERS and len(same_pairs) >= MIN_PROBES
    return Attack(
        len(probes),
        len(chances),
        num_right,
        float(np.mean(chances)) if chances else None,
        len(same_pairs),
        len(other_pairs),
        *(_verify(same_pairs, other_pairs) if enough else (None, None, None)),
    )


def liken(one_ND: Array, other_ND: Array) -> float:
    """Return how alike two clips are: the cosine of their two most alike vectors."""
    return float((one_ND @ other_ND.T).max())


def _verify(same_pairs: Array, other_pairs: Array) -> tuple[float, float, float]:
    """Return the true accepts where 1% are false, the equal error rate, and the area under ROC."""
    thresholds = np.unique(np.concatenate([same_pairs, other_pairs]))
    same, other = np.sort(same_pairs), np.sort(other_pairs)
    accepts = 1 - np.searchsorted(same, thresholds) / len(same)
    false_accepts = 1 - np.searchsorted(other, thresholds) / len(other)
    true_accepts = accepts[false_accepts <= FALSE_ACCEPTS].max(initial=0.0)
    closest = np.argmin(np.abs(false_accepts - (1 - accepts)))
    equal_error = (false_accepts[closest] + 1 - accepts[closest]) / 2
    below = np.searchsorted(other, same_pairs) + np.searchsorted(other, same_pairs, side="right")
    return float(true_accepts), float(equal_error), float(below.mean() / 2 / len(other))


def describe_motion(motion: BodyMotion, fps: float) -> Array | None:
    """Return how somebody moves and is built [D], from released body parameters alone.

    Mean and spread of each joint's rotation, how much of it swings how fast, how fast the hips
    alternate (cadence), how fast the body moves and how much it bobs, and the shape. Bones are as
    long as the shape makes them, so their proportions are in it.

    Returns:
        None for less than a second.
    """
    if len(motion.frames_T) < max(2.0, _MIN_DURATION_S * fps):
        return None
    pose_T63 = _fill_gaps(motion.frames_T, motion.body_pose_T63)
    transl_T3 = _fill_gaps(motion.frames_T, motion.transl_T3)
    frequencies_F = np.fft.rfftfreq(len(pose_T63), 1 / fps)
    window_T1 = np.hanning(len(pose_T63))[:, None]
    swings_T63 = (pose_T63 - pose_T63.mean(0)) * window_T1
    power_F63 = np.abs(np.fft.rfft(swings_T63, axis=0)) ** 2 / len(pose_T63)
    bands = np.digitize(frequencies_F, _BANDS_HZ)
    swings = [power_F63[bands == band].sum(0) for band in range(1, len(_BANDS_HZ))]
    strides_T = swings_T63[:, _LEFT_HIP_X] - swings_T63[:, _RIGHT_HIP_X]
    walks_F = np.where((bands > 0) & (bands < len(_BANDS_HZ)), np.abs(np.fft.rfft(strides_T)), -1.0)
    step_T3 = np.diff(transl_T3, axis=0) * fps
    return np.concatenate(
        [
            *(pose_T63.mean(0), pose_T63.std(0), np.log(np.concatenate(swings) + 1e-6)),
            [frequencies_F[np.argmax(walks_F)]],
            *([np.hypot(*step_T3[:, [0, 2]].T).mean()], transl_T3.std(0), motion.betas_10),
        ]
    )


def _fill_gaps(frames_T: Array, values_TD: Array) -> Array:
    """Return values for each frame from the first to the last."""
    every_T = np.arange(frames_T[0], frames_T[-1] + 1)
    return np.stack([np.interp(every_T, frames_T, values_T) for values_T in values_TD.T], axis=1)


def standardize(features: Mapping[str, Sequence[Array]]) -> dict[str, Array]:
    """Return the features of all clips as unit vectors [N, D], in which each number counts alike.

    What is the same for everybody, as the neutral shape is, counts nothing.
    """
    rows = [row_D for of_clip in features.values() for row_D in of_clip]
    if not rows:
        return {clip: np.zeros((0, 1)) for clip in features}
    every_ND = np.stack(rows)
    middle_D, spread_D = every_ND.mean(0), every_ND.std(0)
    scale_D = np.where(spread_D > 1e-9, spread_D, np.inf)  # zero, but for rounding
    made = {}
    for clip, of_clip in features.items():
        scaled_ND = (np.reshape(list(of_clip), (-1, len(middle_D))) - middle_D) / scale_D
        made[clip] = scaled_ND / np.maximum(np.linalg.norm(scaled_ND, axis=1, keepdims=True), 1e-9)
    return made
