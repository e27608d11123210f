"""The command ``python -m benchmarks.tasks``: downstream tasks listed, checked and filmed."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.tasks import mini, paper
from benchmarks.tasks.task import Task, check_videos, read_lists, write_lists
from toolkit.errors import InputError, ToolkitError
from toolkit.progress import show_stages

app = typer.Typer(no_args_is_help=True, add_completion=False)

TASKS = {**paper.TASKS, **mini.TASKS}
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of a task.")]


def find_task(name: str) -> Task:
    """Return a task by its name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in TASKS:
        raise InputError(f"unknown task '{name}': choose one of {', '.join(TASKS)}")
    return TASKS[name]


@app.command("list")
def list_tasks() -> None:
    """Print all tasks: clips of train and val, classes, which lists, and where they are."""
    for task in TASKS.values():
        rows = "/".join(f"{number:,}" for number in task.num_rows.values())
        print(f"{task.name}: {rows} clips, {task.num_classes} classes; {task.lists}: {task.page}")


@app.command()
def check(
    name: NameArgument,
    lists: Annotated[
        Path, typer.Argument(metavar="LISTS", help="train.csv and val.csv, or the official files.")
    ],
    videos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where listed paths begin: are all there?")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write train.csv and val.csv for --split.")
    ] = None,
) -> None:
    """Check that lists are those of a task, and that all of its clips are there."""
    task = find_task(name)
    found = read_lists(task, lists)
    if videos:
        check_videos(task, found, videos)
    if out:
        write_lists(found, out)
    counts = ", ".join(f"{split} {len(rows):,}" for split, rows in found.items())
    print(f"{task.title}: {counts} clips, {task.num_listed_classes} classes, as {task.lists}")


@app.command()
def film(
    name: NameArgument, out: Annotated[Path, typer.Argument(metavar="DIR", help="To be filled.")]
) -> None:
    """Film a task of the mini suite."""
    if name not in mini.FILMS:
        raise InputError(f"{name} is no task that is filmed: choose one of {', '.join(mini.FILMS)}")
    with show_stages("clips") as start:
        mini.film_task(name, out, start(name, sum(mini.TASKS[name].num_rows.values())))
    print(out / "train.csv")


if __name__ == "__main__":
    try:
        app(standalone_mode=True)
    except ToolkitError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
