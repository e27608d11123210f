"""Stage recover: SMPL-X parameters of each person."""

from toolkit.stages.cli import run_program
from toolkit.stages.clips import RECOVER, run_clips

if __name__ == "__main__":
    run_program(run_clips, RECOVER)
