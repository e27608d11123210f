"""Stage mask: who is in each clip, and the masks."""

from toolkit.stages.cli import run_program
from toolkit.stages.clips import MASK, run_clips

if __name__ == "__main__":
    run_program(run_clips, MASK)
