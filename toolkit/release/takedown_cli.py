"""The command ``m2m takedown``."""

import re
from pathlib import Path
from typing import Annotated

import typer

from toolkit.errors import InputError
from toolkit.release.cli import EXIT_FINDINGS

NEXT = """next:
  git add validation/takedowns.csv params.yaml && git commit -m "Take down"
  dvc repro && git add dvc.lock && git commit -m "Build without it"
  m2m takedown --check
  m2m registry register RELEASE VERSION, m2m publish, and m2m takedown --purge REPO"""


def takedown(
    youtube_id: Annotated[
        str, typer.Option(metavar="ID", help="Take down every clip of this video.")
    ] = "",
    clip_id: Annotated[
        str, typer.Option(metavar="ID", help="Take down one clip, by its own or a published id.")
    ] = "",
    reason: Annotated[
        str, typer.Option(metavar="CODE", help="request, rights, law or error; everybody reads it.")
    ] = "request",
    date: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="When it was asked for; kept in the list.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only look for what is left of clips taken down before."),
    ] = False,
    purge: Annotated[
        str,
        typer.Option(
            metavar="REPO",
            help="Only remove from the Hub, for good, what it has of clips taken down before.",
        ),
    ] = "",
) -> None:
    """Take a clip out of a project, its releases and their versions; run in the project.

    The list validation/takedowns.csv, which names nobody, keeps it out of every build from then on.
    Releases that had it get their next MAJOR version in params.yaml, versions that have it are
    withdrawn, and what holds it in work/, release/ and DVC's cache is removed; your source files
    stay. Where it stops, the same command goes on.
    --purge is for when the version without it is published. It deletes withdrawn versions that have
    it on the Hub, then every large file of no version there, and cannot be undone.
    Exit codes: 0 done, or nothing left; 4 --check found something; 2 bad input or usage.
    """
    from toolkit.release.takedown_list import REASONS

    if bool(youtube_id) + bool(clip_id) + check + bool(purge) != 1:
        raise InputError("m2m takedown needs one of --youtube-id, --clip-id, --check and --purge")
    if reason not in REASONS:
        raise InputError(f"--reason is one of {', '.join(REASONS)}, got {reason!a}")
    if date and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date):
        raise InputError(f"--date is YYYY-MM-DD, got {date!a}")
    try:
        import toolkit.registry  # noqa: F401
        from toolkit.release import takedown as taking
    except ImportError as error:
        raise InputError(
            f"takedown needs {error.name}: pip install 'm2m-toolkit[pipeline]'"
        ) from error
    if purge:
        from toolkit.release.purge import purge as purge_hub

        purge_hub(Path.cwd(), purge, typer.echo, dry_run=dry_run)
        return
    if check:
        _show_left()
        return
    request = taking.Request(youtube_id, clip_id, reason, date)
    taking.take_down(Path.cwd(), request, typer.echo, dry_run=dry_run)
    if not dry_run:
        typer.echo(NEXT)


def _show_left() -> None:
    from toolkit.release import takedown as taking

    done = taking.check(Path.cwd())
    for place in done.unreachable:
        typer.echo(f"not looked into: {place}")
    for path in done.left:
        typer.echo(f"still tells of a clip that was taken down: {path}")
    if done.left:
        raise typer.Exit(EXIT_FINDINGS)
    typer.echo(f"clips taken down: {done.num_clips}; nothing is left of them where it was looked")
