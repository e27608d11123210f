"""The commands ``m2m models list | fetch | import | verify``."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.errors import ModelError

if TYPE_CHECKING:
    from toolkit.models import Model, Progress

app = typer.Typer(no_args_is_help=True, help="Get and check the weights that the profiles need.")

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", show_default=False)]


@app.command("list")
def list_models() -> None:
    """Show every registered model: carrier, licence, profiles, size, sha256, what it is for."""
    from toolkit import models

    registry = models.load_registry().values()
    for heading, group in groupby(registry, key=_heading):
        typer.echo(heading)
        for model in group:
            typer.echo(f"  {_describe(model)}")
    typer.echo(f"cache: {models.cache_dir()}")


@app.command()
def fetch(
    names: Names = None,
    profile: Annotated[
        str | None,
        typer.Option(help="Fetch what this profile needs; offline where no NAME is given."),
    ] = None,
    trust_unpinned: Annotated[
        bool,
        typer.Option(
            "--trust-unpinned", help="Accept a file without a published sha256, and pin it here."
        ),
    ] = False,
) -> None:
    """Bring weights into the cache and verify them; what is there already is left alone."""
    from toolkit import models

    wanted = list(names or [])
    if profile or not wanted:
        wanted += models.names_of_profile(profile or "offline")
    with _show_progress(len(set(wanted))) as progress:
        paths = models.fetch(wanted, progress, trust_unpinned=trust_unpinned)
    typer.echo(f"{len(set(paths))} models are ready in {models.cache_dir()}")


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A file of weights that you downloaded.")],
    name: Annotated[
        str | None, typer.Option(help="Which model it is; told by its file name if not given.")
    ] = None,
    origin: Annotated[
        str,
        typer.Option(
            help="Where the weights come from, in your words: 'authors' drive, May 2026', 'own, "
            "fine-tuned on X'. Goes into the provenance of releases; no clip is released that was "
            "made with weights which are not known to be official and of which you say nothing.",
        ),
    ] = "",
) -> None:
    """Check a file that you downloaded by hand, and copy it into the cache."""
    from toolkit import models

    model = models.import_file(file, name, origin)
    typer.echo(f"{model.name} is ready ({model.licence}): {models.locate(model.name)}")
    if models.origin_of(model.name) is None:
        typer.echo(
            "Nobody says where these weights come from, so no clip that is made with them is "
            "released: if you know, import them again with --origin TEXT"
        )


@app.command()
def verify(names: Names = None) -> None:
    """Hash cached weights again: those named, or all. Exit code 2 if one is not as registered."""
    from toolkit import models

    wanted = names or [name for name in models.load_registry() if models.is_cached(name)]
    problems = {name: models.check(name) for name in wanted}
    for name, problem in problems.items():
        typer.echo(f"FAILED  {problem}" if problem else f"ok      {_verified(models.find(name))}")
    failed = [name for name, problem in problems.items() if problem]
    if failed or not wanted:
        what = f"{len(failed)} of {len(wanted)} models failed" if failed else "no weights here"
        raise ModelError(f"{what}: run  m2m models fetch {' '.join(failed)}".rstrip())


def _heading(model: "Model") -> str:
    profiles = ", ".join(model.profiles) or "no profile"
    return f"{model.carrier.kind} {model.carrier.ref}  ({model.licence}; {profiles})"


def _describe(model: "Model") -> str:
    from toolkit import models

    size = f"{model.size / 1e6:.1f} MB" if model.size else "? MB"
    sha256 = model.sha256[:12] if model.sha256 else "unpinned"
    state = "cached" if models.is_cached(model.name) else "-"
    return f"{model.name:<34}{size:>8}  {sha256:<12}  {state:<6}  {model.purpose}"


def _verified(model: "Model") -> str:
    from toolkit import models

    origin = models.origin_of(model.name) or "of unknown origin"
    note = "" if model.sha256 else f"  (unpinned: the same file as when it was fetched; {origin})"
    return f"{model.name:<34}{models.sha256_of(model.name)}{note}"


@contextmanager
def _show_progress(num_models: int) -> Iterator["Progress"]:
    """Draw a bar on stderr; where stderr is no terminal, print a line for each step."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    console = Console(stderr=True, soft_wrap=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("", total=num_models)

        def show(what: str, num_ready: int) -> None:
            bars.update(task, description=what, completed=num_ready)
            if what and not console.is_terminal:
                console.print(what, highlight=False)

        yield show
