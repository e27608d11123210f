"""The commands ``m2m registry list | show | register | diff``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.errors import InputError

if TYPE_CHECKING:
    from toolkit.registry import Registry, Version
    from toolkit.versions import Difference

MAX_CLIPS_SHOWN = 20

app = typer.Typer(no_args_is_help=True, help="Versions of the releases of this repository.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="An artifact of dvc.yaml.")]


@app.command("list")
def list_releases() -> None:
    """Show every release, its newest version and all its versions; withdrawn ones are marked."""
    from rich.console import Console
    from rich.table import Table

    from toolkit.versions import format_number

    table = Table("release", "path", "newest", "versions", box=None)
    for release in _open().releases.values():
        versions = [
            format_number(version.number) + (" (withdrawn)" if version.withdrawn else "")
            for version in release.versions
        ]
        newest = format_number(release.newest.number) if release.newest else "-"
        name = release.name + (" (withdrawn)" if release.withdrawn else "")
        table.add_row(name, release.path, newest, ", ".join(versions) or "none registered")
    Console(soft_wrap=True).print(table)


@app.command()
def show(
    release: Annotated[
        str,
        typer.Argument(metavar="NAME[@VERSION]", help="Without a version, the newest that stands."),
    ],
) -> None:
    """Show where one version is and what it holds, and what its provenance counts."""
    registry = _open()
    name, _, number = release.partition("@")
    version = registry.find_version(name, number or None)
    content = registry.read_content(name, version.tag)
    facts = {
        "version": version.tag + (" (withdrawn)" if version.withdrawn else ""),
        "commit": version.commit,
        "path": content.path,
        "md5": content.md5,
        "files": content.num_files,
        "size": f"{content.size_bytes} bytes",
        "clips": _describe_counts(registry, version),
    }
    for what, value in facts.items():
        typer.echo(f"{what:<9}{value}")


@app.command()
def register(
    name: Name,
    version: Annotated[str, typer.Argument(metavar="vX.Y.Z", help="Higher than the last version.")],
) -> None:
    """Make the commit that is checked out a version of a release.

    The step from the last version must say what happened to its clips. MAJOR: some were removed or
    changed. MINOR: some were added. PATCH: neither. Everything must be committed, and the release
    must be what dvc.lock says.
    """
    registered = _open().register(name, version)
    typer.echo(f"{registered.tag} is commit {registered.commit[:12]}")
    typer.echo(f"let others have it:  dvc push && git push origin {registered.tag}")


@app.command()
def diff(
    name: Name,
    before: Annotated[str, typer.Argument(metavar="V1", help="The earlier version, vX.Y.Z.")],
    after: Annotated[str, typer.Argument(metavar="V2", help="The later version.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Show what became of the clips and parameters of a release from V1 to V2."""
    registry = _open()
    tags = [registry.find_version(name, number).tag for number in (before, after)]
    difference = registry.compare(name, *tags)
    if as_json:
        from dataclasses import asdict

        typer.echo(json.dumps({**asdict(difference), "step": difference.step}, indent=1))
    else:
        _print_difference(difference)


def _open() -> "Registry":
    try:
        from toolkit.registry import Registry

        return Registry(Path.cwd())
    except ImportError as error:
        raise InputError(
            f"the registry needs {error.name}: pip install 'm2m-toolkit[pipeline]'"
        ) from error


def _describe_counts(registry: "Registry", version: "Version") -> str:
    try:
        statement = registry.read_statement(version.name, version.tag)
    except InputError as error:
        return f"not known: {error}"
    if statement is None:
        return "not known: it has no provenance"
    return ", ".join(f"{number} {status}" for status, number in statement["counts"].items())


def _print_difference(difference: "Difference") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("what", "number", "which", box=None)
    for what in ("added", "removed", "changed"):
        clips = getattr(difference, what)
        table.add_row(what, str(len(clips)), escape(_shorten(list(clips))))
    moved = [f"{clip} ({old} → {new})" for clip, (old, new) in difference.moved.items()]
    table.add_row("verdict moved", str(len(moved)), escape(_shorten(moved)))
    if difference.params is None:
        table.add_row("parameters", "?", "not known: a version has no provenance")
    else:
        params = [
            f"{key}: {_show(old)} → {_show(new)}" for key, (old, new) in difference.params.items()
        ]
        table.add_row("parameters", str(len(params)), escape("\n".join(params)))
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"That is a {difference.step} step.")


def _shorten(entries: list[str]) -> str:
    more = len(entries) - MAX_CLIPS_SHOWN
    end = [f"and {more} more: --json shows all"] if more > 0 else []
    return "\n".join(entries[:MAX_CLIPS_SHOWN] + end)


def _show(value: Any) -> str:  # noqa: ANN401 - JSON
    return "-" if value is None else json.dumps(value)
