"""Stage versions: the toolkit, its weights and limits, and reviews, which DVC cannot see."""

from toolkit.stages.cli import run_program
from toolkit.stages.ingest import note_versions

if __name__ == "__main__":
    run_program(note_versions)
