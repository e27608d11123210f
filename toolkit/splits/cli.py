"""The command line ``m2m splits``."""

from pathlib import Path
from typing import Annotated

import typer

from toolkit.errors import InputError

EXIT_FINDINGS = 4

app = typer.Typer(
    help="Lists of clips and labels, and what is wrong with them.", no_args_is_help=True
)


@app.callback()
def splits() -> None:
    """Lists of clips and labels, and what is wrong with them."""


@app.command()
def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="Label files; those of one folder are splits of one data set."
        ),
    ],
    json: Annotated[
        Path | None, typer.Option(metavar="F.json", help="Write all that was found here too.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.parquet", help="Write the clips as one table, where there is no error."
        ),
    ] = None,
) -> None:
    """Check lists of clips and labels: how they are written, overlap, leaks, classes, counts.

    Exit codes: 0 no error found, 4 an error found, 2 bad input or usage, 1 our own failure.
    """
    from rich.console import Console

    from toolkit.files import write_output
    from toolkit.splits.check import check_splits
    from toolkit.splits.report import make_json, print_report
    from toolkit.splits.table import write_table

    _check_outs(files, [out for out in (json, to) if out])
    sets = check_splits(files)
    ok = all(checked.ok for checked in sets)
    print_report(sets, Console())
    if json is not None:
        with write_output(json) as partial:
            partial.write_text(make_json(sets), "utf-8")
    if to is not None and ok:
        write_table(sets, to)
        typer.echo(to)
    elif to is not None:
        typer.echo(f"not written, because of the errors: {to}")
    if not ok:
        raise typer.Exit(EXIT_FINDINGS)


def _check_outs(files: list[Path], outs: list[Path]) -> None:
    """Check before any work that ``outs`` can be written, and are none of the files."""
    from toolkit.files import check_out

    taken = {file.resolve() for file in files}
    for out in outs:
        check_out(out)
        if out.resolve() in taken:
            raise InputError(f"{out} is one of the files, or written twice: name another file")
        taken.add(out.resolve())
