"""Releases: what is packed with the shards, and whether a folder is what it says it is."""
