"""Progress bars on the terminal: one line for each stage, counted in frames or clips."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

StartStage = Callable[[str, int], Callable[[int], None]]
"""Called with a stage's name and its number of frames; returns what the stage calls with the
number of frames it has just finished (``toolkit.m2m.types.Progress``)."""


@contextmanager
def show_stages(counted: str = "frames") -> Iterator[StartStage]:
    """Draw the stages on stderr while the block runs; nothing where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(counted),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        def start_stage(name: str, num_frames: int) -> Callable[[int], None]:
            task = bars.add_task(name, total=num_frames)
            return lambda num_done: bars.advance(task, num_done)

        yield start_stage
