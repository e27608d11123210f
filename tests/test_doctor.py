"""``m2m doctor`` tells what a machine lacks."""

import json

import pytest

from toolkit import doctor


def test_json_holds_each_finding_and_the_exit_code_says_ready(run_m2m):
    """The JSON has every finding, and exit code 1 stands for something needed that is missing."""
    run = run_m2m("doctor", "--json")
    answer = json.loads(run.stdout)
    names = [finding["name"] for finding in answer["findings"]]
    assert names[:2] == ["Python", "packages: offline"]
    assert answer["ready"] == all(f["ok"] for f in answer["findings"] if f["needed"])
    assert run.returncode == (0 if answer["ready"] else 1)


def test_the_test_machine_can_render_and_encode():
    """A triangle is really drawn on EGL, and PyAV has the encoder."""
    assert doctor._rendering().ok
    assert doctor._codec().ok


def test_missing_weights_are_named_with_the_command_that_fetches_them(run_m2m, tmp_path):
    """With an empty cache the table says so, and which command mends it."""
    run = run_m2m("doctor", M2M_CACHE=str(tmp_path), COLUMNS="200")
    assert run.returncode == 1
    assert "pose_detection" in run.stdout
    assert "m2m models fetch --profile offline" in run.stdout
    assert "NOT ready" in run.stdout


def test_corrupted_weights_are_told_from_missing_ones(monkeypatch, tmp_path):
    """A file of the right name with other bytes counts as corrupted."""
    monkeypatch.setenv("M2M_CACHE", str(tmp_path))
    (tmp_path / "pose_detection.tflite").write_bytes(b"not a model")
    weights = doctor._weights()
    assert not weights.ok
    assert "corrupted: pose_detection" in weights.found


def test_rendering_that_fails_names_the_debian_packages(monkeypatch, tmp_path):
    """Where EGL has no driver, the finding gives the reason and the line that installs one."""
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_DIRS", str(tmp_path))
    rendering = doctor._rendering()
    assert not rendering.ok
    assert "libegl1" in rendering.fix


def test_npm_is_never_required(monkeypatch):
    """Without npm the weights come through a PyPI wheel, so nothing is missing."""
    monkeypatch.setenv("PATH", "")
    npm = doctor._npm()
    assert npm.ok
    assert "PyPI wheel" in npm.found


def test_an_extra_is_told_with_its_versions():
    """Each package of an extra is listed with the version that is installed."""
    assert f"pytest {pytest.__version__}" in doctor._packages("dev", needed=False).found
