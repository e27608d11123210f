"""The training loop: stopped and gone on, on two ranks, and what each task trains."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("timm", reason="needs the extra train")
pytest.importorskip("tensorboard", reason="needs the extra train")

import torch
from safetensors.torch import load_file

from benchmarks.checkpoints import read_checkpoint
from benchmarks.clips import ClipSet, open_clips
from benchmarks.learner import Job, Learner, check_frozen, make_model
from benchmarks.loader import TrainClips, join_batches
from benchmarks.ranks import Ranks
from benchmarks.recipes import smoke
from benchmarks.train import train
from tests.benchmarks.release import write_release
from toolkit.errors import ConfigError, InputError

ALONE = Ranks(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """The same number of threads here and in other processes: sums depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    """Ten clips: steps of four, four and two."""
    return write_release(tmp_path_factory.mktemp("release"), train=10)


@pytest.fixture(scope="module")
def clips(release) -> ClipSet:
    """The clips of the release."""
    return open_clips(release, "train")


@pytest.fixture(scope="module")
def pretrained(clips, tmp_path_factory) -> Path:
    """Weights of a pre-training, kept every epoch."""
    out = tmp_path_factory.mktemp("pretrained")
    assert train(Job("pretrain", smoke(), clips, out, keep_every=1), ALONE)
    return out / "model.safetensors"


def stop_after(num_steps: int):
    """Return what stops a run after some steps."""
    left = iter(range(num_steps - 1))
    return lambda: next(left, None) is None


@pytest.mark.parametrize("task", ["pretrain", "finetune"])
def test_going_on_is_bitwise_the_same(clips, tmp_path, task):
    """Stopped in the middle of an epoch and at its end, with drop-path and mixing of samples."""
    whole = Job(task, smoke(), clips, tmp_path / "whole")
    assert train(whole, ALONE)
    parts = replace(whole, out=tmp_path / "parts", num_workers=1)
    assert not train(parts, ALONE, stop_after(2))
    assert not train(parts, ALONE, stop_after(4))
    assert train(parts, ALONE)
    for name in ("model.safetensors", "log.jsonl", "config.json"):
        assert (whole.out / name).read_bytes() == (parts.out / name).read_bytes()
    states = [torch.load(job.out / "state.pt", weights_only=True) for job in (whole, parts)]
    moments = [state["optimizer"]["state"] for state in states]
    assert all(
        torch.equal(moments[0][index][key], moments[1][index][key])
        for index in moments[0]
        for key in moments[0][index]
    )
    assert train(whole, ALONE)  # done: nothing is done again
    assert len((whole.out / "log.jsonl").read_text().splitlines()) == 9


def test_another_seed_is_another_run(clips, tmp_path, pretrained):
    """Other weights; and a folder that holds a run takes no other one."""
    job = Job("pretrain", smoke(), clips, tmp_path, seed=1)
    assert train(job, ALONE)
    assert (tmp_path / "model.safetensors").read_bytes() != pretrained.read_bytes()
    with pytest.raises(ConfigError, match="holds a run with another seed: name another --out"):
        train(replace(job, seed=2), ALONE)


def test_parts_add_up(clips):
    """A batch in three parts has the loss and the gradient of the whole."""
    seen = []
    for num_parts in (1, 3):
        learner = Learner(Job("pretrain", smoke(), clips, Path("out")), ALONE)
        dataset = TrainClips(clips, smoke(), "pretrain", 0)
        items = [dataset[0, index, 1.0] for index in range(4)]
        parts = [join_batches(items[index::num_parts]) for index in range(num_parts)]
        values = learner.take_step(0, parts)
        seen.append((values["loss"], values["gradient_norm"]))
    assert seen[0] == pytest.approx(seen[1], rel=1e-5)


def test_a_probe_trains_its_head_alone(clips, tmp_path, pretrained):
    """No gradient outside of it, and the aligned trunk comes out as it went in, to the bit."""
    aligned = Job("align", smoke(), clips, tmp_path / "align", init=pretrained)
    assert train(aligned, ALONE)
    job = Job(
        "probe", smoke(), clips, tmp_path / "probe", init=tmp_path / "align/model.safetensors"
    )
    learner = Learner(job, ALONE)
    before = learner.model.head.weight.clone()
    dataset = TrainClips(clips, smoke(), "probe", 0)
    learner.take_step(0, [join_batches([dataset[0, index, 1.0] for index in range(4)])])
    gradients = {name for name, w in learner.model.named_parameters() if w.grad is not None}
    assert gradients == {"head.weight", "head.bias"}
    assert not torch.equal(before, learner.model.head.weight)
    learner.model.blocks[0].norm1.bias.requires_grad_(requires_grad=True)
    with pytest.raises(AssertionError, match=r"blocks\.0\.norm1\.bias has a gradient"):
        check_frozen(learner.model)
    assert train(job, ALONE)
    given, result = (load_file(path) for path in (job.init, job.out / "model.safetensors"))
    trained = {name for name in given if not torch.equal(given[name], result[name])}
    assert trained == {"head.weight", "head.bias"}


def test_alignment_and_fine_tuning_train_everything(clips, tmp_path, pretrained):
    """From the weights that they begin with."""
    for task in ("align", "finetune"):
        job = Job(task, smoke(), clips, tmp_path / task, init=pretrained)
        begun = {name: w.clone() for name, w in make_model(job).state_dict().items()}
        expected = load_file(pretrained)["encoder.blocks.0.attn.qkv.weight"]
        assert torch.equal(begun["blocks.0.attn.qkv.weight"], expected)
        assert train(job, ALONE)
        result = load_file(job.out / "model.safetensors")
        assert not any(torch.equal(begun[name], result[name]) for name in begun)


def test_the_loss_falls_and_is_logged(pretrained):
    """A line a step, with loss and rate; TensorBoard has the same; weights are kept by epoch."""
    folder = pretrained.parent
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 10))
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert lines[2]["rate"] == pytest.approx(smoke().pretrain.lr)
    assert any((folder / "tensorboard").iterdir())
    assert len(list(folder.glob("epoch-000?.safetensors"))) == 3
    checkpoint = read_checkpoint(pretrained)
    assert checkpoint.size == smoke().size
    assert checkpoint.facts["config_hash"] == smoke().digest("pretrain")
    last = read_checkpoint(folder / "epoch-0003.safetensors")
    assert all(torch.equal(last.state[name], w) for name, w in checkpoint.state.items())


def test_what_cannot_be_begun_is_refused(clips, tmp_path, pretrained):
    """A probe of nothing, and pre-training that begins with something."""
    with pytest.raises(ConfigError, match="probe needs weights to begin with"):
        train(Job("probe", smoke(), clips, tmp_path / "a"), ALONE)
    with pytest.raises(ConfigError, match="pretrain begins from nothing"):
        train(Job("pretrain", smoke(), clips, tmp_path / "b", init=pretrained), ALONE)


def test_a_loss_that_is_no_number_ends_the_run(clips, tmp_path):
    """The weights are as they were before that step."""
    job = Job("pretrain", smoke(), clips, tmp_path)
    learner = Learner(job, ALONE)
    learner.model.mask_token.data.fill_(torch.nan)
    before = learner.model.decoder.head.weight.clone()
    dataset = TrainClips(clips, smoke(), "pretrain", 0)
    with pytest.raises(InputError, match="the loss is nan"):
        learner.take_step(0, [join_batches([dataset[0, 0, 1.0]])])
    assert torch.equal(before, learner.model.decoder.head.weight)


def test_bfloat16_is_near_to_float32(clips):
    """The loss of the same batch, to a hundredth."""
    losses = []
    for is_bf16 in (False, True):
        learner = Learner(Job("pretrain", smoke(), clips, Path("out"), is_bf16=is_bf16), ALONE)
        dataset = TrainClips(clips, smoke(), "pretrain", 0)
        batch = join_batches([dataset[0, index, 1.0] for index in range(4)])
        losses.append(learner.take_step(0, [batch])["loss"])
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.01)


def command(release: Path, out: Path, *words: str) -> list[str]:
    """Return the command line of a small pre-training."""
    return [
        *("benchmarks.train", "pretrain", "--recipe", "smoke", "--data", str(release)),
        *("--out", str(out), "--workers", "1", *words),
    ]


def test_two_ranks_are_as_one(release, pretrained, tmp_path):
    """Gloo and two processes that torchrun starts: the losses of one process, within rounding."""
    run = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", "-m", *command(release, tmp_path)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    logs = [
        [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        for folder in (tmp_path, pretrained.parent)
    ]
    for two, one in zip(*logs, strict=True):
        assert two == pytest.approx(one, rel=1e-4)


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_signal_ends_the_step_and_keeps_the_state(release, pretrained, tmp_path, number):
    """The exit code says which; the same command goes on to the same result."""
    words = [sys.executable, "-m", *command(release, tmp_path)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "log.jsonl"
    while process.poll() is None and not (log.exists() and log.read_text()):
        time.sleep(0.02)
    process.send_signal(number)
    _, told = process.communicate(timeout=120)
    num_done = len(log.read_text().splitlines())
    assert 0 < num_done < 9
    assert process.returncode == 128 + number
    assert told.splitlines()[-1] == "stopped: run it again to go on"
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == num_done
    assert train(Job("pretrain", smoke(), open_clips(release, "train"), tmp_path), ALONE)
    assert (tmp_path / "model.safetensors").read_bytes() == pretrained.read_bytes()
