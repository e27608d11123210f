"""Publishing: what is refused, and what is to be seen of it when the Hub or the client dies."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.conftest import NAME, M2m, build, git
from tests.hub.handler import TOKEN, Fault
from tests.hub.server import Hub
from toolkit.errors import InputError, ToolkitError
from toolkit.release.hub import HubError
from toolkit.release.publish import Publication, prepare, publish

TAG = "refs/tags/v1.0.0"


@pytest.fixture(scope="module")
def _prepared(registered: Path, tmp_path_factory) -> Publication:
    project = tmp_path_factory.mktemp("prepared") / "project"
    return prepare(shutil.copytree(registered, project, symlinks=True), NAME, "v1.0.0")


@pytest.fixture
def ready(_prepared: Publication) -> Iterator[Publication]:
    """Version 1.0.0, checked; it is published nowhere yet."""
    yield _prepared
    if f"{NAME}#published#1" in git(_prepared.registry.root, "tag"):
        git(_prepared.registry.root, "tag", "--delete", f"{NAME}#published#1")


def _files(ready: Publication) -> list[str]:
    return sorted([*ready.files, ".gitattributes"])


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PUT", "lfs-store"),
        Fault("POST", "/commit/publish-"),
        Fault("POST", "/commit/publish-", is_done=True),
        Fault("POST", "/commit/main"),
        Fault("POST", "/commit/main", is_done=True),
        Fault("POST", "/tag/"),
        Fault("POST", "/tag/", is_done=True),
        Fault("DELETE", "/branch/"),
        Fault("POST", "/commit/main", 429, times=9, headers={"Retry-After": "7"}),
        Fault("POST", "/commit/main", 503, times=9),
        Fault("PUT", "lfs-store", 503, times=99),
    ],
    ids=lambda fault: f"{fault.method}{fault.path}{fault.status}{'after' * fault.is_done}",
)
def test_the_same_command_finishes(hub: Hub, repo: str, ready: Publication, fault: Fault) -> None:
    """Whatever fails, main is whole or as before, a tag names all of it, and a rerun ends it."""
    hub.faults = [fault]
    with pytest.raises(HubError, match="run the same command again"):
        publish(ready, repo)
    assert git(ready.registry.root, "tag").split() == [f"{NAME}@v1.0.0"]
    refs = hub.refs(repo)
    assert hub.list_files(repo, "main") in ([".gitattributes"], _files(ready))
    assert TAG not in refs or hub.list_files(repo, TAG) == _files(ready)
    hub.revive()
    commit = publish(ready, repo)
    assert hub.refs(repo) == {"refs/heads/main": commit, TAG: commit}
    assert hub.list_files(repo, "main") == _files(ready)
    assert f"{NAME}#published#1" in git(ready.registry.root, "tag")
    num_requests = len(hub.requests)
    assert publish(ready, repo) == commit
    assert not [r for r in hub.requests[num_requests:] if "commit" in r or "PUT" in r]


def test_a_moment_of_503_is_waited_for(hub: Hub, repo: str, ready: Publication) -> None:
    """The client tries a file again by itself."""
    hub.faults = [Fault("PUT", "lfs-store", 503, headers={"Retry-After": "1"})]
    publish(ready, repo)
    assert TAG in hub.refs(repo)


def test_a_tag_of_something_else_is_never_touched(hub: Hub, repo: str, ready: Publication) -> None:
    """The Hub has the version, with another card: an error names that, and nothing is written."""
    publish(ready, repo)
    other = hub.commit(repo, "main", {"summary": "x"}, [_file("README.md", b"other")])
    hub.git(repo, "update-ref", TAG, other)
    with pytest.raises(ToolkitError, match=r"such as README.md.*never replaced"):
        publish(ready, repo)
    assert hub.refs(repo)[TAG] == other


def _file(path: str, content: bytes) -> dict[str, object]:
    import base64

    value = {"path": path, "content": base64.b64encode(content).decode()}
    return {"key": "file", "value": value}


def test_main_is_never_put_back(hub: Hub, repo: str, ready: Publication, made: Path) -> None:
    """A number below the newest one on the Hub is refused."""
    hub.put(repo, made, "v1.4.0")
    with pytest.raises(InputError, match=r"has v1.4.0 already"):
        publish(ready, repo)
    assert "refs/heads/publish-v1.0.0" not in hub.refs(repo)


def test_the_next_version_takes_old_shards_away_and_tells_what_was_withdrawn(
    hub: Hub, repo: str, project: Path, clip: bytes, m2m: M2m, tmp_path: Path
) -> None:
    """v2.0.0 without a shard: main loses it, the old tag keeps it; then nobody gets v1.0.0."""
    m2m("publish", f"{NAME}@v1.0.0", repo, cwd=project)
    gto = [sys.executable, "-c", "from gto.cli import app; app()"]
    reason = "A clip was taken back"
    _run([*gto, "deprecate", NAME, "v1.0.0", "--message", reason], project)
    with pytest.raises(InputError, match="was withdrawn"):
        prepare(project, NAME, "v1.0.0")
    m2m("withdraw", NAME, repo, cwd=project)
    said = m2m("download", f"{repo}@v1.0.0", cwd=tmp_path, code=2)
    assert f"v1.0.0 was withdrawn ({reason}): do not use it any more" in said
    assert "no version that stands" in m2m("download", repo, cwd=tmp_path, code=2)
    build(project, clip, "2.0.0", leave_out=(f"{5:020x}", f"{6:020x}"))
    m2m("publish", f"{NAME}@v2.0.0", repo, cwd=project)
    files = {tag: hub.list_files(repo, tag) for tag in ("main", "v1.0.0", "v2.0.0")}
    assert "data/val-00000-of-00001.tar" in files["v1.0.0"]
    assert not [path for path in files["main"] if "val-" in path]
    assert files["main"] == files["v2.0.0"]
    assert "withdrawn.json" in files["main"]
    said = m2m("download", f"{repo}@v1.0.0", cwd=tmp_path, code=2)
    assert "take v2.0.0" in said
    assert "v2.0.0 (commit" in m2m("download", repo, "--dry-run", cwd=tmp_path)


def _run(words: list[str], cwd: Path) -> None:
    import subprocess

    subprocess.run(words, cwd=cwd, check=True, capture_output=True)


def test_a_dry_run_asks_nobody(hub: Hub, repo: str, project: Path, m2m: M2m) -> None:
    """It shows files and sizes, and neither Hub, registry nor folder know of it."""
    before = (len(hub.requests), git(project, "tag"), sorted(project.rglob("*")))
    words = ("publish", f"{NAME}@v1.0.0", repo, "--dry-run", "--key", "params.yaml")
    assert "params.yaml" in m2m(*words, cwd=project, code=2)  # no key, told before it is needed
    said = m2m("publish", f"{NAME}@v1.0.0", repo, "--dry-run", cwd=project)
    assert "data/train-00000-of-00002.tar" in said
    assert f"would go to {repo}, branch main, tag v1.0.0; not signed" in said
    after = (len(hub.requests), git(project, "tag"), sorted(project.rglob("*")))
    tree = [[p for p in paths if ".dvc" not in p.parts] for *_, paths in (before, after)]
    assert before[:2] == after[:2]
    assert tree[0] == tree[1]


def _edit_verdict(project: Path, **values: object) -> None:
    path = project / f"data/{NAME}/validation.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: _append(p / f"release/{NAME}/README.md"), "is modified"),
        (lambda p: (p / f"data/{NAME}/validation.json").unlink(), "is no record of a gate"),
        (lambda p: _edit_verdict(p, faults=[{"stops": True}]), "the gate stopped 1 clips"),
        (lambda p: _edit_verdict(p, clips=3), "is of 3 clips"),
        (lambda p: _append(p / f"data/{NAME}/validation.json"), "is not the one that"),
        (lambda p: _edit_params(p, "scene: empty", "scene: source"), "shows the people filmed"),
    ],
    ids=["changed", "no gate", "stopped", "clips", "other gate", "people"],
)
def test_what_may_not_be_published(hub: Hub, project: Path, m2m: M2m, spoil, message) -> None:
    """One line says why, before anything is sent."""
    spoil(project)
    num_requests = len(hub.requests)
    said = m2m("publish", f"{NAME}@v1.0.0", "org/x", cwd=project, code=2)
    assert message in said
    assert len(hub.requests) == num_requests


def _edit_params(project: Path, old: str, new: str) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text().replace(old, new))


def test_a_release_with_a_finding_is_not_published(project: Path, m2m: M2m) -> None:
    """It was registered, and its card is not the one of its sums; or says no version."""
    made, shard = project / "made", project / "made/data/val-00000-of-00001.tar"
    content = bytearray(shard.read_bytes())
    content[600] ^= 1
    shard.write_bytes(content)
    (made / "croissant.json").write_text('{"version": "1.0.1"}')
    (project / "note").write_text("x")
    _register(project, "v1.0.1", m2m)
    said = m2m("publish", f"{NAME}@v1.0.1", "org/x", cwd=project, code=2)
    assert "README.md does not say that it is v1.0.1" in said
    _append(made / "README.md")
    (made / "README.md").write_text("# v1.0.2")
    (made / "croissant.json").write_text('{"version": "1.0.2"}')
    _register(project, "v1.0.2", m2m)
    said = m2m("publish", f"{NAME}@v1.0.2", "org/x", cwd=project, code=2)
    assert "the audit found" in said


def _register(project: Path, number: str, m2m: M2m) -> None:
    from tests.registry_box import reproduce

    reproduce(project)
    git(project, "add", ".")
    git(project, "commit", "-qm", number)
    m2m("registry", "register", NAME, number, cwd=project)


def test_the_token_is_nowhere(hub: Hub, repo: str, project: Path, m2m: M2m, monkeypatch) -> None:
    """Neither in an error with its trace, nor in what was made, nor in the repository."""
    hub.faults = [Fault("POST", "/commit/main", 500, times=9)]
    monkeypatch.setenv("M2M_DEBUG", "1")
    said = m2m("publish", f"{NAME}@v1.0.0", repo, cwd=project, code=2)
    assert "Traceback" in said
    assert TOKEN not in said  # as m2m itself checks each time
    for folder in (project, hub.path(repo)):
        for path in folder.rglob("*"):
            assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


def test_without_a_token_one_line_says_how_to_log_in(
    repo: str, project: Path, m2m: M2m, tmp_path: Path
) -> None:
    """It is looked for where huggingface_hub keeps it, and nowhere else."""
    (tmp_path / "home/token").unlink()
    said = m2m("publish", f"{NAME}@v1.0.0", repo, cwd=project, code=2)
    assert "hf auth login" in said
    assert said.splitlines()[-1].startswith(f"m2m: error: {repo}")
