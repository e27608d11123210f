"""The command line ``m2m sources``."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Clips to work on: what is there, and what is wrong.", no_args_is_help=True)


@app.callback()
def sources() -> None:
    """Clips to work on: what is there, and what is wrong."""


@app.command()
def check(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A folder of clips or of tars, or one tar.")
    ],
    out: Annotated[Path, typer.Option(metavar="SOURCES.parquet", help="The table to write.")],
    annotations: Annotated[
        list[Path] | None,
        typer.Option(metavar="CSV", help="A table as Kinetics has them; may be given repeatedly."),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="PARQUET", help="What this command wrote elsewhere, to compare with."),
    ] = None,
) -> None:
    """Answer "which Kinetics do I have": decode every clip, and list each with its problems.

    Without annotations every file LABEL/CLIP is a clip. A run that was stopped goes on where it
    was.
    """
    from rich.console import Console

    from toolkit.kinetics.check import check_sources
    from toolkit.kinetics.report import print_report
    from toolkit.progress import show_stages

    with show_stages("clips") as start_stage:
        rows, num_others = check_sources(source, annotations or [], reference, out, start_stage)
    print_report(rows, annotated=bool(annotations), console=Console())
    if num_others:
        typer.echo(f"not looked at, no videos by their names: {num_others} other files")
    typer.echo(out)
