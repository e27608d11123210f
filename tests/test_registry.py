"""The registry with the real git and dvc, in temporary folders and on loopback only."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from tests.registry_box import (
    FIRST,
    FOLDER,
    GUARD,
    NAME,
    SECOND,
    Box,
    Clips,
    assert_same_tree,
    build,
    no_settings,
    reproduce,
    run_here,
    start,
    write_release,
)

GTO = [sys.executable, "-c", "from gto.cli import app; app()"]


@pytest.fixture(scope="module")
def box(tmp_path_factory) -> Iterator[Box]:
    """A box; nothing in it has reached out when the tests are over."""
    folder = tmp_path_factory.mktemp("box")
    (folder / "guard").mkdir()
    (folder / "guard/sitecustomize.py").write_text(GUARD)
    paths = [str(folder / "guard"), os.environ.get("PYTHONPATH", "")]
    box = Box(
        folder, {"PYTHONPATH": os.pathsep.join(paths), "GUARD_LOG": str(folder / "guard.log")}
    )
    with no_settings(folder):
        yield box
    assert not box.log.exists(), box.log.read_text()


def _registry(*words: str, cwd: Path, code: int = 0) -> str:
    """Run ``m2m registry`` and return what it prints."""
    return run_here("registry", *words, cwd=cwd, code=code)


@pytest.fixture(scope="module")
def registered(box) -> Path:
    """A registry with version 1.0.0 of its release, checked out and clean."""
    repository = box.folder / "registered"
    start(box, repository, str(box.folder / "store"))
    build(box, repository, FIRST)
    _registry("register", NAME, "v1.0.0", cwd=repository)
    return repository


@pytest.fixture(scope="module")
def second(box, registered) -> Path:
    """The registry after a change of clips that was registered as version 2.0.0."""
    repository = _copy(registered, box.folder / "second")
    build(box, repository, SECOND, crf=28)
    _registry("register", NAME, "v2.0.0", cwd=repository)
    return repository


@pytest.fixture
def repository(registered, tmp_path) -> Path:
    """A registry with version 1.0.0, for one test to change."""
    return _copy(registered, tmp_path / "repository")


def _copy(repository: Path, to: Path) -> Path:
    return Path(shutil.copytree(repository, to, symlinks=True))


@pytest.fixture(scope="module")
def expected(box) -> Callable[[Clips, int], Path]:
    """Write the files of a version without dvc, to compare with."""

    def write(clips: Clips, crf: int) -> Path:
        folder = box.folder / f"expected{crf}"
        write_release(folder, clips, crf)
        return folder

    return write


def test_list_names_releases_and_versions(second):
    """Each artifact of dvc.yaml has a line, with its newest version or none."""
    lines = [line.split() for line in _registry("list", cwd=second).splitlines()]
    assert [NAME, FOLDER, "v2.0.0", "v1.0.0,", "v2.0.0"] in lines
    assert ["kinetics-150", "release/kinetics-150", "-", "none", "registered"] in lines


def test_show_says_where_a_version_is_and_what_it_holds(box, second):
    """Commit, md5, number of files, bytes and counts are those of that version, not of HEAD."""
    text = _registry("show", f"{NAME}@v1.0.0", cwd=second)
    facts = dict(line.split(maxsplit=1) for line in text.splitlines())
    tag = f"{NAME}@v1.0.0"
    lock = yaml.safe_load(box.git("show", f"{tag}:dvc.lock", cwd=second))
    (out,) = lock["stages"]["package"]["outs"]
    assert facts == {
        "version": tag,
        "commit": box.git("rev-parse", f"{tag}^{{commit}}", cwd=second).strip(),
        "path": FOLDER,
        "md5": out["md5"],
        "files": "4",
        "size": f"{out['size']} bytes",
        "clips": "2 released, 1 quarantined, 0 failed",
    }
    assert _registry("show", NAME, cwd=second).startswith(f"version  {NAME}@v2.0.0")


def test_versions_are_annotated_tags(box, registered):
    """Registering makes a tag object with the name and address that git has."""
    listed = box.git("for-each-ref", "--format=%(objecttype) %(refname:short) %(taggername)",
                     "refs/tags", cwd=registered)  # fmt: skip
    assert listed.split("\n")[0] == f"tag {NAME}@v1.0.0 A Tester"


def test_diff_tells_what_happened_to_each_clip(second):
    """Clips added, removed, changed; verdicts and parameters that moved."""
    found = json.loads(_registry("diff", NAME, "v1.0.0", "v2.0.0", "--json", cwd=second))
    assert found == {
        "added": ["c3"],
        "removed": ["b2"],
        "changed": ["a1"],
        "moved": {"b2": ["released", "quarantined"], "c3": ["quarantined", "released"]},
        "params": {"encode.crf": [23, 28]},
        "step": "MAJOR",
    }
    table = _registry("diff", NAME, "v1.0.0", "v2.0.0", cwd=second)
    assert "b2 (released → quarantined)" in table
    assert "encode.crf: 23 → 28" in table


@pytest.mark.parametrize(
    ("clips", "wrong", "reason", "right"),
    [
        ({**FIRST, "a1": ("quarantined", b"")}, "v1.1.0", "must be MAJOR (v2.0.0)", "v2.0.0"),
        ({**FIRST, "a1": ("released", b"new")}, "v1.0.1", "must be MAJOR (v2.0.0)", "v2.0.0"),
        ({**FIRST, "d4": ("released", b"more")}, "v1.0.1", "must be MINOR (v1.1.0)", "v1.1.0"),
    ],
    ids=["removed", "changed", "added"],
)
def test_the_number_must_say_what_changed(box, repository, clips, wrong, reason, right):
    """A step too small for what happened to the clips is refused, with the one that is right."""
    build(box, repository, clips)
    said = _registry("register", NAME, wrong, cwd=repository, code=2)
    assert reason in said
    assert said.count("\n") == 1
    assert f"{NAME}@{right} is commit" in _registry("register", NAME, right, cwd=repository)


def test_a_clip_that_moved_to_another_split_is_a_changed_one(box, repository):
    """Who trained on it would now test on it."""
    build(box, repository, FIRST, split="val")
    said = _registry("register", NAME, "v1.1.0", cwd=repository, code=2)
    assert "must be MAJOR (v2.0.0)" in said
    assert "2 changed (such as a1)" in said


def test_other_files_and_parameters_are_a_patch(box, repository):
    """Where no clip was touched a patch will do; a number that is not higher never does."""
    build(box, repository, FIRST, crf=30)
    assert "not higher" in _registry("register", NAME, "v0.9.0", cwd=repository, code=2)
    assert "not higher" in _registry("register", NAME, "v1.0.0", cwd=repository, code=2)
    _registry("register", NAME, "v1.0.1", cwd=repository)


def test_a_release_gets_the_version_that_it_says_of_itself(box, repository):
    """Another number is refused by name, and nothing is tagged."""
    write_release(repository / "made", FIRST)
    (repository / "made/croissant.json").write_text('{"version": "1.0.1"}')
    reproduce(repository)
    box.git("commit", "-qam", "Build", cwd=repository)
    said = _registry("register", NAME, "v1.1.0", cwd=repository, code=2)
    assert f"{FOLDER}/croissant.json says version 1.0.1, not 1.1.0" in said
    assert f"releases.{NAME}.version in params.yaml" in said
    assert "v1.1.0" not in _registry("list", cwd=repository)
    _registry("register", NAME, "v1.0.1", cwd=repository)


def test_a_commit_has_one_version(repository):
    """The same commit is not registered again under another number."""
    assert "v1.0.0" in _registry("register", NAME, "v1.0.1", cwd=repository, code=2)


def test_what_is_not_committed_is_not_registered(box, repository):
    """A dvc.lock that is not committed, then files that are not what dvc.lock says."""
    write_release(repository / "made", FIRST, crf=30)
    reproduce(repository)
    said = _registry("register", NAME, "v1.0.1", cwd=repository, code=2)
    assert "not committed (dvc.lock)" in said
    box.git("commit", "-qam", "Build", cwd=repository)
    readme = repository / FOLDER / "README.md"
    readme.write_text("edited by hand")
    said = _registry("register", NAME, "v1.0.1", cwd=repository, code=2)
    assert f"{FOLDER} is modified" in said
    readme.unlink()
    _registry("register", NAME, "v1.0.1", cwd=repository)


def test_a_withdrawn_version_is_marked_and_a_major_one_follows(box, repository):
    """``gto deprecate`` withdraws a version; its number is spent, and the next is MAJOR."""
    box.run(*GTO, "deprecate", NAME, "v1.0.0", cwd=repository)
    assert "v1.0.0 (withdrawn)" in _registry("list", cwd=repository)
    assert "v1.0.0 (withdrawn)" in _registry("show", f"{NAME}@v1.0.0", cwd=repository)
    assert "no version that stands" in _registry("show", NAME, cwd=repository, code=2)
    build(box, repository, {"b2": FIRST["b2"]})
    said = _registry("register", NAME, "v1.1.0", cwd=repository, code=2)
    assert "must be MAJOR (v2.0.0)" in said
    assert "withdrawn" in said
    _registry("register", NAME, "v2.0.0", cwd=repository)
    assert _registry("show", NAME, cwd=repository).startswith(f"version  {NAME}@v2.0.0")


def test_a_release_withdrawn_as_a_whole_stays_so(box, repository):
    """Its versions stand no more, and a new one would bring them back: it is refused."""
    box.run(*GTO, "deprecate", NAME, cwd=repository)
    assert f"{NAME} (withdrawn)" in _registry("list", cwd=repository)
    assert "no version that stands" in _registry("show", NAME, cwd=repository, code=2)
    build(box, repository, FIRST, crf=30)
    assert "as a whole" in _registry("register", NAME, "v2.0.0", cwd=repository, code=2)
    box.git("tag", "--delete", f"{NAME}@deprecated", cwd=repository)
    _registry("register", NAME, "v1.0.1", cwd=repository)


def test_errors_are_one_line(box, repository, tmp_path):
    """Each wrong thing ends in one line that says what to do, with exit code 2."""
    bare = tmp_path / "bare"
    bare.mkdir()
    wrong = [
        (tmp_path, ("list",), "no git repository"),
        (repository, ("show", "nothing"), f"no artifact 'nothing': there is kinetics-150, {NAME}"),
        (repository, ("show", f"{NAME}@v9.0.0"), "no version v9.0.0 (registered: v1.0.0)"),
        (repository, ("diff", NAME, "v1.0.0", "1.0"), "vX.Y.Z, such as v1.0.0, got '1.0'"),
        (repository, ("register", NAME, "v2.0.0-rc1"), "vX.Y.Z, such as v1.0.0"),
        (repository, ("register", "kinetics-150", "v1.0.0"), "has no release/kinetics-150"),
    ]
    for folder, words, reason in wrong:
        said = _registry(*words, cwd=folder, code=2)
        assert reason in said
        assert said.count("\n") == 1
    folder = tmp_path / "broken"
    (_copy(repository, folder) / "dvc.yaml").write_text("artifacts: [")
    assert _registry("list", cwd=folder, code=2).count("\n") == 1
    box.git("init", "-q", cwd=bare)
    assert "has no dvc.yaml" in _registry("list", cwd=bare, code=2)


def test_data_that_is_not_here_is_asked_for(repository):
    """Without DVC's cache a version can be shown, and not compared or registered."""
    shutil.rmtree(repository / ".dvc/cache")
    assert f"path     {FOLDER}" in _registry("show", NAME, cwd=repository)
    said = _registry("diff", NAME, "v1.0.0", "v1.0.0", cwd=repository, code=2)
    assert "run dvc pull --all-tags" in said
    assert said.count("\n") == 1


def test_other_folders_get_the_version_they_ask_for(box, second, expected, tmp_path):
    """``dvc get``, ``dvc artifacts get`` and ``dvc import`` bring each version, byte for byte.

    They ask a clone without any data, so that it comes from the remote storage.
    """
    source, tag = str(tmp_path / "source"), f"{NAME}@v1.0.0"
    box.dvc("push", "--all-tags", cwd=second)
    box.git("clone", "-q", str(second), source, cwd=tmp_path)
    box.dvc("get", source, FOLDER, "--rev", tag, "--out", "got", cwd=tmp_path)
    box.dvc("artifacts", "get", source, NAME, "--rev", "v1.0.0", "--out", "old", cwd=tmp_path)
    box.dvc("artifacts", "get", source, NAME, "--out", "new", cwd=tmp_path)
    user = tmp_path / "user"
    user.mkdir()
    box.git("init", "-q", cwd=user)
    box.dvc("init", "-q", cwd=user)
    box.dvc("import", source, FOLDER, "--rev", tag, "--out", "data", cwd=user)
    for folder in (tmp_path / "got", tmp_path / "old", user / "data"):
        assert_same_tree(expected(FIRST, 23), folder)
    assert_same_tree(expected(SECOND, 28), tmp_path / "new")


@pytest.fixture
def s3() -> Iterator[dict[str, str]]:
    """Serve S3 on loopback with one bucket, ``releases``; what programs need to find it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        names = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        client = boto3.client("s3", "us-east-1", endpoint_url=endpoint, **names)
        client.create_bucket(Bucket="releases")
        settings = {**names, "aws_endpoint_url": endpoint, "aws_default_region": "us-east-1"}
        yield {name.upper(): value for name, value in settings.items()}
    finally:
        server.stop()


def test_a_clone_pulls_from_s3(box, s3, expected, tmp_path):
    """What one repository pushed to S3, a clone with an empty cache pulls, byte for byte."""
    here, there = tmp_path / "here", tmp_path / "there"
    start(box, here, "s3://releases/m2m")
    for clips, crf, number in ((FIRST, 23, "v1.0.0"), (SECOND, 28, "v2.0.0")):
        build(box, here, clips, crf)
        _registry("register", NAME, number, cwd=here)
    box.dvc("push", "--all-tags", cwd=here, **s3)
    box.git("clone", "-q", str(here), str(there), cwd=tmp_path)
    assert "run dvc pull" in _registry("diff", NAME, "v1.0.0", "v2.0.0", cwd=there, code=2)
    box.dvc("pull", "--all-tags", cwd=there, **s3)
    assert "a1" in _registry("diff", NAME, "v1.0.0", "v2.0.0", cwd=there)
    assert_same_tree(expected(SECOND, 28), there / FOLDER)
    box.git("checkout", "-q", f"{NAME}@v1.0.0", cwd=there)
    box.dvc("checkout", cwd=there)
    assert_same_tree(expected(FIRST, 23), there / FOLDER)


def test_nothing_phones_home(box, repository, root, tmp_path):
    """What the configuration says is enough; without it dvc would, and the guard would see it."""
    environment = {"DVC_NO_ANALYTICS": "", "CI": ""}
    box.dvc("status", cwd=repository, **environment)
    m2m = "import sys; sys.path.insert(0, sys.argv.pop(1)); from toolkit.cli import main; main()"
    words = [sys.executable, "-c", m2m, str(root), "registry", "list"]
    assert NAME in box.run(*words, cwd=repository, **environment)
    assert not box.log.exists()
    log = tmp_path / "guard.log"
    (repository / ".dvc/config").write_text("")
    with pytest.raises(AssertionError):  # dvc does not bear that its process is refused
        box.dvc("status", cwd=repository, GUARD_LOG=str(log), **environment)
    assert "background process" in log.read_text()
