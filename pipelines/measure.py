"""Stage measure RELEASE: what every check says of a release's clips."""

import sys

from toolkit.stages.cli import run_program
from toolkit.stages.clips import MEASURE, run_clips

if __name__ == "__main__":
    run_program(run_clips, MEASURE, sys.argv[1])
