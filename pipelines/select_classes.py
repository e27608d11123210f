"""Stage select_classes: which classes are kept."""

from toolkit.stages.classes import select_classes
from toolkit.stages.cli import run_program

if __name__ == "__main__":
    run_program(select_classes)
