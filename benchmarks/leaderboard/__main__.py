"""The command ``python -m benchmarks.leaderboard``: entries handed in, checked, and shown."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.leaderboard.build import build
from benchmarks.leaderboard.datasets import add_dataset, describe_dataset, read_datasets
from benchmarks.leaderboard.entries import read_board, submit
from benchmarks.leaderboard.ranking import rank_entries
from toolkit.errors import ToolkitError
from toolkit.registry import Registry

app = typer.Typer(no_args_is_help=True, add_completion=False)

BoardOption = Annotated[Path, typer.Option("--board", metavar="DIR", help="The board's folder.")]
BOARD = Path("leaderboard")


@app.command()
def dataset(
    dataset_id: Annotated[
        str, typer.Argument(metavar="NAME@vX.Y.Z", help="The release, with ORG/ if on the Hub.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the release.")],
    board: BoardOption = BOARD,
    registry: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The project where the version must be registered."),
    ] = None,
    reviews: Annotated[
        Path, typer.Option(metavar="DIR", help="What people saw (m2m review).")
    ] = Path("validation/reviews"),
    attack: Annotated[
        Path | None, typer.Option(metavar="F", help="JSON of an attack (m2m privacy attack).")
    ] = None,
    shows_people: Annotated[
        bool, typer.Option("--shows-people", help="Its clips show the people filmed.")
    ] = False,
) -> None:
    """Tell a board of a version of a release: its digest, and what is known of its privacy."""
    found = describe_dataset(
        dataset_id, folder, reviews=reviews, attack=attack, shows_people=shows_people
    )
    if registry:
        known = Registry(registry)
        known.check_content(found.name, known.find_version(found.name, f"v{found.version}").tag)
    add_dataset(board, found)
    bound = f"at most {found.privacy.bound:.2%} show somebody" if found.privacy else "not measured"
    print(f"{found.key}: {found.digest}, privacy: {bound}")


@app.command("submit")
def submit_entries(
    results: Annotated[Path, typer.Argument(metavar="DIR", help="With results.json files in it.")],
    board: BoardOption = BOARD,
) -> None:
    """Check all results in a folder, and copy them to the board; all or nothing."""
    for entry in submit(results, board, read_datasets(board)):
        print(f"{entry.name}: {sum(map(len, entry.runs.values()))} results")


@app.command()
def check(board: BoardOption = BOARD) -> None:
    """Check every entry of the board again."""
    entries = read_board(board, read_datasets(board))
    print(f"{board}: {len(entries)} entries, all as they must be")


@app.command("build")
def build_pages(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
    board: BoardOption = BOARD,
) -> None:
    """Check the board, and write index.html, leaderboard.md and .eval_results/*.yaml."""
    datasets = read_datasets(board)
    for path in build(rank_entries(read_board(board, datasets), datasets), out):
        print(path)


if __name__ == "__main__":
    try:
        app()
    except ToolkitError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
