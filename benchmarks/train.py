"""The command ``python -m benchmarks.train``: pre-train, align, fine-tune or probe VideoMAE.

One loop for all four; they differ in the model, the loss, and which weights are trained
(``benchmarks.learner``). A run that was stopped goes on with the same command, to the same bits on
a CPU.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from benchmarks.checkpoints import save_weights
from benchmarks.clips import open_clips
from benchmarks.learner import Job, Learner
from benchmarks.loader import TrainClips, load_batches, plan_epoch, share_batch
from benchmarks.ranks import Ranks, join_ranks
from benchmarks.recipes import Task, load_recipe
from benchmarks.run import Run, load_state
from toolkit.errors import ToolkitError
from toolkit.progress import show_stages

Part = list[tuple[int, int, float]]


def plan_steps(job: Job, epoch: int, ranks: Ranks) -> list[list[Part]]:
    """Return, for each step of an epoch, the parts of this rank's share: (epoch, clip, weight)."""
    steps = []
    for batch in plan_epoch(len(job.clips), job.stage.batch, job.seed, epoch):
        share = [(epoch, *item) for item in share_batch(batch, ranks.rank, ranks.num)]
        steps.append([part for i in range(job.num_parts) if (part := share[i :: job.num_parts])])
    return steps


def train(job: Job, ranks: Ranks, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Train from the last saved state to the end, and return whether the end was reached.

    ``should_stop`` is asked after each step; the state is saved before this returns.

    Raises:
        ToolkitError: a clip cannot be read, or the run cannot go on; the state is kept.
    """
    run = Run(job.out, job.describe()) if ranks.rank == 0 else None
    learner = Learner(job, ranks)
    step = load_state(job.out, learner.model, learner.optimizer)
    with run.open_log(step) if run else nullcontext(), show_stages("steps") as start:
        advance = start(job.task, job.num_steps) if run else lambda _: None
        advance(step)
        try:
            for values in _take_steps(learner, step):
                step += 1
                advance(1)
                is_stopped = ranks.sum(float(should_stop())) > 0
                if run:
                    run.log(step, values)
                    _save(learner, run, step, is_stopped=is_stopped)
                if is_stopped:
                    break
        except ToolkitError:
            if run:
                run.save_state(learner.model, learner.optimizer, step)
            raise
    if run and step == job.num_steps:
        save_weights(run.result, learner.model, **job.facts)
    return step == job.num_steps


def _take_steps(learner: Learner, done: int) -> Iterator[dict[str, float]]:
    """Take all steps after the first ``done``, and yield what is to be logged of each."""
    job, ranks = learner.job, learner.ranks
    dataset = TrainClips(job.clips, job.recipe, job.task, job.seed)
    first_epoch, num_done = divmod(done, job.steps_per_epoch)
    for epoch in range(first_epoch, job.stage.epochs):
        steps = plan_steps(job, epoch, ranks)[num_done:]
        batches = load_batches(
            dataset, [part for parts in steps for part in parts], job.num_workers
        )
        for index, parts in enumerate(steps, epoch * job.steps_per_epoch + num_done):
            yield learner.take_step(index, [next(batches) for _ in parts])
        num_done = 0


def _save(learner: Learner, run: Run, step: int, *, is_stopped: bool) -> None:
    """Save the state at the end of an epoch or of the run, and what is to be kept."""
    job = learner.job
    epoch, rest = divmod(step, job.steps_per_epoch)
    if is_stopped or not rest:
        run.save_state(learner.model, learner.optimizer, step)
    if job.keep_every and not rest and epoch % job.keep_every == 0:
        kept = run.folder / f"epoch-{epoch:04d}.safetensors"
        save_weights(kept, learner.model, **job.facts, epoch=epoch)


@contextmanager
def catch_signals() -> Iterator[list[int]]:
    """Note SIGINT and SIGTERM in the list, so that a step is finished first."""
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        caught.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(
    task: Annotated[Task, typer.Argument(help="What is trained.")],
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="A release, or the folder of a list's clips.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the run is kept.")],
    recipe: Annotated[str, typer.Option(help="All other numbers: paper_vitb, tiny_cpu or smoke.")],
    split: Annotated[
        str, typer.Option(help="A split of the release, or a list of clips and classes.")
    ] = "train",
    init: Annotated[Path | None, typer.Option(metavar="F", help="Weights to begin with.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides all that is drawn.")] = 0,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that read clips, for each rank.")
    ] = len(os.sched_getaffinity(0)),
    parts: Annotated[
        int, typer.Option(min=1, help="Parts in which a rank works on its share of a batch.")
    ] = 1,
    bf16: Annotated[bool, typer.Option(help="Compute products in bfloat16.")] = False,
    compiled: Annotated[bool, typer.Option("--compile", help="Use torch.compile.")] = False,
    keep_every: Annotated[
        int, typer.Option(min=0, metavar="EPOCHS", help="Keep weights this often.")
    ] = 0,
) -> None:
    """Train VideoMAE; torchrun starts it on several devices.

    The same command goes on where a run was stopped: Ctrl-C and SIGTERM end it after the step.
    """
    job = Job(
        task=task,
        recipe=load_recipe(recipe),
        clips=open_clips(data, split),
        out=out,
        init=init,
        seed=seed,
        num_workers=workers,
        num_parts=parts,
        is_bf16=bf16,
        is_compiled=compiled,
        keep_every=keep_every,
    )
    with catch_signals() as caught, join_ranks() as ranks:
        is_finished = train(job, ranks, lambda: bool(caught))
        if ranks.rank == 0:
            told = f"{out}/model.safetensors" if is_finished else "stopped: run it again to go on"
            print(told, file=sys.stderr)
    if not is_finished:
        sys.exit(128 + (caught[0] if caught else signal.SIGTERM))


if __name__ == "__main__":
    try:
        typer.run(main)
    except ToolkitError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
