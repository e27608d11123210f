import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from toolkit.errors import InputError, VideoError
from toolkit.frames import FrameStore, map_frames


def _numbered(index: int) -> np.ndarray:
    return np.full((3, 5), index, np.uint8)


@pytest.fixture
def store() -> FrameStore:
    """Frames 0 to 9, each filled with its own number."""
    store = FrameStore((3, 5))
    for index in range(10):
        store.append(_numbered(index))
    return store


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.float16, np.float32])
def test_frames_come_back_as_they_went_in(dtype: type) -> None:
    """Values, shape, type and order are kept, also of a frame that is a view into another array."""
    frames = np.random.default_rng(0).integers(0, 2, (4, 6, 8, 3)).astype(dtype)
    store = FrameStore((6, 8, 3), dtype)
    for frame in frames[:, :, ::-1]:
        store.append(frame)
    assert len(store) == 4
    read = np.stack(list(store))
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, frames[:, :, ::-1])


def test_a_frame_that_was_read_is_the_readers_own(store: FrameStore) -> None:
    """Changing it does not change the store."""
    frame = store[3]
    frame[:] = 99
    np.testing.assert_array_equal(store[3], _numbered(3))


def test_a_frame_can_be_replaced(store: FrameStore) -> None:
    """Its neighbours stay."""
    store[3] = _numbered(77)
    assert [frame[0, 0] for frame in store] == [0, 1, 2, 77, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("index", [-1, 10])
def test_a_frame_outside_the_clip_is_an_error(store: FrameStore, index: int) -> None:
    """Neither the last frame by -1 nor bytes beyond the end."""
    with pytest.raises(IndexError, match=f"frame {index} of a clip of 10 frames"):
        store[index]
    with pytest.raises(IndexError):
        store[index] = _numbered(0)


@pytest.mark.parametrize(
    "frame", [np.zeros((5, 3), np.uint8), np.zeros((3, 5), np.float32), np.zeros((3, 5), bool)]
)
def test_a_frame_of_another_size_or_type_is_refused(store: FrameStore, frame: np.ndarray) -> None:
    """The message names both; nothing is converted in silence."""
    with pytest.raises(ValueError, match=r"does not fit a store of \(3, 5\) uint8"):
        store[0] = frame
    np.testing.assert_array_equal(store[0], _numbered(0))


def test_a_refused_frame_is_not_counted(store: FrameStore) -> None:
    """Otherwise the store ends with a frame that holds whatever was in memory."""
    with pytest.raises(ValueError, match="does not fit"):
        store.append(np.zeros((5, 3), np.uint8))
    assert len(store) == 10


def test_threads_write_and_read_different_frames_at_once() -> None:
    """Each thread finds its own frames, however the writes fall."""
    store = FrameStore((64, 64), np.uint16)
    for _ in range(200):
        store.append(np.zeros((64, 64), np.uint16))

    def write_and_read(first: int) -> bool:
        for index in range(first, 200, 8):
            store[index] = np.full((64, 64), index, np.uint16)
        return all((store[index] == index).all() for index in range(first, 200, 8))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write_and_read, range(8)))
    assert [int(frame[0, 0]) for frame in store] == list(range(200))


def test_no_file_is_seen_while_frames_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without a name: a process that is killed leaves nothing behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = FrameStore((64, 64))
    store.append(np.ones((64, 64), np.uint8))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Files of this process can hold no more than 10,000 bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("bytes_per_frame", [2500, 3000])
@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_an_error_that_says_what_to_do(bytes_per_frame: int) -> None:
    """Whether a frame fits not at all or in part, in one line that names the folder."""
    store = FrameStore((bytes_per_frame,))
    for _ in range(10_000 // bytes_per_frame):
        store.append(np.zeros(bytes_per_frame, np.uint8))
    with pytest.raises(InputError, match=r"free some space there or name .* in TMPDIR") as failure:
        store.append(np.zeros(bytes_per_frame, np.uint8))
    assert tempfile.gettempdir() in str(failure.value)
    assert "\n" not in str(failure.value)


def test_results_come_in_the_order_of_the_frames() -> None:
    """Also when the first take longest."""

    def slowest_first(index: int) -> int:
        time.sleep(0.02 if index < 2 else 0)
        return 10 * index

    assert list(map_frames(slowest_first, 20)) == list(range(0, 200, 10))


def test_frames_are_computed_ahead_in_other_threads() -> None:
    """While the caller works on the first result, the next ones are made."""
    made = threading.Event()

    def mark(index: int) -> int:
        if index == 1:
            made.set()
        return index

    results = map_frames(mark, 2)
    assert next(results) == 0
    assert made.wait(5)
    results.close()


def test_a_slow_caller_does_not_pile_up_results() -> None:
    """Work stays within a few frames of the caller, so that memory does not grow with length."""
    begun = []
    results = map_frames(begun.append, 5000)
    next(results)
    time.sleep(0.2)
    assert len(begun) <= 5 * (os.cpu_count() or 1)
    assert len(list(results)) == 4999


def test_no_frame_at_all_is_no_result() -> None:
    """The flow of a clip of one frame asks for this."""
    assert not list(map_frames(lambda index: index, 0))


def test_an_error_reaches_the_caller_and_ends_the_work() -> None:
    """What has not begun is not begun any more."""
    begun = []

    def fail_at_two(index: int) -> int:
        begun.append(index)
        if index == 2:
            raise VideoError("frame 2 is broken")
        time.sleep(0.005)
        return index

    results = map_frames(fail_at_two, 2000)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(VideoError, match="frame 2 is broken"):
        next(results)
    assert len(begun) < 1000


def test_a_caller_who_stops_early_ends_the_work() -> None:
    """Closing the generator cancels the frames that nobody asks for."""
    begun = []

    def slow(index: int) -> int:
        begun.append(index)
        time.sleep(0.005)
        return index

    results = map_frames(slow, 2000)
    next(results)
    results.close()
    assert len(begun) < 1000
