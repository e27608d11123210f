"""Fits the weights of the occlusion score on some clips of actors, and measures it on others.

    m2m actors generate fit --clips 60 --classes 20 --seed 2001
    m2m actors generate held-out --clips 60 --classes 20 --seed 2002
    python -m benchmarks.stages.occlusion_fit fit held-out

Of each tree, the first clips by id that have two people or an object before somebody, in two halves
each: the checks need no inpainting, and so this takes a minute a half. Halves of a clip are alike,
so that the intervals are too narrow. The weights that it prints go into ``toolkit/qa/occlusion.py``
by hand.

Shape suffixes: N clips, T frames, C checks.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks.stages.evaluate import find_clips
from benchmarks.stages.occlusion import describe_auroc, has_error, readings_of, values_of
from benchmarks.stages.run import ClipRun, silent_stages
from toolkit import backends
from toolkit.actors.truth import Truth, read_truth
from toolkit.anonymize import find_people, recover_people
from toolkit.config import load_profile
from toolkit.frames import FrameStore
from toolkit.gate import Anonymized
from toolkit.m2m.types import Array
from toolkit.qa.checks import Reading
from toolkit.qa.occlusion import WEIGHTS, smooth
from toolkit.video import DecodedClip, decode

NUM_CLIPS, NUM_FRAMES = 14, 24
CLEAR, OPAQUE = np.uint8(0), np.uint8(255)
_PENALTY = 0.02
"""Of the squared weights, beside the mean loss of a clip."""

Measured = tuple[bool, list[dict[str, Reading]]]
"""Whether a clip has an error, and what the checks say of its frames."""


def run_half(clip: DecodedClip, truth: Truth, start: int, steps: dict[str, Any]) -> ClipRun:
    """Find the people in some frames and draw them; nobody is removed."""
    frames = slice(start, start + NUM_FRAMES)
    truth = replace(
        truth,
        occlusion_PT=truth.occlusion_PT[:, frames],
        amodal_PTHW=truth.amodal_PTHW[:, frames],
    )
    shape_HWC = clip.frames.frame_shape
    clip = replace(clip, frames=_stored(islice(clip.frames, start, frames.stop), shape_HWC))
    people = find_people(clip, steps, silent_stages())
    motions = recover_people(clip, people, steps, silent_stages())
    done = Anonymized(clip, people, clip.frames, motions, people.masks, clip.frames)
    run = ClipRun(truth, done, steps)
    meshes = (np.where((depth_NHW > 0).any(0), OPAQUE, CLEAR) for depth_NHW in run.depths)
    return replace(run, done=replace(done, coverage=_stored(meshes, shape_HWC[:2])))


def measure_tree(folder: Path) -> list[Measured]:
    """Measure the first clips of a tree that have two people or an object before somebody."""
    steps = {k: backends.get(k, name) for k, name in asdict(load_profile("offline")).items()}
    clips = [(video, read_truth(path)) for video, path in find_clips(folder)]
    chosen = [(v, t) for v, t in clips if len(t.occlusion_PT) > 1 or t.info["occluder"]]
    measured: list[Measured] = []
    for video, truth in chosen[:NUM_CLIPS]:
        clip = decode(video, None)
        for start in (0, NUM_FRAMES):
            run = run_half(clip, truth, start, steps)
            measured.append((has_error(run), readings_of(run)))
    return measured


def fit(measured: Sequence[Measured]) -> tuple[dict[str, float], float]:
    """Return weights, none below zero, and bias: logistic regression on the worst frames."""
    is_error_N = np.array([is_error for is_error, _ in measured])
    checks_NTC = np.array(
        [
            np.stack([smooth(np.array([row[name] for row in rows])) for name in WEIGHTS], axis=1)
            for _, rows in measured
        ]
    )

    def loss(values: Array) -> float:
        odds_N = (checks_NTC @ values[1:]).max(1) + values[0]
        losses_N = np.logaddexp(0, np.where(is_error_N, -odds_N, odds_N))
        return float(losses_N.mean() + _PENALTY * (values[1:] ** 2).mean())

    bounds = [(None, None), *[(0, None)] * len(WEIGHTS)]
    bias, *weights = minimize(loss, np.ones(1 + len(WEIGHTS)), bounds=bounds).x.tolist()
    return dict(zip(WEIGHTS, (round(weight, 2) for weight in weights), strict=True)), round(bias, 2)


def _stored(frames: Iterable[Array], shape: tuple[int, ...]) -> FrameStore:
    store = FrameStore(shape)
    for frame in frames:
        store.append(frame)
    return store


if __name__ == "__main__":
    for_fit, held_out = (measure_tree(Path(folder)) for folder in sys.argv[1:3])
    weights, bias = fit(for_fit)
    found = {
        name: describe_auroc([values_of(is_error, rows) for is_error, rows in measured])
        for name, measured in (("fit", for_fit), ("held_out", held_out))
    }
    print(json.dumps({"weights": weights, "bias": bias, **found}, indent=2))
