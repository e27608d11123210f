"""One thin program for each stage of dvc.yaml; what a stage does is in toolkit/stages."""
