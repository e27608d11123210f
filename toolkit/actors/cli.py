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
        typer.Option(
            metavar="DIR", help="Write what is true of it here (npz): masks, empty room, joints."
        ),
    ] = None,
) -> None:
    """Render a person who walks across a room, turns and waves: 3 s at 432x240."""
    from toolkit.actors.generate import generate_clip
    from toolkit.actors.truth import write_truth

    clip = generate_clip(out, seed=seed)
    if truth:
        write_truth(clip.truth, truth / f"{out.stem}.npz")
        typer.echo(truth / f"{out.stem}.npz")
    typer.echo(out)


@app.command()
def generate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to fill.")],
    clips: Annotated[int, typer.Option(help="How many clips.")] = 64,
    classes: Annotated[int, typer.Option(help="How many actions.")] = 16,
    seed: Annotated[int, typer.Option(help="Chooses everything else.")] = 0,
    bias: Annotated[
        str,
        typer.Option(
            metavar="gender=0.5..1",
            help="Share of men (every second class: of women) in train and val; swapped in test.",
        ),
    ] = "gender=0.5",
    scene_bias: Annotated[
        float, typer.Option(help="How often scene and objects are those of the class, 0..1.")
    ] = 0.0,
) -> None:
    """Render a data set of actions, laid out like Kinetics, with the truth of every clip."""
    from toolkit.actors.tree import TreeConfig, generate_tree, read_bias
    from toolkit.progress import show_stages

    config = TreeConfig(clips, classes, seed, read_bias(bias), scene_bias)
    with show_stages("clips") as start_stage:
        generate_tree(folder, config, start_stage("generate", clips))
    typer.echo(folder / "contact_sheet.png")
