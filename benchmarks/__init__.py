"""Measurements on top of the toolkit: never imported by it, never part of the tests."""
