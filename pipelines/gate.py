"""Stage gate RELEASE: released, quarantined or failed."""

import sys

from toolkit.stages.cli import run_program
from toolkit.stages.gate import gate

if __name__ == "__main__":
    run_program(gate, sys.argv[1])
