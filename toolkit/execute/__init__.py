"""Who does the work of a stage: many tasks, each done once, by whatever processes there are."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What became of a task.

    Attributes:
        key: of the task.
        result: what the work returned; None where it failed.
        error: one line that says why it failed; empty where it did not.
        has_died: whether its workers died of it.
        num_attempts: how often it was begun: 2 where a worker died of it and the next did not.
        seconds: that the last attempt took.
    """

    key: str
    result: Result | None
    error: str
    has_died: bool
    num_attempts: int
    seconds: float


class Executor(Protocol):
    """Runs tasks that do not depend on each other."""

    def run(
        self, work: Callable[[Task], Result], tasks: Mapping[str, Task]
    ) -> Iterator[Outcome[Result]]:
        """Yield the outcome of each task as soon as it is known, in any order.

        A task that fails does not stop the others.

        Args:
            work: a function of a module, so that a worker can import it.
            tasks: by key; they and the results can be pickled.
        """
        ...
