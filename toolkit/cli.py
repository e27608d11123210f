"""The command line ``m2m``: each command reads its arguments and calls the library.

Exit codes: 0 done or released, 3 quarantined, 4 an audit found something, 2 bad input or usage, 1
our own failure, 130 interrupted. An error is one line on stderr; ``--debug`` (or ``M2M_DEBUG=1``)
adds the trace.
"""

import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from toolkit import __version__, models_cli, registry_cli
from toolkit.actors import cli as actors_cli
from toolkit.errors import InputError, ToolkitError
from toolkit.kinetics import cli as kinetics_cli
from toolkit.knexus import cli as knexus_cli
from toolkit.privacy import cli as privacy_cli
from toolkit.release import cli as release_cli
from toolkit.release import hub_cli, takedown_cli
from toolkit.review import cli as review_cli
from toolkit.splits import cli as splits_cli
from toolkit.stages import cli as stages_cli

EXIT_FAILURE = 1
EXIT_QUARANTINED = 3
EXIT_INTERRUPTED = 130

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(models_cli.app, name="models")
app.add_typer(actors_cli.app, name="actors")
app.add_typer(kinetics_cli.app, name="sources")
app.command()(stages_cli.retry)
app.add_typer(registry_cli.app, name="registry")
app.add_typer(review_cli.app, name="review")
app.add_typer(privacy_cli.app, name="privacy")
app.add_typer(splits_cli.app, name="splits")
app.add_typer(knexus_cli.app, name="knexus")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"m2m {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    _debug: Annotated[
        bool,
        typer.Option(
            "--debug", envvar="M2M_DEBUG", help="Print the trace of an error; works on any command."
        ),
    ] = False,
) -> None:
    """Replace the people in action videos with 3D meshes, and check that no person is left."""


@app.command()
def anonymize(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The video to anonymise.")],
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT", help="The mp4 to write; by default the stem of IN with .m2m.mp4."
        ),
    ] = None,
    profile: Annotated[
        str, typer.Option(help="The set of backends that does the work.")
    ] = "offline",
    mask: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Use blazepose, torchvision, maskrcnn-r101, maskrcnn-r101-lsj, detectron2 or "
            "sam2, instead of the masker of the profile.",
        ),
    ] = None,
    inpaint: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Use flow, navier_stokes or none, instead of the inpainter of the profile.",
        ),
    ] = None,
    recover: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Use osx, osx-smooth or blazepose_fit, instead of the recovery of the profile.",
        ),
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="WxH|keep", help="Size of the result in pixels.")
    ] = "432x240",
    report: Annotated[
        Path | None, typer.Option(metavar="R.json", help="Write verdict, checks and timings here.")
    ] = None,
    inspect: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a contact sheet and a side-by-side video here."),
    ] = None,
    keep_quarantined: Annotated[
        bool,
        typer.Option(
            "--keep-quarantined", help="Write a quarantined clip too, under another name."
        ),
    ] = False,
) -> None:
    """Replace the people in one clip.

    The result is checked, and released or quarantined.
    Exit codes: 0 released, 3 quarantined, 2 bad input or usage, 1 our own failure.
    """
    frame_size = parse_size(size)
    from toolkit.anonymize import anonymize as anonymize_clip
    from toolkit.progress import show_stages

    with show_stages() as progress:
        result = anonymize_clip(
            source,
            out,
            profile=profile,
            mask=mask,
            inpaint=inpaint,
            recover=recover,
            size=frame_size,
            report=report,
            inspect=inspect,
            keep_quarantined=keep_quarantined,
            progress=progress,
        )
    for name, check in result.checks.items():
        if check.value is None:
            typer.echo(f"failed check {name}: it could not run")
        elif not check.passed:
            what = "failed check" if check.blocks else "warning"
            typer.echo(
                f"{what} {name}: {check.value:.3g} in frame {check.worst_frame}, "
                f"limit {check.limit:g}"
            )
    typer.echo(f"{result.verdict}: {result.out or 'no clip written'}")
    if result.verdict != "released":
        raise typer.Exit(EXIT_QUARANTINED)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Show what this machine has or lacks.

    Each thing that is missing comes with the command that mends it.
    """
    from toolkit.doctor import examine, print_findings

    findings = examine()
    print_findings(findings, as_json=as_json)
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(EXIT_FAILURE)


app.command()(release_cli.audit)
app.command()(release_cli.licences)
app.command()(hub_cli.verify)
app.command()(hub_cli.download)
app.command()(hub_cli.publish)
app.command()(hub_cli.withdraw)
app.command()(takedown_cli.takedown)
release_cli.app.command("signing-key")(hub_cli.make_signing_key)
app.add_typer(release_cli.app, name="release")


def parse_size(text: str) -> tuple[int, int] | None:
    """Return (width, height) in pixels, or None for "keep".

    Raises:
        InputError: the text is neither, or a side is not an even positive number (H.264 stores
            colour at half size).
    """
    if text == "keep":
        return None
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    width, height = (int(side) for side in match.groups()) if match else (0, 0)
    if not width or not height or width % 2 or height % 2:
        raise InputError(
            f"--size must be 'keep' or WIDTHxHEIGHT with even sides, got '{text}': "
            "try --size 432x240"
        )
    return width, height


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``m2m`` and leave the process with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words or bool(os.environ.get("M2M_DEBUG"))
    sys.exit(_run([word for word in words if word != "--debug"], debug=debug))


def _run(words: list[str], *, debug: bool) -> int:
    try:
        code = app(words, prog_name="m2m", standalone_mode=False)
    except typer.TyperException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", "m2m")
        message = error.format_message() or "Missing command."
        line = f"error: {message} Run '{command} --help'."
        return _fail(line, error, debug=debug)
    except ToolkitError as error:
        return _fail(f"error: {error}", error, debug=debug)
    except Exception as error:  # noqa: BLE001 - the last line of defence against a raw trace
        kind = f"{type(error).__name__}: {error}".splitlines()[0]
        return _fail(f"internal error ({kind}): run again with --debug", error, debug=debug)
    if code == EXIT_INTERRUPTED:
        typer.echo("m2m: interrupted", err=True)
    return int(code or 0)


def _fail(line: str, error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    typer.echo(f"m2m: {line}", err=True)
    return int(getattr(error, "exit_code", EXIT_FAILURE))
