"""Stage select_classes: which classes are kept."""

from toolkit.stages.cli import run_program
from toolkit.stages.ingest import select_classes

if __name__ == "__main__":
    run_program(select_classes)
