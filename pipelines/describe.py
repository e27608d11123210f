"""Stage describe RELEASE: card, provenance and sums; the release is whole."""

import sys

from toolkit.stages.cli import run_program
from toolkit.stages.describe import describe

if __name__ == "__main__":
    run_program(describe, sys.argv[1])
