"""The command line ``m2m actors``."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Synthetic people with known truth.", no_args_is_help=True)


@app.callback()
def actors() -> None:
    """Synthetic people with known truth."""


@app.command()
def demo(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The mp4 to write.")],
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another body and room.")] = 0,
    truth: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the true masks and the empty room here (npz)."),
    ] = None,
) -> None:
    """Render a person who walks across a room, turns and waves: 3 s at 432x240."""
    from toolkit.actors.generate import generate_clip, write_truth

    clip = generate_clip(out, seed=seed)
    if truth:
        typer.echo(write_truth(clip, truth / f"{out.stem}.npz"))
    typer.echo(out)
