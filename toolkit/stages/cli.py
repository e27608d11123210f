"""The commands ``m2m retry`` and what the programs in ``pipelines/`` share."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from toolkit.errors import ToolkitError


def retry(
    stages: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STAGE]...", help="As in the journal; all stages if none."),
    ] = None,
) -> None:
    """Try clips again that failed in a build, then bring up to date what depends on them.

    Run it in the project folder, after the cause is mended.
    """
    from toolkit.stages.project import Project
    from toolkit.stages.retry import forget_all, run_again

    project = Project.open(Path())
    forgotten = forget_all(project, stages or [])
    if not forgotten:
        typer.echo("nothing to try again: no clip failed")
        return
    for stage, clips in forgotten.items():
        typer.echo(f"{stage}: {len(clips)} again: {', '.join(clips)}")
    raise typer.Exit(run_again(project.root, list(forgotten)))


def run_program(work: Callable[..., None], *arguments: str) -> None:
    """Run a stage in the current folder, as its program does; leaves with its exit code.

    Args:
        work: called with the project, with what starts its progress, and with ``arguments``.
        arguments: such as the name of a release.
    """
    from toolkit.progress import show_stages
    from toolkit.stages.project import Project

    try:
        with show_stages("clips") as start_stage:
            work(Project.open(Path()), start_stage, *arguments)
    except ToolkitError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk is noticed wherever something is written
        place = f"{error.filename}: " if error.filename else ""
        said = f"error: {place}{error.strerror or error}: mend this and run  dvc repro  again"
        print(said, file=sys.stderr)  # noqa: T201
        sys.exit(1)
