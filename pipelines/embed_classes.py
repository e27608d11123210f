"""Stage embed_classes: a frame of each video as a vector, where the choice of classes needs it."""

from toolkit.stages.classes import embed_classes
from toolkit.stages.cli import run_program

if __name__ == "__main__":
    run_program(embed_classes)
