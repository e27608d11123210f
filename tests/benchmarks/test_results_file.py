"""Results files: bound to their predictions, and read as strictly as they are written."""

import json

import numpy as np
import pytest

pytest.importorskip("timm", reason="needs the extra train")
pytest.importorskip("pyarrow", reason="needs the extra train")

from benchmarks.evaluate import Predictions
from benchmarks.results_file import Dataset, Results, read_results, write_results
from toolkit.errors import InputError
from toolkit.release.sums import hash_file


def make_predictions(right: list[bool], protocol: str = "probe", seed: int = 0) -> Predictions:
    """Return what a model said of clips of class 1, of two, as ``benchmarks.evaluate`` has it."""
    probabilities = [[0.2, 0.8] if is_right else [0.8, 0.2] for is_right in right]
    training = {"task": protocol, "seed": seed, "recipe": "smoke", "config_hash": "c0"}
    facts = {
        "training": training,
        "weights_sha256": "e1",
        "data_digest": f"of {len(right)} clips",
        "code_sha256": "c1",
        "version": "1",
        "num_spans": 2,
        "num_crops": 3,
    }
    names = tuple(f"clip{index:02d}" for index in range(len(right)))
    return Predictions(names, np.ones(len(right), int), np.array(probabilities, np.float32), facts)


def write(folder, right, condition="m2m", task="mini-ucf101", **run) -> Results:
    """Write a results file."""
    return write_results(
        folder,
        make_predictions(right, **run),
        Dataset("mini-m2m", "1.0.0", "d0"),
        entry=f"videomae-{condition}",
        suite="mini",
        condition=condition,
        task=task,
        seconds=1.23,
    )


def test_results_come_back(tmp_path):
    """All that they are bound to is what the predictions say."""
    written = write(tmp_path, [True, True, False, True])
    found = read_results(tmp_path / "results.json")
    assert found == written
    assert found.metrics == {"top1": 0.75, "top5": 1.0, "mean_class": 0.75}
    assert (found.protocol, found.seed, found.num_clips, found.seconds) == ("probe", 0, 4, 1.2)
    assert found.evaluation == {"spans": 2, "crops": 3}
    assert found.predictions["sha256"] == hash_file(tmp_path / found.predictions["path"])


def test_weights_of_no_protocol_are_refused(tmp_path):
    """What was aligned is not evaluated on a task."""
    with pytest.raises(InputError, match="finetune or probe made, not align"):
        write(tmp_path, [True], protocol="align")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": None}, "lacks seed"),
        ({"mood": "good"}, "has mood"),
        ({"schema": "m2m-results/9"}, "schema 'm2m-results/9'"),
        ({"seed": "0"}, "seed is '0'"),
        ({"metrics": 1}, "metrics is 1"),
    ],
)
def test_what_is_no_results_file_is_told(tmp_path, change, told):
    """By the key and its value; None takes a key away."""
    write(tmp_path, [True])
    path = tmp_path / "results.json"
    values = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    with pytest.raises(InputError, match=told):
        read_results(path)
    path.write_text("[]")
    with pytest.raises(InputError, match=r"results\.json"):
        read_results(path)
