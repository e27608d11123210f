import re
import sys
from pathlib import Path

import pytest

from toolkit import backends
from toolkit.errors import BackendError

KINDS = ("mask", "inpaint", "recover", "body", "render")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(backends, "_BACKENDS", dict(backends._BACKENDS))


def _install_package(folder: Path, entry_points: str) -> None:
    """Make another package visible that brings backends of its own."""
    info = folder / "other_backends-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-backends\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[m2m.backends]\n{entry_points}\n")
    (folder / "other_backends.py").write_text("class Blur:\n    pass\n")


@pytest.mark.parametrize("kind", KINDS)
def test_every_registered_backend_can_be_loaded(kind: str) -> None:
    """Each name of each kind leads to something that can be called, or to the extra it needs."""
    assert backends.names(kind)
    for name in backends.names(kind):
        try:
            assert callable(backends.get(kind, name))
        except BackendError as error:
            assert re.search(r"pip install 'm2m-toolkit\[\w+\]'$|maskrcnn-r101, ", str(error))  # noqa: PT017


def test_names_are_sorted_and_of_one_kind() -> None:
    """What the inpainters are called is part of the command line."""
    assert backends.names("inpaint") == [
        "e2fgvi",
        "e2fgvi_hq",
        "flow",
        "navier_stokes",
        "none",
    ]
    assert backends.names("cook") == []


def test_an_unknown_name_is_an_error_that_names_the_known_ones() -> None:
    """Also for a name of another kind, and a kind that has none."""
    for name in ("flows", "pyrender"):
        with pytest.raises(
            BackendError,
            match=f"unknown inpaint backend '{name}': choose one of e2fgvi, e2fgvi_hq, flow, navi",
        ):
            backends.get("inpaint", name)
    with pytest.raises(BackendError, match=r"unknown cook backend 'flow': choose one of \(none\)"):
        backends.get("cook", "flow")


@pytest.mark.usefixtures("registry")
def test_a_registered_backend_is_found_by_its_name() -> None:
    """Loaded only when asked for: a module that does not exist can be registered."""
    backends.register("inpaint", "path", "pathlib:Path")
    backends.register("inpaint", "later", "a_package_nobody_has:Inpainter")
    assert backends.get("inpaint", "path") is Path
    assert {"path", "later"} <= set(backends.names("inpaint"))


@pytest.mark.usefixtures("registry")
def test_a_missing_package_is_an_error_that_says_what_to_install() -> None:
    """It names the package and the extra that brings it."""
    backends.register("mask", "grand", "a_package_nobody_has.inside:Masker", extra="paper")
    with pytest.raises(BackendError) as failure:
        backends.get("mask", "grand")
    message = str(failure.value)
    assert "mask backend 'grand' needs the Python package 'a_package_nobody_has'" in message
    assert message.endswith("pip install 'm2m-toolkit[paper]'")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("kind", "name", "package", "remedy"),
    [
        ("mask", "detectron2", "detectron2", "https://detectron2.readthedocs.io/tutorials/install"),
        ("mask", "maskrcnn-r101", "torch", "pip install 'm2m-toolkit[paper]'"),
        ("mask", "sam2", "transformers", "pip install 'm2m-toolkit[masks]'"),
        ("mask", "torchvision", "torchvision", "pip install 'm2m-toolkit[masks]'"),
        ("inpaint", "e2fgvi_hq", "torch", "pip install 'm2m-toolkit[paper]'"),
        ("recover", "osx", "torch", "pip install 'm2m-toolkit[paper]'"),
        ("body", "smplx-neutral", "smplx", "pip install 'm2m-toolkit[paper]'"),
    ],
)
def test_what_a_backend_lacks_is_one_line_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, kind: str, name: str, package: str, remedy: str
) -> None:
    """Whether the package is installed here or not."""
    pytest.importorskip("torch", reason="needs the extra paper") if package != "torch" else None
    target, _ = backends._BACKENDS[kind, name]
    module = target.partition(":")[0]
    for loaded in [key for key in sys.modules if key == module or key.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, loaded)
    for loaded in [key for key in sys.modules if key.startswith("toolkit.adapters.")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setattr(sys, "meta_path", [_Without(package), *sys.meta_path])
    for loaded in [key for key in sys.modules if key.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, loaded)
    with pytest.raises(BackendError) as failure:
        backends.get(kind, name)
    message = str(failure.value)
    assert f"{kind} backend '{name}' needs the Python package '{package}" in message
    assert remedy in message
    assert "\n" not in message


class _Without:
    """Makes a package one that is not installed."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == self._package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_other_packages_bring_their_own_backends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the entry-point group m2m.backends, by names of the form kind.name."""
    _install_package(tmp_path, "inpaint.blur = other_backends:Blur")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "blur" in backends.names("inpaint")
    assert backends.names("mask") == [
        "blazepose",
        "detectron2",
        "maskrcnn-r101",
        "maskrcnn-r101-lsj",
        "sam2",
        "torchvision",
    ]
    assert backends.get("inpaint", "blur").__name__ == "Blur"
    with pytest.raises(BackendError):
        backends.get("mask", "blur")


def test_a_backend_of_our_own_cannot_be_replaced_from_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installed package that claims the name "flow" does not get it."""
    _install_package(tmp_path, "inpaint.flow = other_backends:Blur")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert backends.names("inpaint").count("flow") == 1
    assert backends.get("inpaint", "flow").__name__ == "FlowInpainter"


def test_a_package_missing_behind_an_entry_point_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a trace that ends in ModuleNotFoundError."""
    _install_package(tmp_path, "inpaint.grand = a_package_nobody_has:Inpainter")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BackendError, match="a_package_nobody_has"):
        backends.get("inpaint", "grand")
