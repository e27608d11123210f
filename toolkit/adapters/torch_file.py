"""Reads weights that PyTorch saved before version 1.6, without PyTorch and without running them.

Such a file is five pickles and then the numbers: magic number, protocol, sizes of types, the
dictionary (name to a view of a storage), the keys of the storages, and for each key the count and
the values. Only the few names that a dictionary of tensors needs are looked up; any other one is
refused, so that a hostile file cannot call anything.
"""

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit.errors import ModelError
from toolkit.m2m.types import Array

_MAGIC = 0x1950A86A20F9469CFC6C
_NUMBERS = {"FloatStorage": "<f4", "LongStorage": "<i8"}


@dataclass(frozen=True)
class _View:
    """A tensor: where in which storage it lies; strides and offset count numbers, not bytes."""

    key: str
    kind: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild(storage: tuple[Any, ...], offset: int, shape: Any, strides: Any, *_: Any) -> _View:  # noqa: ANN401 - as pickled
    return _View(str(storage[2]), storage[1], int(offset), tuple(shape), tuple(strides))


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - a class or function
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _NUMBERS:
            return _NUMBERS[name]
        raise ModelError(f"refused weights that ask for {module}.{name}: they are no plain tensors")

    def persistent_load(self, pid: Any) -> Any:  # noqa: ANN401 - as pickled
        return pid


def read_tensors(content: bytes) -> dict[str, Array]:
    """Return the tensors of a file by name, as arrays of their own.

    Raises:
        ModelError: it is no such file, or holds anything but tensors of float32 and int64.
    """
    file = io.BytesIO(content)
    try:
        if _Reader(file).load() != _MAGIC:
            raise ModelError("these weights are not in PyTorch's format of before 1.6")
        for _ in ("protocol", "sizes of types"):
            _Reader(file).load()
        views: dict[str, _View] = _Reader(file).load()
        kinds = {view.key: view.kind for view in views.values()}
        storages = {str(key): _read_storage(file, kinds[str(key)]) for key in _Reader(file).load()}
        return {name: _view(view, storages[view.key]) for name, view in views.items()}
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, AttributeError) as error:
        raise ModelError(
            f"these weights cannot be read ({type(error).__name__}: {error})"
        ) from error


def _read_storage(file: io.BytesIO, kind: str) -> Array:
    (count,) = np.frombuffer(file.read(8), "<i8")
    return np.frombuffer(file.read(int(count) * np.dtype(kind).itemsize), kind, int(count))


def _view(view: _View, storage: Array) -> Array:
    """Return the numbers of a view, which must lie within its storage."""
    reach = sum((size - 1) * step for size, step in zip(view.shape, view.strides, strict=True))
    if min((view.offset, *view.strides, *view.shape)) < 0 or view.offset + reach >= len(storage):
        raise ValueError("a tensor reaches beyond its storage")
    steps = [step * storage.itemsize for step in view.strides]
    return np.array(np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, steps))
