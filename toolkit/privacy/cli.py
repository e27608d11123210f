"""The commands ``m2m privacy``: what a release still tells of the people in it."""

from pathlib import Path
from typing import Annotated

import typer

from toolkit.errors import InputError

app = typer.Typer(help="Tell what is left to know of the people filmed.", no_args_is_help=True)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="RELEASE_DIR", help="The folder of a release.")],
    project: Annotated[
        Path, typer.Option(metavar="PROJECT", help="Where it was built: its reviews are told of.")
    ] = Path(),
    reviews: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where verdicts are kept; by default in the project's validation.",
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="Whose review is told of; by default the newest of these clips."
        ),
    ] = None,
    leaks: Annotated[
        Path | None,
        typer.Option(
            metavar="stages.json",
            help="Planted leaks as the stages benchmark measured them; by default what ships.",
        ),
    ] = None,
    attack: Annotated[
        Path | None, typer.Option(metavar="F.json", help="What an attack on it has come to.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="OUT.html", help="Write a page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell an auditor what was checked, how strong the checks are, and what remains."""
    from toolkit.files import check_out
    from toolkit.privacy.page import write_page
    from toolkit.privacy.report import make_json, make_lines, make_profile

    if out is not None:
        check_out(out)
        if out.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{out} would be an extra file of the release: write it elsewhere")
    kept = reviews or project / "validation/reviews"
    profile = make_profile(folder, kept, version=version, leaks=leaks, attack=attack)
    if out is not None:
        write_page(profile, out)
    if as_json:
        typer.echo(make_json(profile), nl=False)
        return
    for what, much in make_lines(profile):
        typer.echo(f"{what:<28} {much}")


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
