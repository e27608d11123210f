"""Stage package RELEASE: the released clips in shards."""

import sys

from toolkit.stages.cli import run_program
from toolkit.stages.package import package

if __name__ == "__main__":
    run_program(package, sys.argv[1])
