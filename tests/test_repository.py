"""What holds for the repository as a whole."""

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import toolkit
from toolkit.doctor import DEBIAN_PACKAGES

HEAVY = {"torch", "cv2", "av", "onnxruntime", "ai_edge_litert", "pyrender", "anny", "scipy", "onnx"}
HEAVY |= {"pyarrow", "dvc", "gto", "pydantic", "safetensors", "sklearn", "timm"}
HEAVY |= {"huggingface_hub", "jinja2", "mlcroissant", "datasets"}
FORBIDDEN_IMPORTS = {
    "toolkit": {"pipelines", "validation", "benchmarks"},
    "benchmarks": {"pipelines"},
}
MACHINE_PATH = re.compile(r"/(?:root|home/\w+|Users/\w+|work/(?:main|shared)|tmp/\w+_jobs)/")
MAX_LINES = 400


def _committed_files(root: Path) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a git checkout: nothing says which files are committed")
    return [root / name for name in listing.stdout.split("\0") if name and (root / name).is_file()]


def _python_files(root: Path) -> list[Path]:
    return [path for path in _committed_files(root) if path.suffix == ".py"]


def _imported_packages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_imports_point_one_way(root):
    """The library knows nothing of what is built on it, and benchmarks nothing of pipelines."""
    wrong = {
        str(path): sorted(found)
        for package, forbidden in FORBIDDEN_IMPORTS.items()
        for path in _python_files(root)
        if path.is_relative_to(root / package) and (found := _imported_packages(path) & forbidden)
    }
    assert not wrong


def test_no_committed_file_holds_a_path_of_one_machine(root):
    """A clone works anywhere: no file names a home folder or a place on one machine."""
    wrong = []
    for path in _committed_files(root):
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        lines = text.splitlines()
        wrong += [f"{path}:{i}" for i, line in enumerate(lines, 1) if MACHINE_PATH.search(line)]
    assert not wrong


def test_a_long_file_says_why(root):
    """A file over 400 lines gives the reason ("lines") in its docstring."""
    wrong = []
    for path in _python_files(root):
        text = path.read_text("utf-8")
        docstring = ast.get_docstring(ast.parse(text)) or ""
        if len(text.splitlines()) > MAX_LINES and "lines" not in docstring:
            wrong.append(str(path))
    assert not wrong


def test_the_command_line_imports_nothing_heavy():
    """``m2m --help`` stays fast: importing the command line loads no model or video library."""
    code = "import sys, toolkit.cli; print(*{name.split('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(run.stdout.split())


def test_the_command_line_page_is_up_to_date(root, tmp_path):
    """docs/cli.md is what the commands say of themselves; ``make docs`` writes it."""
    page = tmp_path / "cli.md"
    command = [sys.executable, "-m", "typer", "toolkit.cli", "utils", "docs"]
    subprocess.run([*command, "--name", "m2m", "--output", page], cwd=root, check=True)
    assert (root / "docs/cli.md").read_text("utf-8") == page.read_text("utf-8")


def test_one_version_everywhere(root):
    """Package, newest entry of the changelog, and citation agree on the version."""
    newest = re.search(r"^## \[(.+?)\]", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    citation = yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))
    assert newest
    assert newest[1] == citation["version"] == toolkit.__version__


def test_the_architecture_page_names_every_module(root):
    """The tree on the page is the tree that is there, both ways."""
    page = (root / "docs/architecture.md").read_text("utf-8")
    tree = page.split("## Tree")[1].split("```")[1].partition("tests/")[0]
    named = set(re.findall(r"\w+\.(?:py|yaml)\b", tree))
    there = {
        path.name
        for path in (root / "toolkit").rglob("*")
        if path.suffix in {".py", ".yaml"} and path.name != "__init__.py"
    }
    assert named == there


def test_the_same_debian_packages_everywhere(root):
    """``make setup`` installs the packages that ``m2m doctor`` names."""
    (line,) = re.findall(
        r"^DEBIAN_PACKAGES := (.+?) \\$", (root / "Makefile").read_text(), re.MULTILINE
    )
    assert line == DEBIAN_PACKAGES


def test_links_of_the_documents_lead_somewhere(root):
    """Every relative link in a Markdown file names a file of the repository."""
    wrong = []
    for page in [*root.glob("*.md"), *root.glob("docs/*.md")]:
        targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8"))
        wrong += [
            f"{page.name}: {target}"
            for target in targets
            if "://" not in target and not (page.parent / target).exists()
        ]
    assert not wrong


def test_the_wheel_carries_everything(root, tmp_path):
    """The wheel holds each module and data file of the package, and ``m2m --help`` runs from it."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*build, tmp_path], cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("m2m_toolkit-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    package = {
        str(path.relative_to(root))
        for path in (root / "toolkit").rglob("*")
        if path.suffix in {".py", ".yaml", ".typed"}
    }
    assert package <= held
    assert {"toolkit/models.yaml", "toolkit/qa/limits.yaml"} <= held
    code = "import toolkit, toolkit.cli; print(toolkit.__file__); toolkit.cli.main(['--help'])"
    help_page = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert help_page.startswith(str(tmp_path / "site"))
    assert "anonymize" in help_page
