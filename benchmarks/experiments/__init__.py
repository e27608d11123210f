"""The experiments of the paper at the size of the mini suite (benchmarks/dvc.yaml)."""
