"""Frames of one clip on disk, so that memory does not grow with the length of a clip."""

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from toolkit.errors import FREE_SPACE, InputError

Result = TypeVar("Result")


_NO_ROOM = (
    f"the frames of the clip do not fit into {tempfile.gettempdir()}: {FREE_SPACE} there or "
    "name another folder in TMPDIR"
)


class FrameStore:
    """A growing array [T, *frame_shape] in an unnamed temporary file.

    The file has no name, so nothing is left behind however the process ends. Reading copies: the
    frames returned are the caller's own. Threads may read and write different frames at once.
    """

    def __init__(self, frame_shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> None:
        self.frame_shape = frame_shape
        self.dtype = np.dtype(dtype)
        self._bytes_per_frame = int(np.prod(frame_shape)) * self.dtype.itemsize
        self._file = tempfile.TemporaryFile(prefix="m2m-")  # noqa: SIM115 - lives as long as self
        self._num_frames = 0

    def __len__(self) -> int:
        return self._num_frames

    def append(self, frame: NDArray[Any]) -> None:
        """Add a frame at the end."""
        self._write(frame, self._num_frames * self._bytes_per_frame)
        self._num_frames += 1

    def __getitem__(self, index: int) -> NDArray[Any]:
        frame = np.empty(self.frame_shape, self.dtype)
        os.preadv(self._file.fileno(), [frame.data], self._offset(index))
        return frame

    def __setitem__(self, index: int, frame: NDArray[Any]) -> None:
        self._write(frame, self._offset(index))

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[index] for index in range(len(self)))

    def _write(self, frame: NDArray[Any], offset: int) -> None:
        if frame.shape != self.frame_shape or frame.dtype != self.dtype:
            raise ValueError(
                f"a frame of {frame.shape} {frame.dtype} does not fit a store of "
                f"{self.frame_shape} {self.dtype}"
            )
        data = np.ascontiguousarray(frame).data
        try:
            num_written = os.pwrite(self._file.fileno(), data, offset)
        except OSError as error:
            raise InputError(f"{_NO_ROOM} ({error.strerror})") from error
        if num_written != self._bytes_per_frame:
            raise InputError(_NO_ROOM)

    def _offset(self, index: int) -> int:
        if not 0 <= index < self._num_frames:
            raise IndexError(f"frame {index} of a clip of {self._num_frames} frames")
        return index * self._bytes_per_frame


def map_frames(function: Callable[[int], Result], num_frames: int) -> Iterator[Result]:
    """Yield ``function(index)`` for each frame in order, computed a little ahead on all cores.

    For functions that spend their time in networks and OpenCV, which release Python's lock. Results
    do not pile up where the caller is slower.
    """
    num_threads = len(os.sched_getaffinity(0))
    pool = ThreadPoolExecutor(num_threads)
    ahead: deque[Future[Result]] = deque()
    try:
        for index in range(num_frames):
            ahead.append(pool.submit(function, index))
            if len(ahead) > 4 * num_threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
