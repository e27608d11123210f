"""The stages of a build: what ``dvc repro`` runs, one module each, on shards of clips."""
