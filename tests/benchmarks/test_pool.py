"""Mini releases: bodies in the true poses of actors."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.experiments.pool import (
    CONDITIONS,
    POOL,
    draw_clip,
    keep_truth,
    make_release,
)
from benchmarks.tasks.mini import film_clip
from toolkit.actors.tree import plan
from toolkit.actors.truth import read_truth
from toolkit.errors import InputError
from toolkit.video import decode


def test_bodies_are_where_the_people_are(tmp_path: Path) -> None:
    """An actor filmed, and drawn as each condition has it."""
    clip = next(clip for clip in plan(POOL) if clip.label == "clap")
    film_clip(clip, POOL, tmp_path / f"{clip.clip_id}.mp4", keep_truth)
    truth = read_truth(tmp_path / f"{clip.clip_id}.npz")
    people_THW = truth.amodal_PTHW.any(0)
    shown = {}
    for name in ("nohuman", "m2m"):
        draw_clip(CONDITIONS[name], clip, tmp_path, tmp_path / f"{name}.mp4")
        shown[name] = np.stack(list(decode(tmp_path / f"{name}.mp4", None).frames)).astype(int)
    drawn_THW = np.abs(shown["m2m"] - shown["nohuman"]).max(-1) > 40
    assert (drawn_THW & people_THW).sum() / (drawn_THW | people_THW).sum() > 0.4


def test_an_unknown_condition_is_refused(tmp_path: Path) -> None:
    """The line names those that there are."""
    with pytest.raises(InputError, match="unknown condition 'blur': choose one of real, nohuman"):
        make_release("blur", [], tmp_path, tmp_path, lambda _: None)
