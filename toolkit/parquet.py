"""pyarrow, which is heavy and belongs to an extra: imported where tables are read and written."""

from typing import Any

from toolkit.errors import BackendError


def import_pyarrow() -> tuple[Any, Any]:
    """Return the modules pyarrow and pyarrow.parquet.

    Raises:
        BackendError: they are not installed; the line says how to.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise BackendError(
            f"tables need the Python package '{error.name}', which is not installed: "
            f"run  pip install 'm2m-toolkit[pipeline]'"
        ) from error
    return pa, pq
