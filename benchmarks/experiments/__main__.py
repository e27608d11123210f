"""The command ``python -m benchmarks.experiments``: the stages of ``benchmarks/dvc.yaml``.

Each command reads and writes ``runs/mini`` in the current folder; numbers are in
``benchmarks/params.yaml``. Imports stand in the commands: what renders must not import torch.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from toolkit.errors import ConfigError, ToolkitError
from toolkit.progress import show_stages

if TYPE_CHECKING:
    from benchmarks.experiments.runs import Experiment

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

FOLDER = Path("runs/mini")
PARAMS = Path("benchmarks/params.yaml")
TABLES = Path("benchmarks/results/mini")
NameArgument = Annotated[str, typer.Argument(metavar="NAME")]


def load_experiment() -> "Experiment":
    """Return what ``benchmarks/params.yaml`` asks for.

    Raises:
        ConfigError: it cannot be read, or a value is of another kind.
    """
    from benchmarks.experiments.runs import Experiment
    from benchmarks.recipes import load_recipe

    try:
        values = yaml.safe_load(PARAMS.read_text("utf-8"))
        seeds = tuple(values["seeds"])
        recipe = load_recipe(values["recipe"])
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(f"{PARAMS} must hold recipe and seeds: {error}") from error
    if not seeds or not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise ConfigError(f"{PARAMS}: seeds are {list(seeds)}: give one or more whole numbers")
    return Experiment(FOLDER, recipe, seeds)


@app.command()
def code() -> None:
    """Write which code runs: another one, and everything is trained again."""
    from benchmarks.evaluate import hash_code
    from benchmarks.experiments.pool import write_json

    write_json(FOLDER / "code.json", {"benchmarks": hash_code()})


@app.command()
def pool() -> None:
    """Film what releases are made of, and choose their classes."""
    from benchmarks.experiments.pool import POOL, choose_classes, film_pool, write_json

    with show_stages("clips") as start:
        film_pool(FOLDER / "pool", start("pool", POOL.clips))
    write_json(FOLDER / "classes.json", choose_classes(FOLDER / "pool"))


@app.command()
def release(name: NameArgument) -> None:
    """Make the mini release of a condition."""
    import json

    from benchmarks.experiments.pool import CONDITIONS, make_release

    chosen = json.loads((FOLDER / "classes.json").read_text("utf-8"))
    labels = chosen[CONDITIONS[name].classes] if name in CONDITIONS else []
    with show_stages("clips") as start:
        make_release(
            name, labels, FOLDER / "pool", FOLDER / "releases" / name, start(name, len(labels))
        )


@app.command()
def train(name: NameArgument) -> None:
    """Pre-train and align, with every seed."""
    from benchmarks.experiments.runs import train_all

    train_all(load_experiment(), name)


@app.command()
def evaluate(condition: NameArgument, task: NameArgument) -> None:
    """Fine-tune and probe on a task, with every seed."""
    from benchmarks.experiments.runs import evaluate_all

    evaluate_all(load_experiment(), condition, task)


@app.command()
def curve(condition: NameArgument) -> None:
    """Probe the checkpoints of a pre-training."""
    from benchmarks.experiments.runs import evaluate_curve

    evaluate_curve(load_experiment(), condition)


@app.command()
def real(
    filmed: Annotated[Path, typer.Argument(metavar="DIR", help="Clips as filmed.")],
    anonymised: Annotated[
        Path, typer.Argument(metavar="DIR", help="The same clips anonymised, named alike.")
    ],
    folds: Annotated[
        list[Path], typer.Argument(metavar="FOLD", help="Lists of clips that share no people.")
    ],
    out: Annotated[Path, typer.Option(metavar="F.md", help="What was found.")],
    recipe: Annotated[str, typer.Option(help="All other numbers.")] = "mini_cpu",
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Copies and runs.")] = Path("runs/real"),
) -> None:
    """Compare real clips with the same clips anonymised, as pre-training for real clips."""
    from benchmarks.experiments.real_video import compare_real
    from benchmarks.experiments.runs import Experiment
    from benchmarks.recipes import load_recipe

    experiment = Experiment(runs, load_recipe(recipe), (0, 1, 2))
    print(compare_real(experiment, filmed, anonymised, folds, out), end="")


@app.command()
def table(name: NameArgument) -> None:
    """Write a table: table1 to table4, or figure3."""
    from benchmarks.experiments.tables import write_curves, write_table

    if name == "figure3":
        write_curves(FOLDER, TABLES)
    else:
        write_table(name, FOLDER, TABLES)
    print(TABLES / f"{name}.md")


if __name__ == "__main__":
    try:
        app()
    except ToolkitError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
