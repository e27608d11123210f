"""The commands ``m2m privacy``: what a release still tells of the people in it."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Tell what a release still gives away.", no_args_is_help=True)


@app.command()
def attack(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a release.")],
    project: Annotated[
        Path, typer.Option(metavar="PROJECT", help="The folder where it was built.")
    ],
    people: Annotated[
        Path,
        typer.Option(
            metavar="PEOPLE.csv", help="Columns clip (file name or id of a source) and person."
        ),
    ],
    json: Annotated[
        Path | None, typer.Option(metavar="OUT.json", help="Write the figures here too.")
    ] = None,
) -> None:
    """Try to know people of a release again, by face and by movement.

    The same attack on the source shows what the attacker is able to at all.
    """
    from toolkit.files import check_out, write_output
    from toolkit.privacy.attack import attack_release, make_json, make_lines
    from toolkit.progress import show_stages

    if json is not None:
        check_out(json)
    with show_stages("clips") as start_stage:
        result = attack_release(folder, project, people, start_stage)
    if json is not None:
        with write_output(json) as partial:
            partial.write_text(make_json(result), "utf-8")
    for line in make_lines(result):
        typer.echo(line)
