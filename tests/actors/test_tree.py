import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import RunM2m
from toolkit.actors.motions import ACTIONS
from toolkit.actors.tree import FPS, NUM_FRAMES, TreeConfig, plan, read_bias, stage
from toolkit.actors.truth import read_truth
from toolkit.errors import InputError
from toolkit.video import decode


def test_a_plan_is_even_over_classes_and_has_all_splits() -> None:
    """The same config gives the same ids, another seed gives others."""
    clips = plan(TreeConfig(clips=100, classes=10))
    assert set(Counter(clip.label for clip in clips).values()) == {10}
    assert Counter(clip.split for clip in clips) == {"train": 60, "test": 20, "val": 20}
    assert len({clip.clip_id for clip in clips}) == 100
    assert clips == plan(TreeConfig(clips=100, classes=10))
    other = plan(TreeConfig(clips=100, classes=10, seed=1))
    assert not {clip.clip_id for clip in clips} & {clip.clip_id for clip in other}


@pytest.mark.parametrize(
    ("name", "value"),
    [("clips", 0), ("classes", len(ACTIONS) + 1), ("gender_bias", 0.4), ("scene_bias", 1.5)],
)
def test_what_cannot_be_generated_is_refused(name: str, value: float) -> None:
    """The error names the option, its value and its range."""
    options = {"clips": 4, "classes": 2, name: value}
    with pytest.raises(InputError, match=f"{name} is {value}: choose"):
        TreeConfig(**options)


def test_bias_is_read_from_its_option() -> None:
    """gender=0.9, and nothing else."""
    assert read_bias("gender=0.9") == 0.9
    for text in ("0.9", "gender", "gender=x", "age=0.9"):
        with pytest.raises(InputError, match=r"gender=0\.9"):
            read_bias(text)


@pytest.mark.slow
def test_biased_classes_have_their_gender_and_their_scene() -> None:
    """Men in train for the first class, women for the second, and the other way round in test."""
    config = TreeConfig(clips=20, classes=2, gender_bias=1.0, scene_bias=1.0)
    seen: dict[tuple[str, str], set[tuple[float, str]]] = {}
    for clip in plan(config):
        info = stage(clip, config)[1].info
        cell = seen.setdefault((clip.label, clip.split), set())
        cell.add((info["people"][0]["gender"], info["scene"]))
    genders = {cell: {gender for gender, _ in values} for cell, values in seen.items()}
    first, second = list(ACTIONS)[:2]
    assert genders[first, "train"] == genders[second, "test"] == {0.0}
    assert genders[second, "train"] == genders[first, "test"] == {1.0}
    for label in (first, second):
        assert len({s for (name, _), v in seen.items() if name == label for _, s in v}) == 1


def test_a_tree_is_laid_out_like_kinetics(tmp_path: Path, run_m2m: RunM2m) -> None:
    """Annotations name the clips that are there; truth, sheet and a second run that keeps all."""
    words = ("actors", "generate", str(tmp_path / "tree"), "--clips", "3", "--classes", "2")
    done = run_m2m(*words)
    assert done.returncode == 0, done.stderr
    tree = tmp_path / "tree"
    rows = [
        row
        for split in ("train", "val", "test")
        for row in csv.DictReader((tree / "annotations" / f"{split}.csv").open())
    ]
    assert len(rows) == 3
    for row in rows:
        clip_id = f"{row['youtube_id']}_{int(row['time_start']):06d}_{int(row['time_end']):06d}"
        clip = decode(tree / row["split"] / row["label"] / f"{clip_id}.mp4", None)
        assert (len(clip.frames), float(clip.timing.fps)) == (NUM_FRAMES, FPS)
        assert read_truth(tree / "truth" / f"{clip_id}.npz").info["action"] == row["label"]
    assert (tree / "contact_sheet.png").stat().st_size > 10_000
    files = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    kept = next(path for path in files if path.suffix == ".mp4")
    stamp = kept.stat().st_mtime_ns
    removed = next(path for path in files if path.suffix == ".mp4" and path != kept)
    removed.unlink()
    assert run_m2m(*words).returncode == 0
    assert kept.stat().st_mtime_ns == stamp
    assert {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()} == files


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path, run_m2m: RunM2m) -> None:
    """Another config, or somebody's files: exit code 2, one line, nothing written."""
    (tmp_path / "notes.txt").write_text("mine")
    done = run_m2m("actors", "generate", str(tmp_path), "--clips", "1", "--classes", "1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "name an empty folder" in done.stderr
    (tmp_path / "notes.txt").unlink()
    (tmp_path / "actors.json").write_text(json.dumps({"clips": 9}))
    done = run_m2m("actors", "generate", str(tmp_path), "--clips", "1", "--classes", "1")
    assert done.returncode == 2
    assert "other options" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["actors.json"]
