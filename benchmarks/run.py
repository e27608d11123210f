"""The folder of a run: what it was told, how far it is, and what it logged.

config.json           all that decides the result
state.pt              all that going on needs: step, weights, optimiser. What is drawn at a step
                      follows from seed and step, so no generator has a state of its own
log.jsonl             a line a step, the same bytes however often the run was stopped
tensorboard/          the same for TensorBoard, with seconds
epoch-0040.safetensors   weights that were to be kept
model.safetensors     the result; written last
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from toolkit.errors import ConfigError, InputError
from toolkit.files import make_folder, write_output

_STATE = "state.pt"


def load_state(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Load what a run saved last, and return how many steps were done by then; 0 at its start.

    Raises:
        InputError: it cannot be read, or is of another model.
    """
    path = folder / _STATE
    if not path.exists():
        return 0
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])
    except Exception as error:  # of pickle, zip and torch
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path} is damaged or of another model ({reason}): remove {folder} and begin again"
        ) from error


class Run:
    """A folder that a run is written to, and goes on from.

    Raises:
        ConfigError: it holds a run that was told something else.
    """

    def __init__(self, folder: Path, config: Mapping[str, object]) -> None:
        self.folder = folder
        self.result = folder / "model.safetensors"
        make_folder(folder)
        self._state, self._log = folder / _STATE, folder / "log.jsonl"
        self._open_config(json.loads(json.dumps(config)))
        self._started = time.monotonic()

    def _open_config(self, config: dict[str, Any]) -> None:
        path = self.folder / "config.json"
        if not path.exists():
            with write_output(path) as partial:
                partial.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
            return
        try:
            known = json.loads(path.read_text("utf-8"))
            changed = sorted(key for key in {*known, *config} if known.get(key) != config.get(key))
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"{path} is no config of a run ({error}): name another --out"
            ) from error
        if changed:
            raise ConfigError(
                f"{self.folder} holds a run with another {', '.join(changed)}: name another --out, "
                "or remove that folder"
            )

    def save_state(self, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Save all that going on after ``step`` steps needs; whole or not at all."""
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
        with write_output(self._state) as partial:
            torch.save(state, partial)

    @contextmanager
    def open_log(self, step: int) -> Iterator[None]:
        """Log after the first ``step`` steps; what was logged of later ones will come again."""
        lines = self._log.read_text("utf-8").splitlines(keepends=True) if self._log.exists() else []
        with write_output(self._log) as partial:
            partial.write_text("".join(lines[:step]), "utf-8")
        board = SummaryWriter(str(self.folder / "tensorboard"), purge_step=step + 1)
        with self._log.open("a", encoding="utf-8") as self._lines, closing(board) as self._board:
            yield

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Add a line for a step that was done; steps count from 1."""
        self._lines.write(json.dumps({"step": step, **values}) + "\n")
        self._lines.flush()
        for name, value in values.items():
            self._board.add_scalar(name, value, step)
        self._board.add_scalar("seconds", time.monotonic() - self._started, step)
