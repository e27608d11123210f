"""The commands ``m2m review``: people look at clips, and what they saw counts."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.manifest import ManifestRow
    from toolkit.review.media import Built

app = typer.Typer(help="Look at clips of a release, and count what was seen.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a release.")]
Picks = Annotated[Path, typer.Argument(metavar="SAMPLE.csv", help="As review sample writes it.")]
ProjectRoot = Annotated[
    Path | None,
    typer.Option("--project", metavar="PROJECT", help="The folder where the release was built."),
]
Reviews = Annotated[
    Path, typer.Option(metavar="FOLDER", help="Where verdicts are kept, by release and version.")
]
Version = Annotated[str, typer.Option(metavar="VERSION", help="Of the release.")]


class Format(StrEnum):
    """Tools that a sample can be exported to."""

    FIFTYONE = "fiftyone"
    LABEL_STUDIO = "label-studio"


@app.command()
def sample(
    folder: Folder,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    per_class: Annotated[int, typer.Option(min=0, help="Released clips of each class.")] = 5,
    nearest: Annotated[
        int, typer.Option(min=0, help="Released clips besides, nearest below a limit.")
    ] = 20,
    quarantined: Annotated[
        int, typer.Option(min=0, help="Quarantined clips; shown from the project only.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice.")] = 0,
) -> None:
    """Choose clips for somebody to look at."""
    from toolkit.files import check_out
    from toolkit.review.sample import pick_clips, write_picks

    check_out(out)
    _, rows = _read_release(folder)
    picks = pick_clips(
        rows, per_class=per_class, nearest=nearest, quarantined=quarantined, seed=seed
    )
    if not picks:
        raise InputError(f"{folder}: has no clip to look at: nothing was released")
    write_picks(picks, out)
    typer.echo(f"{out}: {len(picks)} clips")


@app.command()
def page(
    folder: Folder,
    picks: Picks,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
    project: ProjectRoot = None,
    with_source: Annotated[
        bool, typer.Option("--with-source", help="Show the people filmed beside the result.")
    ] = False,
) -> None:
    """Write a page to look at clips on; open its index.html in a browser.

    With --project it shows masks too.
    """
    from toolkit.progress import show_stages
    from toolkit.review.page import write_review_page
    from toolkit.review.sample import read_picks

    name, rows = _read_release(folder)
    chosen = read_picks(picks)
    built = _open_built(project, name)
    if with_source:
        typer.secho(
            f"{out} will show the people filmed: do not copy it, and delete it when you have "
            "finished",
            fg="red",
            err=True,
        )
    with show_stages("clips") as start_stage:
        advance = start_stage("videos", len(chosen))
        write_review_page(
            folder, rows, chosen, out, built, advance, name=name, with_source=with_source
        )
    typer.echo(f"{out / 'index.html'}: {len(chosen)} clips")


@app.command()
def record(
    folder: Folder,
    verdicts: Annotated[
        list[Path], typer.Argument(metavar="VERDICTS.csv...", help="Exported from the page.")
    ],
    version: Version,
    reviews: Reviews = Path("validation/reviews"),
) -> None:
    """Keep verdicts with the version of the release that was looked at."""
    from toolkit.review.verdicts import decide, merge_verdicts, read_verdicts, write_verdicts

    name, rows = _read_release(folder)
    known = {row.clip_id: row.sample_sha256 for row in rows}
    kept = _find_reviews(reviews, name, version)
    merged = read_verdicts(kept) if kept.exists() else []
    for path in verdicts:
        merged = merge_verdicts(merged, read_verdicts(path, known))
    write_verdicts(merged, kept)
    decided, undecided = decide(merged)
    typer.echo(f"{kept}: {len(decided)} clips decided, {len(undecided)} undecided")
    for clip_id in undecided:
        typer.echo(f"two people disagree: {clip_id}")


@app.command()
def report(
    folder: Folder,
    version: Version,
    reviews: Reviews = Path("validation/reviews"),
    html: Annotated[Path | None, typer.Option(metavar="OUT.html", help="Write a page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a review found: how often somebody is visible, and what the checks missed."""
    from toolkit.files import check_out
    from toolkit.review.report import make_json, make_lines, make_report, write_page
    from toolkit.review.verdicts import read_verdicts

    if html is not None:
        check_out(html)
    name, rows = _read_release(folder)
    made = make_report(name, rows, read_verdicts(_find_reviews(reviews, name, version)))
    if html is not None:
        write_page(made, html)
    if as_json:
        typer.echo(make_json(made), nl=False)
        return
    for what, much in make_lines(made):
        typer.echo(f"{what:<28} {much}")


@app.command()
def export(
    folder: Folder,
    picks: Picks,
    form: Annotated[Format, typer.Option("--format", help="The tool.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
    project: ProjectRoot = None,
) -> None:
    """Write a sample as a task of another tool, with the videos of the result."""
    from toolkit.files import make_folder, write_output
    from toolkit.review.export import to_fiftyone, to_label_studio
    from toolkit.review.media import RESULT, find_rows, make_media
    from toolkit.review.sample import read_picks

    name, rows = _read_release(folder)
    chosen, built = read_picks(picks), _open_built(project, name)
    make_folder(out / "data")
    videos = {}
    for row in find_rows(rows, [pick.clip_id for pick in chosen]):
        videos[row.clip_id] = f"data/{row.clip_id}.mp4"
        made = dict(make_media(folder, row, built, with_source=False))
        with write_output(out / videos[row.clip_id]) as partial:
            partial.write_bytes(made[RESULT])
    if form == Format.FIFTYONE:
        files = to_fiftyone(name, chosen, videos)
    else:
        files = to_label_studio(chosen, videos)
    for file, text in files.items():
        with write_output(out / file) as partial:
            partial.write_text(text, "utf-8")
        typer.echo(str(out / file))


def _read_release(folder: Path) -> "tuple[str, Sequence[ManifestRow]]":
    """Return a release's name and its clips."""
    from toolkit.manifest import read_manifest
    from toolkit.release.provenance import MANIFEST, read_statement, release_name

    if not (folder / MANIFEST).is_file():
        raise InputError(f"{folder}: is no release (no {MANIFEST}): name the folder of one")
    return release_name(read_statement(folder)), read_manifest(folder / MANIFEST)


def _open_built(root: Path | None, release: str) -> "Built | None":
    from toolkit.review.media import Built

    return Built.open(root, release) if root else None


def _find_reviews(reviews: Path, release: str, version: str) -> Path:
    from toolkit.versions import format_number, parse_number

    return reviews / release / f"{format_number(parse_number(version))}.csv"
