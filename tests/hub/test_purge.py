"""``m2m takedown --purge``: what the Hub has of a clip is removed for good, and nothing else."""

from hashlib import sha256
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.hub.conftest import NAME, M2m, build, git
from tests.hub.handler import Fault
from tests.hub.server import Hub
from toolkit.registry import Registry
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.release.sums import hash_file
from toolkit.release.takedown_list import TakedownList
from toolkit.stages.project import Project

CLIPS = (f"{5:020x}", f"{6:020x}")
"""All of val; so its shard is what must go."""
SHARD = "data/val-00000-of-00001.tar"


def _make_key(project: Path) -> None:
    path = project / "keys/clip_ids.key"
    path.parent.mkdir()
    path.write_text("5c" * 32 + "\n")
    with (project / ".gitignore").open("a") as ignored:
        ignored.write("/keys\n")


def _list_clips(project: Path) -> None:
    """Have the clips in the list, as ``m2m takedown`` of a real project does."""
    opened = Project.open(project)
    takedowns = TakedownList.read(opened.takedowns, Pseudonyms.from_file(opened.key_file))
    takedowns.add([[clip] for clip in CLIPS], "request", "").write(opened.takedowns)


def _withdraw(project: Path) -> None:
    registry = Registry(project)
    registry.withdraw(registry.find_version(NAME, "v1.0.0"), "taken down (request)")


def _objects(hub: Hub, repo: str) -> set[str]:
    return {path.name for path in hub.path(repo).glob(".git/lfs/objects/*/*/*")}


def _read(address: str) -> bytes:
    with urlopen(address) as answer:  # noqa: S310 - of the Hub of tests
        content: bytes = answer.read()
        return content


@pytest.mark.slow
def test_what_the_hub_has_of_a_clip_goes_for_good(
    hub: Hub, repo: str, project: Path, clip: bytes, m2m: M2m, tmp_path: Path
) -> None:
    """Not while a version that stands has it; then its tag, its shard and what no version has."""
    m2m("publish", f"{NAME}@v1.0.0", repo, cwd=project)
    commit = hub.refs(repo)["refs/tags/v1.0.0"]
    old = f"{hub.endpoint}/datasets/{repo}/resolve/{commit}/{SHARD}"
    shard = hash_file(project / f"release/{NAME}" / SHARD)
    assert sha256(_read(old)).hexdigest() == shard
    _make_key(project)
    said = m2m("takedown", "--purge", repo, cwd=project, code=2)
    assert "nothing was taken down yet" in said
    _list_clips(project)
    said = m2m("takedown", "--purge", repo, cwd=project, code=2)
    assert "main has a clip that was taken down, and is no withdrawn version" in said
    _withdraw(project)
    build(project, clip, "2.0.0", leave_out=CLIPS)
    m2m("publish", f"{NAME}@v2.0.0", repo, cwd=project)
    orphan = hub.object_path(repo, "ab" * 32)  # of an upload that nobody finished
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"shard")
    before, refs = _objects(hub, repo), hub.refs(repo)

    said = m2m("takedown", "--purge", repo, "--dry-run", cwd=project)
    assert "refs/tags/v1.0.0 has a clip that was taken down: it goes" in said
    assert "nothing was changed" in said
    assert (_objects(hub, repo), hub.refs(repo)) == (before, refs)
    hub.faults = [Fault("POST", "lfs-files/batch")]
    m2m("takedown", "--purge", repo, cwd=project, code=2)
    hub.revive()
    said = m2m("takedown", "--purge", repo, cwd=project)
    assert "nothing is left of 2 clips in main, v2.0.0" in said

    assert hub.refs(repo) == {name: at for name, at in refs.items() if name != "refs/tags/v1.0.0"}
    release = project / f"release/{NAME}"
    standing = {hash_file(path) for path in release.rglob("*") if path.is_file()}
    assert _objects(hub, repo) == before & standing
    assert shard in before - _objects(hub, repo)
    with pytest.raises(HTTPError):
        _read(old)
    said = m2m("download", f"{repo}@v1.0.0", cwd=tmp_path, code=2)
    assert "v1.0.0 was withdrawn (taken down (request)): do not use it any more; take v2" in said
    m2m("download", f"{repo}@v2.0.0", "--to", "got", cwd=tmp_path)
    assert "0 large files" in m2m("takedown", "--purge", repo, cwd=project)
    assert git(project, "status", "--porcelain", "--untracked-files=no") == ""
