"""``m2m retry``: clips that failed are tried again."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from toolkit.errors import InputError
from toolkit.stages.kept import forget_failures
from toolkit.stages.project import Project
from toolkit.stages.rows import name_target


def forget_all(project: Project, stages: Sequence[str]) -> dict[str, list[str]]:
    """Forget failures, of all stages or of those named.

    Returns:
        Stage to the ids of the clips that failed in it, where there are any.

    Raises:
        InputError: a stage that is named has done nothing yet.
    """
    work = project.root / "work"
    folders = [*work.glob("*/parts"), *work.glob("*/*/parts")]
    known = sorted(path.parent.relative_to(work).as_posix() for path in folders)
    for name in stages:
        if name not in known:
            raise InputError(
                f"no stage '{name}' has run here: choose one of {', '.join(known) or '(none)'}"
            )
    found = {name: forget_failures(project.work(name)) for name in (stages or known)}
    return {name: clips for name, clips in found.items() if clips}


def run_again(root: Path, stages: Sequence[str]) -> int:
    """Run these stages whatever DVC thinks of them, then everything that depends on them.

    Returns:
        The exit code of DVC.
    """
    dvc = (sys.executable, "-m", "dvc", "repro")
    targets = [name_target(name) for name in stages]
    forced = subprocess.run([*dvc, "--force", "--single-item", *targets], cwd=root, check=False)
    return forced.returncode or subprocess.run(dvc, cwd=root, check=False).returncode
