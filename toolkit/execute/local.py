"""Tasks on the cores of this machine: one process each, replaced when it dies."""

import ctypes
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from multiprocessing import get_context
from queue import Empty
from typing import Any

from pebble import ProcessExpired, ProcessPool

from toolkit.errors import ConfigError, ToolkitError
from toolkit.execute import Outcome, Result, Task

_MAX_ATTEMPTS = 2
_WAITING = 2
"""Tasks ready for each worker, beside the one it works on."""
_PR_SET_PDEATHSIG = 1
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class LocalExecutor:
    """Implements ``toolkit.execute.Executor`` with processes that share the machine's cores.

    A worker keeps what its work caches, such as models, from task to task. One that is killed, by
    the system for want of memory or by a crash in native code, is replaced; its task is tried once
    more and then given up.

    Args:
        num_workers: 1 or more; None: as many as there are cores.

    Raises:
        ConfigError: ``num_workers`` is not positive.
    """

    def __init__(self, num_workers: int | None = None) -> None:
        cores = sorted(os.sched_getaffinity(0))
        if num_workers is not None and num_workers < 1:
            raise ConfigError(f"workers must be 1 or more, got {num_workers}: leave it out for all")
        self._num_workers = num_workers or len(cores)
        self._cores = cores

    def run(
        self, work: Callable[[Task], Result], tasks: Mapping[str, Task]
    ) -> Iterator[Outcome[Result]]:
        """Yield outcomes as they come; leaving the loop early stops the workers."""
        context = get_context("spawn")  # a forked process would share this one's OpenGL and locks
        shares = context.Queue()
        for number in range(self._num_workers):
            shares.put(self._cores[number :: self._num_workers] or self._cores)
        pool = ProcessPool(
            self._num_workers, initializer=_begin, initargs=(shares, self._cores), context=context
        )
        try:
            yield from self._run(pool, work, tasks)
            pool.close()
        finally:
            pool.stop()
            pool.join()

    def _run(
        self, pool: ProcessPool, work: Callable[[Task], Result], tasks: Mapping[str, Task]
    ) -> Iterator[Outcome[Result]]:
        upcoming = iter(tasks)
        running: dict[Future[Any], tuple[str, int]] = {}

        def begin(key: str, attempt: int) -> None:
            running[pool.schedule(_do, args=[work, tasks[key]])] = key, attempt

        while True:
            while len(running) < (1 + _WAITING) * self._num_workers:
                key = next(upcoming, None)
                if key is None:
                    break
                begin(key, 1)
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                key, attempt = running.pop(future)
                try:
                    result, error, seconds = future.result()
                    yield Outcome(key, result, error, False, attempt, seconds)
                except ProcessExpired as death:
                    if attempt < _MAX_ATTEMPTS:
                        begin(key, attempt + 1)
                    else:
                        yield Outcome(key, None, _describe(death), True, attempt, 0.0)


def _begin(shares: Any, cores: Sequence[int]) -> None:  # noqa: ANN401 - a queue of any context
    """Take a share of the cores, so that workers' threads are as many as cores are."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who stops us
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # nor do we outlive a killed parent
    try:
        share = shares.get(timeout=1)
    except Empty:  # this one replaces a worker that died
        share = cores
    os.sched_setaffinity(0, share)
    for name in _THREAD_VARIABLES:
        os.environ[name] = str(len(share))


def _do(work: Callable[[Task], Result], task: Task) -> tuple[Result | None, str, float]:
    begin = time.perf_counter()
    try:
        result, error = work(task), ""
    except ToolkitError as refused:
        result, error = None, str(refused)
    except Exception as fault:  # noqa: BLE001 - one bad task must not end the others
        place = traceback.extract_tb(fault.__traceback__)[-1]
        result = None
        error = f"{type(fault).__name__}: {fault} ({place.name}, line {place.lineno})"
    return result, error, time.perf_counter() - begin


def _describe(death: ProcessExpired) -> str:
    code = death.exitcode
    name = signal.Signals(-code).name if code and code < 0 else f"exit code {code}"
    return (
        f"the worker died of it {_MAX_ATTEMPTS} times ({name}; SIGKILL is mostly the system's, for "
        "want of memory: use fewer workers)"
    )
