"""Tasks in processes of their own: done once each, whatever becomes of a worker."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from pebble.pool.process import PoolManager

from toolkit.errors import BackendError, ConfigError, InputError
from toolkit.execute import Outcome
from toolkit.execute.local import LocalExecutor
from toolkit.frames import map_frames


def _double(number: int) -> int:
    return 2 * number


def _refuse(number: int) -> int:
    if number == 1:
        raise InputError("one is refused: take two")
    if number == 2:
        raise KeyError("a fault of ours")
    return number


def _die_once(folder: Path) -> int:
    """Kill the own process the first time."""
    mark = folder / "died"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def _die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return number


def _count_threads(_: int) -> tuple[int, str]:
    started: set[int] = set()

    def note(index: int) -> None:
        started.add(threading_id())
        time.sleep(0.01)
        del index

    from threading import get_ident as threading_id

    list(map_frames(note, 20))
    return len(started), os.environ["OMP_NUM_THREADS"]


def _pid(_: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def _by_key(outcomes: list[Outcome[int]]) -> dict[str, Outcome[int]]:
    assert len({outcome.key for outcome in outcomes}) == len(outcomes)
    return {outcome.key: outcome for outcome in outcomes}


@pytest.mark.parametrize("num_workers", [1, 3])
def test_every_task_is_done_once(num_workers: int) -> None:
    """Also with more tasks than wait at a time, and with none."""
    executor = LocalExecutor(num_workers)
    outcomes = _by_key(list(executor.run(_double, {f"k{n}": n for n in range(40)})))
    assert {key: outcome.result for key, outcome in outcomes.items()} == {
        f"k{n}": 2 * n for n in range(40)
    }
    assert {(o.error, o.num_attempts) for o in outcomes.values()} == {("", 1)}
    assert list(executor.run(_double, {})) == []


def test_a_task_that_fails_does_not_stop_the_others() -> None:
    """What was refused is said as it is; a fault of ours with its place."""
    outcomes = _by_key(list(LocalExecutor(2).run(_refuse, {str(n): n for n in range(4)})))
    assert [outcomes[str(n)].result for n in range(4)] == [0, None, None, 3]
    assert outcomes["1"].error == "one is refused: take two"
    assert outcomes["2"].error.startswith("KeyError: 'a fault of ours' (_refuse, line ")


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    """Its task is done by the next one."""
    (outcome,) = LocalExecutor(1).run(_die_once, {"a": tmp_path})
    assert outcome.result
    assert (outcome.error, outcome.num_attempts) == ("", 2)


def test_a_task_that_kills_its_workers_is_given_up() -> None:
    """Alone: the others are done, by the same and by new workers."""
    outcomes = _by_key(list(LocalExecutor(2).run(_die, {str(n): n for n in range(8)})))
    assert [n for n in range(8) if outcomes[str(n)].result is None] == [3]
    assert "died of it 2 times (SIGSEGV" in outcomes["3"].error
    assert (outcomes["3"].has_died, outcomes["3"].num_attempts) == (True, 2)
    assert not outcomes["4"].has_died


@pytest.fixture
def forgetful_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that never knows what a worker was at that has died, as where it dies too soon."""

    def forget(_pool: PoolManager, _worker_id: int) -> None:
        raise BrokenProcessPool("All workers expired")

    monkeypatch.setattr(PoolManager, "find_expired_task", forget)


@pytest.mark.usefixtures("forgetful_pool")
def test_new_workers_go_on_where_the_pool_breaks(tmp_path: Path) -> None:
    """Every task has one outcome, whichever had one before."""
    tasks = {"a": tmp_path, **{str(n): tmp_path for n in range(12)}}
    outcomes = list(LocalExecutor(2).run(_die_once, tasks))
    assert sorted(outcome.key for outcome in outcomes) == sorted(tasks)
    assert all(outcome.result for outcome in outcomes)


@pytest.mark.usefixtures("forgetful_pool")
def test_workers_that_never_live_are_told() -> None:
    """Not tried for ever."""
    with pytest.raises(BackendError, match="all workers died without anything done, twice"):
        list(LocalExecutor(1).run(_die, {"a": 3}))


def test_workers_share_the_cores() -> None:
    """Two workers on two cores have a thread each."""
    num_cores = len(os.sched_getaffinity(0))
    (outcome,) = LocalExecutor(num_cores).run(_count_threads, {"a": 0})
    assert outcome.result == (1, "1")
    (outcome,) = LocalExecutor(1).run(_count_threads, {"a": 0})
    assert outcome.result == (num_cores, str(num_cores))


def test_leaving_early_stops_the_workers() -> None:
    """Nothing goes on in the background."""
    outcomes = LocalExecutor(2).run(_pid, {str(n): n for n in range(50)})
    pids = {next(outcomes).result for _ in range(4)}
    outcomes.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_killing_the_run_ends_its_workers(tmp_path: Path) -> None:
    """SIGKILL of the parent leaves no process that still writes."""
    program = (
        "import sys; from pathlib import Path; from tests.execute.test_local import _pid;"
        "from toolkit.execute.local import LocalExecutor\n"
        "if __name__ == '__main__':\n"
        "  for o in LocalExecutor(2).run(_pid, {str(n): n for n in range(10**5)}):\n"
        "    print(o.result, flush=True)\n"
    )
    script = tmp_path / "run.py"
    script.write_text(program)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, ("", *sys.path)))}
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment
    ) as run:
        assert run.stdout
        pids = {int(run.stdout.readline()) for _ in range(6)}
        run.kill()
        run.stdout.close()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_no_workers_are_refused() -> None:
    """With what to do."""
    with pytest.raises(ConfigError, match="workers must be 1 or more, got 0"):
        LocalExecutor(0)
