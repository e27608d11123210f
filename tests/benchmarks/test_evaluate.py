"""What a classifier says of clips, and what is kept of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("timm", reason="needs the extra train")

import torch

from benchmarks.checkpoints import CheckpointError, load_all, read_checkpoint, save_weights
from benchmarks.clips import open_clips
from benchmarks.evaluate import (
    Predictions,
    evaluate,
    main,
    read_predictions,
    write_predictions,
)
from benchmarks.learner import Job
from benchmarks.loader import EvalClips
from benchmarks.ranks import Ranks
from benchmarks.recipes import smoke
from benchmarks.train import train
from benchmarks.transforms import normalise
from benchmarks.videomae import Classifier, VideoMAE
from tests.benchmarks.release import write_release
from toolkit.errors import InputError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    """Two classes that differ by colour."""
    return write_release(tmp_path_factory.mktemp("release"), train=12, val=8)


@pytest.fixture(scope="module")
def weights(release, tmp_path_factory) -> Path:
    """A classifier that was trained until it tells the colours apart."""
    recipe = smoke()
    stage = replace(recipe.align, epochs=25, lr=5e-3)
    job = Job(
        "finetune",
        replace(recipe, finetune=stage),
        open_clips(release, "train"),
        tmp_path_factory.mktemp("run"),
    )
    assert train(job, Ranks(0, 1, CPU))
    return job.out / "model.safetensors"


def make_predictions(probabilities: list[list[float]], cls: list[int]) -> Predictions:
    """Return predictions of clips a, b, c and so on."""
    ids = tuple(chr(97 + index) for index in range(len(cls)))
    return Predictions(ids, np.array(cls), np.array(probabilities, np.float32), {"seed": 1})


def test_accuracies_by_hand():
    """Of three clips of class 0 two are right, of the one of class 2 none."""
    sure = [[0.9, 0.1, 0.0], [0.8, 0.1, 0.1], [0.1, 0.9, 0.0], [0.5, 0.3, 0.2]]
    found = make_predictions(sure, [0, 0, 0, 2]).measure()
    assert found["top1"] == 0.5
    assert found["mean_class_accuracy"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["top5"] == 1
    assert (found["num_clips"], found["num_classes"]) == (4, 2)
    assert found["top1_ci95"][0] < 0.5 < found["top1_ci95"][1]


def test_a_model_that_says_nothing_is_not_right():
    """The same probability for every class is no hit, in top-1 or in top-5."""
    found = make_predictions([[1 / 8] * 8] * 3, [0, 3, 7]).measure()
    assert (found["top1"], found["top5"]) == (0, 0)


def test_predictions_come_back(tmp_path):
    """With their facts, the same bytes on every write."""
    predictions = make_predictions([[0.25, 0.75], [0.5, 0.5]], [0, 1])
    for name in ("a", "b"):
        write_predictions(predictions, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    read = read_predictions(tmp_path / "a")
    assert (read.clip_ids, read.facts) == (predictions.clip_ids, predictions.facts)
    assert np.array_equal(read.probabilities_NK, predictions.probabilities_NK)
    (tmp_path / "a").write_bytes(b"something else")
    with pytest.raises(InputError, match="holds no predictions"):
        read_predictions(tmp_path / "a")


def test_a_trained_classifier_is_right_on_clips_it_has_not_seen(release, weights):
    """Every clip, in order; and the average over two spans and three crops is what counts."""
    clips = open_clips(release, "val")
    predictions = evaluate(weights, clips, smoke(), CPU)
    assert predictions.clip_ids == tuple(clip.clip_id for clip in clips.clips)
    assert predictions.measure()["top1"] == 1
    assert np.allclose(predictions.probabilities_NK.sum(1), 1, atol=1e-6)
    model = Classifier(smoke().size, 2).eval()
    load_all(model, read_checkpoint(weights))
    video = normalise(EvalClips(clips, smoke())[2].video_BTCHW).transpose(1, 2)
    with torch.no_grad():
        expected = torch.stack([model(view[None])[0].softmax(0) for view in video]).mean(0)
    assert np.allclose(predictions.probabilities_NK[2], expected, atol=1e-6)


def test_predictions_say_what_they_come_from(release, weights, tmp_path, capsys):
    """The command writes weights, data, recipe, seed and code beside the clips, and prints JSON."""
    out = tmp_path / "predictions.parquet"
    main(weights, release, out, workers=0)
    assert json.loads(capsys.readouterr().out)["top1"] == 1
    predictions = read_predictions(out)
    assert predictions.facts["data_digest"] == open_clips(release, "val").digest
    training = predictions.facts["training"]
    assert (training["seed"], training["recipe"], training["task"]) == (0, "smoke", "finetune")
    assert training["data_digest"] == open_clips(release, "train").digest
    assert {"config_hash", "version"} <= set(training)
    assert {"weights_sha256", "code_sha256"} <= set(predictions.facts)
    assert pq.read_table(out).column_names == ["clip_id", "cls", "predicted", "probabilities"]


def test_weights_that_cannot_classify_these_clips_are_refused(release, tmp_path):
    """Of pre-training, and of fewer classes."""
    clips = open_clips(release, "val")
    save_weights(tmp_path / "a.safetensors", VideoMAE(smoke().size))
    with pytest.raises(CheckpointError, match="has no head"):
        evaluate(tmp_path / "a.safetensors", clips, smoke(), CPU)
    save_weights(tmp_path / "b.safetensors", Classifier(smoke().size, 1))
    with pytest.raises(InputError, match="the clips have 2 classes"):
        evaluate(tmp_path / "b.safetensors", clips, smoke(), CPU)
