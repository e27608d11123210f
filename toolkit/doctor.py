"""``m2m doctor``: what this machine has or lacks for the offline profile, and what mends it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import typer

from toolkit import models

GIB = 2**30
MIN_FREE_GIB = 2.0
MIN_MEMORY_GIB = 4.0
APT_INSTALL = "sudo apt-get update && sudo apt-get install -y"
DEBIAN_PACKAGES = "libegl1 libgl1 libgl1-mesa-dri libgles2 libxrender1"
RENDER_ONE_TRIANGLE = """
import numpy, pyrender
from OpenGL.GL import GL_RENDERER, glGetString
mesh = pyrender.Mesh([pyrender.Primitive(
    positions=numpy.array([[-1, -1, -1], [1, -1, -1], [0, 1, -1]], numpy.float32),
    indices=numpy.array([[0, 1, 2]]))])
scene = pyrender.Scene(ambient_light=[1.0, 1.0, 1.0])
scene.add(mesh)
scene.add(pyrender.PerspectiveCamera(yfov=1.5))
renderer = pyrender.OffscreenRenderer(16, 16)
_, depth = renderer.render(scene)
assert (depth > 0).any(), "the triangle was not drawn"
print(glGetString(GL_RENDERER).decode())
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: the thing.
        ok: whether it is as it should be.
        needed: whether the offline profile cannot run without it.
        found: what is there.
        fix: the command or step that mends it; empty where ``ok``.
    """

    name: str
    ok: bool
    needed: bool
    found: str
    fix: str = ""


def examine() -> list[Finding]:
    """Look at everything the toolkit uses on this machine; no network is touched."""
    return [
        _python(),
        *(
            _packages(extra, needed=extra == "offline")
            for extra in ("offline", "pipeline", "actors", "dev")
        ),
        _rendering(),
        _codec(),
        _weights(),
        _npm(),
        *_free_space(),
        _memory(),
        _cores(),
    ]


def print_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print a table, or the same as one JSON object, on stdout."""
    ready = all(finding.ok for finding in findings if finding.needed)
    if as_json:
        typer.echo(
            json.dumps({"ready": ready, "findings": [asdict(f) for f in findings]}, indent=2)
        )
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "what", "found", "what mends it")
    for finding in findings:
        mark = "ok" if finding.ok else "MISSING" if finding.needed else "optional"
        style = {"ok": "green", "MISSING": "bold red", "optional": "yellow"}[mark]
        table.add_row(Text(mark, style), finding.name, Text(finding.found), Text(finding.fix))
    console = Console()
    console.print(table)
    console.print(f"The offline profile is {'ready' if ready else 'NOT ready'} on this machine.")


def _finding(name: str, ok: bool, found: str, fix: str, *, needed: bool = True) -> Finding:
    return Finding(name, ok, needed, found, "" if ok else fix)


def _python() -> Finding:
    ok = sys.version_info >= (3, 11)
    found = f"{sys.version.split()[0]} at {sys.executable}"
    return _finding("Python", ok, found, "make setup PYTHON=/path/to/python3.11")


def _packages(extra: str, *, needed: bool) -> Finding:
    installed, missing = [], []
    for requirement in requires("m2m-toolkit") or []:
        if not re.search(rf"extra == ['\"]{extra}['\"]", requirement):
            continue
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        try:
            installed.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    found = ", ".join(installed) or "nothing"
    if missing:
        found += f"; missing: {', '.join(missing)}"
    fix = f"pip install 'm2m-toolkit[{extra}]'"
    return _finding(f"packages: {extra}", not missing, found, fix, needed=needed)


def _rendering() -> Finding:
    environment = {**os.environ, "PYOPENGL_PLATFORM": "egl"}
    run = subprocess.run(
        [sys.executable, "-c", RENDER_ONE_TRIANGLE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    ok = run.returncode == 0
    lines = (run.stdout if ok else run.stderr).strip().splitlines() or ["no message"]
    return _finding("EGL rendering", ok, lines[-1], f"{APT_INSTALL} {DEBIAN_PACKAGES}")


def _codec() -> Finding:
    fix = "pip install --force-reinstall --only-binary=:all: av"
    try:
        import av
    except ImportError as error:
        return _finding(
            "H.264 encoder", False, f"PyAV: {error}", "pip install 'm2m-toolkit[offline]'"
        )
    ok = "libx264" in av.codecs_available
    found = f"libx264 {'in' if ok else 'not in'} PyAV {av.__version__}"
    return _finding("H.264 encoder", ok, found, fix)


def _weights() -> Finding:
    names = models.names_of_profile("offline")
    missing = [name for name in names if not models.is_cached(name)]
    corrupted = [name for name in names if name not in missing and models.check(name)]
    found = f"{len(names) - len(missing) - len(corrupted)} of {len(names)} fetched and verified"
    if missing:
        found += f"; missing: {', '.join(missing)}"
    if corrupted:
        found += f"; corrupted: {', '.join(corrupted)}"
    fix = "m2m models fetch --profile offline"
    return _finding("weights: offline", not missing and not corrupted, found, fix)


def _npm() -> Finding:
    npm = shutil.which("npm")
    return Finding("npm", True, False, npm or "none: fetch takes it from a PyPI wheel")


def _free_space() -> list[Finding]:
    places = {"cache": models.cache_dir(), "temporary files": Path(tempfile.gettempdir())}
    fixes = {"cache": "M2M_CACHE=/path/with/space", "temporary files": "TMPDIR=/path/with/space"}
    findings = []
    for name, place in places.items():
        existing = next(folder for folder in (place, *place.parents) if folder.exists())
        free_gib = shutil.disk_usage(existing).free / GIB
        found = f"{free_gib:.1f} GiB free at {place}"
        ok = free_gib >= MIN_FREE_GIB
        fix = f"free {MIN_FREE_GIB:g} GiB, or set {fixes[name]}"
        findings.append(_finding(f"disk: {name}", ok, found, fix))
    return findings


def _memory() -> Finding:
    total_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    ok = total_gib >= MIN_MEMORY_GIB
    fix = f"use a machine with {MIN_MEMORY_GIB:g} GiB"
    return _finding("memory", ok, f"{total_gib:.1f} GiB", fix, needed=False)


def _cores() -> Finding:
    return Finding("cores", True, False, str(len(os.sched_getaffinity(0))))
