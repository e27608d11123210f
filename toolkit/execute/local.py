"""Tasks on the cores of this machine: one process each, replaced when it dies."""

import ctypes
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from queue import Empty
from typing import Any

from pebble import ProcessExpired, ProcessPool

from toolkit.errors import BackendError, ConfigError, ToolkitError
from toolkit.execute import Outcome, Result, Task

_MAX_ATTEMPTS = 2
_WAITING = 2
"""Tasks ready for each worker, beside the one it works on."""
_NO_WORKERS = (
    "all workers died without anything done, twice; mostly the system kills them, for want of "
    "memory: use fewer workers"
)
_PR_SET_PDEATHSIG = 1
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class LocalExecutor:
    """Implements ``toolkit.execute.Executor`` with processes that share the machine's cores.

    A worker keeps what its work caches, such as models, from task to task. One that is killed, by
    the system for want of memory or by a crash in native code, is replaced; its task is tried once
    more and then given up. Where all workers die between tasks, new ones go on.

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
        """Yield outcomes as they come; leaving the loop early stops the workers.

        Raises:
            BackendError: workers die again and again without anything done.
        """
        left = deque((key, 1) for key in tasks)
        num_broken = 0
        while left:
            num_left, pool = len(left), self._open_pool()
            try:
                yield from self._run(pool, work, tasks, left)
                pool.close()
            except BrokenProcessPool as error:
                num_broken = 1 if len(left) < num_left else num_broken + 1
                if num_broken == _MAX_ATTEMPTS:
                    raise BackendError(_NO_WORKERS) from error
            finally:
                pool.stop()
                pool.join()

    def _open_pool(self) -> ProcessPool:
        context = get_context("spawn")  # a forked process would share this one's OpenGL and locks
        shares = context.Queue()
        for number in range(self._num_workers):
            shares.put(self._cores[number :: self._num_workers] or self._cores)
        return ProcessPool(
            self._num_workers, initializer=_begin, initargs=(shares, self._cores), context=context
        )

    def _run(
        self,
        pool: ProcessPool,
        work: Callable[[Task], Result],
        tasks: Mapping[str, Task],
        left: deque[tuple[str, int]],
    ) -> Iterator[Outcome[Result]]:
        """Yield the outcomes of what is left: keys of tasks, with the number of their attempt.

        Raises:
            BrokenProcessPool: a worker died where pebble does not know of which task, and gave up
                on all of them; what has no outcome is left.
        """
        running: dict[Future[Any], tuple[str, int]] = {}
        try:
            while left or running:
                while left and len(running) < (1 + _WAITING) * self._num_workers:
                    future = _schedule(pool, work, tasks[left[0][0]])
                    running[future] = left.popleft()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    key, attempt = running[future]
                    try:
                        result, error, seconds = future.result()
                        outcome = Outcome(key, result, error, False, attempt, seconds)
                    except ProcessExpired as death:
                        if attempt < _MAX_ATTEMPTS:
                            del running[future]
                            left.appendleft((key, attempt + 1))
                            continue
                        outcome = Outcome(key, None, _describe(death), True, attempt, 0.0)
                    del running[future]
                    yield outcome
        except BrokenProcessPool:
            left.extendleft(running.values())
            raise


def _schedule(pool: ProcessPool, work: Callable[[Task], Result], task: Task) -> Future[Any]:
    try:
        return pool.schedule(_do, args=[work, task])
    except RuntimeError as error:  # what pebble says of a pool that broke since it was last asked
        raise BrokenProcessPool(str(error)) from error


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
