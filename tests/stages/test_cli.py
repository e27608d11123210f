"""What the programs in pipelines/ say when they cannot go on."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from toolkit.stages.cli import run_program


def test_a_full_disk_ends_a_stage_in_one_line(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever it is noticed, such as in the journal: no traceback, and an exit code."""
    shutil.copy(root / "params" / "tiny.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)

    def fill(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "work/mask/journal.jsonl")

    with pytest.raises(SystemExit) as left:
        run_program(fill)
    assert left.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: work/mask/journal.jsonl: No space left on device")
