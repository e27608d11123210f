"""Downstream tasks: which clips they train and validate on, and how many these must be."""
