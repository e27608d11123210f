"""Dataset-release toolkit for M2M Kinetics: action videos with meshes instead of people."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.release.read import load_release

__all__ = ["__version__", "load_release"]
__version__ = "0.1.0.dev0"

# Read when ONNX Runtime is imported, which otherwise makes an id for the machine and reports use.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever has that name
    """Load what reads releases only when it is asked for."""
    if name == "load_release":
        try:
            from toolkit.release.read import load_release
        except ModuleNotFoundError as error:
            raise ImportError(
                f"reading a release needs {error.name}: pip install 'm2m-toolkit[read]'"
            ) from error
        return load_release
    raise AttributeError(f"module 'toolkit' has no attribute {name!r}")
