"""Stage inpaint: clips without the people in them."""

from toolkit.stages.cli import run_program
from toolkit.stages.clips import INPAINT, run_clips

if __name__ == "__main__":
    run_program(run_clips, INPAINT)
