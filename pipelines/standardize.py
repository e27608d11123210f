"""Stage standardize: clips at working size."""

from toolkit.stages.cli import run_program
from toolkit.stages.clips import STANDARDIZE, run_clips

if __name__ == "__main__":
    run_program(run_clips, STANDARDIZE)
