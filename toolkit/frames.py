"""Frames of one clip on disk, so that memory does not grow with the length of a clip."""

import tempfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike, NDArray


class FrameStore:
    """A growing array [T, *frame_shape] in an unnamed temporary file.

    The file has no name, so nothing is left behind however the process ends. Reading copies: the
    frames returned are the caller's own.
    """

    def __init__(self, frame_shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> None:
        self.frame_shape = frame_shape
        self.dtype = np.dtype(dtype)
        self._bytes_per_frame = int(np.prod(frame_shape)) * self.dtype.itemsize
        self._file = tempfile.TemporaryFile(prefix="m2m-")  # noqa: SIM115 - lives as long as self
        self._num_frames = 0

    def __len__(self) -> int:
        return self._num_frames

    def append(self, frame: NDArray[np.generic]) -> None:
        """Add a frame at the end."""
        self._num_frames += 1
        self[self._num_frames - 1] = frame

    def __getitem__(self, index: int) -> NDArray[np.generic]:
        self._file.seek(self._offset(index))
        data = self._file.read(self._bytes_per_frame)
        return np.frombuffer(bytearray(data), self.dtype).reshape(self.frame_shape)

    def __setitem__(self, index: int, frame: NDArray[np.generic]) -> None:
        if frame.shape != self.frame_shape or frame.dtype != self.dtype:
            raise ValueError(
                f"a frame of {frame.shape} {frame.dtype} does not fit a store of "
                f"{self.frame_shape} {self.dtype}"
            )
        self._file.seek(self._offset(index))
        self._file.write(np.ascontiguousarray(frame).data)

    def __iter__(self) -> Iterator[NDArray[np.generic]]:
        return (self[index] for index in range(len(self)))

    def _offset(self, index: int) -> int:
        if not 0 <= index < self._num_frames:
            raise IndexError(f"frame {index} of a clip of {self._num_frames} frames")
        return index * self._bytes_per_frame
