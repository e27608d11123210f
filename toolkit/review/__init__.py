"""The human check: which clips somebody looks at, with what, and what came of it."""
