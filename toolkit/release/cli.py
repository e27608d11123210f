"""The command line ``m2m audit``."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from toolkit.errors import InputError

EXIT_FINDINGS = 4


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
    source: Annotated[
        Path | None,
        typer.Option(metavar="ROOT", help="Compare the source files too; needs --table and --key."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(metavar="SOURCES.parquet", help="Which source files the clips came from."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The key of the published ids.")
    ] = None,
) -> None:
    """Check a release: every digest is computed again, and every clip accounted for.

    Exit codes: 0 nothing found, 4 something found, 2 bad input or usage, 1 our own failure.
    """
    if len({source is None, table is None, key is None}) > 1:
        raise InputError("--source, --table and --key go together: give all three, or none")
    from rich.console import Console

    from toolkit.files import check_out
    from toolkit.progress import show_stages
    from toolkit.release.audit import audit as audit_release
    from toolkit.release.audit import audit_sources
    from toolkit.release.findings import sort_findings
    from toolkit.release.pseudonyms import Pseudonyms
    from toolkit.release.report import make_json, print_audit, write_page

    if html is not None:
        check_out(html)
        if html.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{html} would be an extra file of the release: write it elsewhere")
    pseudonyms = Pseudonyms.from_file(key) if key else None
    with show_stages("done") as start_stage:
        done = audit_release(folder, clip_id, start_stage)
        if source and table and pseudonyms and done.rows:
            found = audit_sources(folder, table, source, pseudonyms, clip_id, start_stage)
            findings = sort_findings((*done.findings, *found))
            done = replace(done, findings=findings, has_sources=True)
    if html is not None:
        write_page(done, clip_id, html)
    if as_json:
        typer.echo(make_json(done))
    else:
        print_audit(done, clip_id, Console())
    if not done.ok:
        raise typer.Exit(EXIT_FINDINGS)
