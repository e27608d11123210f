"""The command ``python -m benchmarks.stages``."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.stages.evaluate import evaluate, find_clips
from benchmarks.stages.summary import summarise, table
from toolkit import __version__
from toolkit.errors import ToolkitError
from toolkit.files import check_out, write_output
from toolkit.progress import StartStage, show_stages

WORK = Path("work/stages")
NUM_CLASSES = 16


def main(
    profile: Annotated[
        str, typer.Option(help="The profile whose stages are measured.")
    ] = "offline",
    clips: Annotated[int, typer.Option(min=1, help="How many clips of actors to generate.")] = 48,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other clips.")] = 1000,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Read the clips of this tree instead of generating any."),
    ] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="F", help="Write what was found here.")
    ] = None,
    baseline: Annotated[
        bool, typer.Option(help="Measure the paper's per-frame recipe on the same clips too.")
    ] = True,
) -> None:
    """Measure every stage on actors whose truth is known.

    Clips and results are kept in work/stages: a run that was stopped goes on when it is run again.
    """
    if json_out:
        check_out(json_out)
    with show_stages("clips") as start:
        found = find_clips(data or _generate(clips, seed, start))
        results = {
            name: summarise(
                evaluate(
                    found,
                    profile,
                    WORK / "results",
                    is_baseline=name == "baseline",
                    progress=start(name, len(found)),
                )
            )
            for name in (profile, *(["baseline"] if baseline else []))
        }
    settings = {"profile": profile, "clips": len(found), "version": __version__}
    if not data:
        settings["seed"] = seed
    result = {**results.pop(profile), **results, "settings": settings}
    Console(width=None if sys.stdout.isatty() else 120).print(table(result))
    if json_out:
        with write_output(json_out) as partial:
            partial.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def _generate(clips: int, seed: int, start: StartStage) -> Path:
    from toolkit.actors.tree import TreeConfig, generate_tree

    config = TreeConfig(clips, min(clips, NUM_CLASSES), seed)
    folder = WORK / f"clips-{config.clips}-{config.classes}-{config.seed}"
    generate_tree(folder, config, start("actors", clips))
    return folder


if __name__ == "__main__":
    try:
        typer.run(main)
    except ToolkitError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
