"""The commands ``m2m audit``, ``m2m licences`` and ``m2m release key``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.errors import InputError

if TYPE_CHECKING:
    from toolkit.progress import StartStage
    from toolkit.release.findings import Audit
    from toolkit.release.pseudonyms import Pseudonyms
    from toolkit.stages.project import Project

EXIT_FINDINGS = 4

app = typer.Typer(no_args_is_help=True, help="Keys of releases.")


@app.command("key")
def make_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The key of the published ids.")],
    check: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Make none: tell whether it is the key of this release."),
    ] = None,
    project: Annotated[
        Path, typer.Option(metavar="PROJECT", help="For --check: the folder where it was built.")
    ] = Path(),
) -> None:
    """Make the key that published ids rest on, which only you may read.

    Keep it, and keep it out of git: without it nobody can tell which clip an id stands for.
    """
    from toolkit.release import key

    if check is None:
        key.make_key(file)
        typer.echo(f"{file} is the key: keep a copy, and show it to nobody")
        return
    from toolkit.stages.project import Project

    num_found, num_clips = key.check_key(file, check, Project.open(project).sources_table)
    typer.echo(f"{file} is the key of {check}: it has {num_found} of {num_clips} clips")


def licences(
    profile: Annotated[
        str, typer.Option(help="The set of backends that does the work.")
    ] = "offline",
) -> None:
    """Show what code, weights and rendered video of a profile may be used for, and why.

    The videos that are put in have terms of their own, which come on top.
    """
    from toolkit.licences import default_body, describe, list_components, solve

    components = list_components(profile, default_body(profile))
    for part in components:
        typer.echo(f"{part.name:<34}{part.kind:<9}{part.licence}")
    for answer in solve(components):
        deciding = ", ".join(f"{part.name} ({part.licence})" for part in answer.decided_by)
        because = f", because of {deciding}" if deciding else ""
        typer.echo(f"{answer.subject}: {describe(answer.allows)}{because}")
    typer.echo("That is before the terms of the source videos, and is no legal advice.")


def audit(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a release.")],
    clip_id: Annotated[
        str | None,
        typer.Argument(
            metavar="CLIP_ID", help="Check and show one clip only, by its published id."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not tables.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Write a page that shows the audit.")
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(
            metavar="PROJECT", help="Compare the source files too: the folder where it was built."
        ),
    ] = None,
    rebuild: Annotated[
        int | None,
        typer.Option(
            metavar="K", min=1, help="Make K of the clips again from their source; needs --project."
        ),
    ] = None,
) -> None:
    """Check a release: every digest is computed again, and every clip accounted for.

    Exit codes: 0 nothing found, 4 something found, 2 bad input or usage, 1 our own failure.
    """
    if rebuild and project is None:
        raise InputError("--rebuild needs the sources: name with --project where it was built")
    from rich.console import Console

    from toolkit.files import check_out
    from toolkit.progress import show_stages
    from toolkit.release.audit import audit as audit_release
    from toolkit.release.report import make_json, print_audit, write_page

    if html is not None:
        check_out(html)
        if html.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{html} would be an extra file of the release: write it elsewhere")
    built = _open_project(project) if project else None
    with show_stages("done") as start_stage:
        done = audit_release(folder, clip_id, start_stage)
        if built and done.rows:
            done = _audit_sources(done, folder, *built, clip_id, start_stage)
        if built and done.name and rebuild:  # a release without a name is a finding already
            from toolkit.stages.rebuild import audit_rebuilt  # loads all that makes clips

            done = audit_rebuilt(done, built[0], rebuild, start_stage)
    if html is not None:
        write_page(done, clip_id, html)
    if as_json:
        typer.echo(make_json(done))
    else:
        print_audit(done, clip_id, Console())
    if not done.ok:
        raise typer.Exit(EXIT_FINDINGS)


def _open_project(root: Path) -> "tuple[Project, Pseudonyms]":
    """Return a project and its key: what is wrong with them is told before anything takes long."""
    from toolkit.release.pseudonyms import Pseudonyms
    from toolkit.stages.project import Project

    project = Project.open(root)
    return project, Pseudonyms.from_file(project.key_file)


def _audit_sources(
    done: "Audit",
    folder: Path,
    project: "Project",
    pseudonyms: "Pseudonyms",
    clip_id: str | None,
    start_stage: "StartStage",
) -> "Audit":
    """Add what the source files of the clips tell."""
    from toolkit.release.audit_sources import audit_sources
    from toolkit.release.findings import sort_findings

    table, root = project.sources_table, project.source
    found = audit_sources(folder, table, root, pseudonyms, clip_id, start_stage)
    return replace(done, findings=sort_findings((*done.findings, *found)), has_sources=True)
