"""Stage composite RELEASE: bodies over the scene, of one release."""

import sys

from toolkit.stages.cli import run_program
from toolkit.stages.clips import COMPOSITE, run_clips

if __name__ == "__main__":
    run_program(run_clips, COMPOSITE, sys.argv[1])
