"""Synthetic people with known truth: bodies, motions and scenes, rendered into short clips."""
