"""Stage validate RELEASE: stops the build where a clip must not go on."""

import sys

from toolkit.stages.cli import run_program
from validation.gate import validate

if __name__ == "__main__":
    run_program(validate, sys.argv[1])
