"""The commands ``m2m knexus``: which classes a project keeps, and what that does to its bias."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Choose classes, and tell how biased they are.", no_args_is_help=True)


@app.command()
def report(
    project: Annotated[
        Path,
        typer.Argument(metavar="[PROJECT]", help="A project folder whose source was ingested."),
    ] = Path(),
    k: Annotated[
        list[int] | None,
        typer.Option(
            "--k", help="How many classes; may be repeated. By default classes.k, or half of all."
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="May be repeated; by default every method."),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="With how many seeds, from classes.seed on.")
    ] = 3,
    classes_from: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A list to compare with: CSV with a column label, such as the paper's, a "
            "classes.json, or a label a line.",
        ),
    ] = None,
    probe: Annotated[
        bool, typer.Option("--probe/--no-probe", help="Fit linear probes: most of the work.")
    ] = True,
    out: Annotated[Path | None, typer.Option(metavar="OUT.html", help="Write a page.")] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="F.json", help="Write all figures here.")
    ] = None,
) -> None:
    """Compare the methods of choice on the videos of a project.

    Videos are embedded as far as they are not yet. Nothing of the build changes.
    """
    from toolkit.files import check_out, write_output
    from toolkit.knexus.page import write_page
    from toolkit.knexus.report import make_json, make_lines
    from toolkit.progress import show_stages
    from toolkit.stages.class_report import report_classes
    from toolkit.stages.project import Project

    for file in (out, json):
        if file is not None:
            check_out(file)
    opened = Project.open(project)
    with show_stages("clips") as start_stage:
        found = report_classes(
            opened,
            start_stage,
            ks=tuple(k or ()),
            methods=tuple(method or ()),
            num_seeds=seeds,
            classes_from=classes_from,
            probe=probe,
        )
    if out is not None:
        write_page(found, out)
    if json is not None:
        with write_output(json) as partial:
            partial.write_text(make_json(found), "utf-8")
    for line in make_lines(found):
        typer.echo(line)


@app.command("lists")
def compare(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Lists of classes: CSV with a column label, classes.json, text."
        ),
    ],
) -> None:
    """Tell what lists of classes have in common, and warn where two are taken for one.

    Two different Kinetics-150 exist: a benchmark that mixes them compares nothing.
    """
    from toolkit.knexus.lists import (
        compare_lists,
        digest_labels,
        find_mixed,
        name_list,
        read_labels,
    )

    lists = {str(file): read_labels(file) for file in files}
    for name, labels in lists.items():
        known = name_list(labels)
        typer.echo(
            f"{name}: {len(labels)} classes, sha256 {digest_labels(labels)}"
            f"{f', {known}' if known else ''}"
        )
    for pair in compare_lists(lists):
        typer.echo(f"{pair.one} and {pair.other}: {pair.num_both} classes in both")
    for line in find_mixed(lists):
        typer.echo(f"warning {line}")
