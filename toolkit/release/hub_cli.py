"""The commands ``m2m publish | withdraw | download | verify`` and ``m2m release signing-key``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.errors import InputError
from toolkit.release.cli import EXIT_FINDINGS

if TYPE_CHECKING:
    from toolkit.release.findings import Audit

Repo = Annotated[str, typer.Argument(metavar="REPO", help="ORG/NAME on the Hub.")]
PrivateKey = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="Sign with this key of m2m release signing-key."),
]
PublicKey = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="It must be signed with the key that this belongs to."),
]


def make_signing_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes.")],
) -> None:
    """Make a key pair to sign releases with: FILE, which only you may read, and FILE.pub."""
    from toolkit.release.sign import make_signing_key

    public = make_signing_key(file)
    typer.echo(f"{file} signs: keep it to yourself, and keep a copy")
    typer.echo(f"{public} checks: give it to others, not only by the release itself")


def publish(
    release: Annotated[
        str, typer.Argument(metavar="RELEASE@VERSION", help="A registered version, to be shown.")
    ],
    repo: Repo,
    key: PrivateKey = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and show what would be done, and do nothing.")
    ] = False,
) -> None:
    """Put a registered version of a release on the Hub; run in its project.

    It must be audited without a finding, and the gate must have passed it. Files go to a branch,
    are compared there, and reach main in one commit, which gets the tag VERSION. Where it stops,
    the same command goes on. A repository that is not there is made, and is private.
    """
    name, _, number = release.partition("@")
    if not number:
        raise InputError(f"{release!a} has no version: name it {name}@vX.Y.Z")
    from toolkit.progress import show_stages
    from toolkit.release import publish as publishing

    with show_stages("shards") as progress:
        found = publishing.prepare(Path.cwd(), name, number, progress, key)
    typer.echo(
        f"{found.version.tag}: gate and audit passed; {len(found.files)} files, "
        f"{sum(found.files.values()) / 1e6:,.1f} MB"
    )
    if dry_run:
        for path, size in found.files.items():
            typer.echo(f"{size:>14,}  {path}")
        signed = f"signed with {key}" if key else "not signed"
        typer.echo(f"would go to {repo}, branch main, tag {found.number}; {signed}")
        return
    publishing.publish(found, repo, key, typer.echo)


def withdraw(
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="An artifact of dvc.yaml.")],
    repo: Repo,
    key: PrivateKey = None,
) -> None:
    """Tell on the Hub which versions of a release the registry has as withdrawn.

    Withdraw them first:  gto deprecate RELEASE VERSION --message "why, naming nobody". Nobody can
    download them with m2m any more; their files stay.
    """
    from toolkit.release.publish import publish_withdrawn

    publish_withdrawn(Path.cwd(), release, repo, key, typer.echo)


def download(
    release: Annotated[
        str,
        typer.Argument(
            metavar="NAME[@VERSION]",
            help="NAME in M2M_HUB_ORG, or ORG/NAME; without a version the newest that stands.",
        ),
    ],
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder to make; else NAME-VERSION.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only shards with clips of these splits.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only shards with clips of these classes.")
    ] = None,
    public_key: PublicKey = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the files and their sizes, and get none.")
    ] = False,
) -> None:
    """Download a version of a release from the Hub, and check all of it.

    DIR is there when everything is. Where it stops, the same command goes on. A version that was
    withdrawn, or whose tag was moved, is refused.
    Exit codes: 0 done, 4 what came is not what was released, 2 everything else.
    """
    from toolkit.progress import show_stages
    from toolkit.release import download as downloading

    name, _, version = release.partition("@")
    splits, labels = (None if text is None else tuple(text.split(",")) for text in (split, classes))
    repo = downloading.find_repo(name)
    wanted = downloading.Wanted(repo, version or None, splits, labels, public_key)
    with show_stages("shards") as progress:
        folder = downloading.download(wanted, to, typer.echo, progress, dry_run=dry_run)
    if not dry_run:
        typer.echo(f"{folder}: as it was released" + _tell_key(public_key))


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a release.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as m2m audit does.")] = False,
    public_key: PublicKey = None,
) -> None:
    """Check that a folder is what was released; offline, and each byte is read once.

    Digests, version, signature, and the manifest against the shards. m2m audit looks deeper: into
    each clip.
    Exit codes: 0 nothing found, 4 something found, 2 bad input or usage, 1 our own failure.
    """
    from toolkit.progress import show_stages
    from toolkit.release.report import make_json
    from toolkit.release.verify import verify as verify_release

    with show_stages("shards") as progress:
        done = verify_release(folder, public_key, progress=progress)
    typer.echo(make_json(done) if as_json else _tell(done, folder, public_key))
    if not done.ok:
        raise typer.Exit(EXIT_FINDINGS)


def _tell(done: "Audit", folder: Path, public_key: Path | None) -> str:
    from toolkit.release.sums import as_text

    if done.ok:
        return (
            f"{folder}: {as_text(done.name)}, {done.num_shards} shards, as it was released"
            + _tell_key(public_key)
        )
    first = done.findings[0]
    where = " ".join(filter(None, (first.clip, first.file)))
    return as_text(
        f"{folder}: not as it was released: {len(done.findings)} findings, first {first.kind} in "
        f"{where}: {first.detail}; m2m audit {folder} shows all"
    )


def _tell_key(public_key: Path | None) -> str:
    if public_key is None:
        return "; by whom was not checked (--public-key)"
    return f", and signed with the key of {public_key.name}"
