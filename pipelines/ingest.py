"""Stage ingest: what the source holds."""

from toolkit.stages.cli import run_program
from toolkit.stages.ingest import ingest

if __name__ == "__main__":
    run_program(ingest)
