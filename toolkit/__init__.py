"""Dataset-release toolkit for M2M Kinetics: action videos with meshes instead of people."""

__version__ = "0.1.0.dev0"
