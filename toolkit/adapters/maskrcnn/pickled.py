"""Reads the ``.pkl`` of weights that detectron2 publishes, without running what is in it.

Only numpy arrays in plain containers are made; a file that asks for anything else is refused.
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct

from toolkit.errors import ModelError
from toolkit.m2m.types import Array


def _encode(text: str, encoding: str) -> bytes:
    """Bytes as old protocols of pickle write them."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes in the encoding {encoding}")
    return text.encode("latin1")


_ALLOWED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - a class or function
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ALLOWED[module, name]


def read_arrays(path: Path) -> dict[str, Array]:
    """Return the float arrays of a file by name.

    Raises:
        ModelError: the file is not there, is no pickle, or holds more than arrays and containers.
    """
    try:
        with path.open("rb") as file:
            content = _Reader(file, encoding="latin1").load()
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: give the file of weights") from error
    except Exception as error:  # a pickle can fail in any way
        raise ModelError(
            f"{path} is refused: it is no pickle of plain numpy arrays ({error}): give the file "
            "that detectron2 publishes"
        ) from error
    arrays = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(arrays, dict):
        raise ModelError(f"{path} holds no weights: give the file that detectron2 publishes")
    return {
        str(key): array
        for key, array in arrays.items()
        if isinstance(array, np.ndarray) and array.dtype.kind == "f"
    }
