"""Dataset-release toolkit for M2M Kinetics: action videos with meshes instead of people."""

import os

__version__ = "0.1.0.dev0"

# Read when ONNX Runtime is imported, which otherwise makes an id for the machine and reports use.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
