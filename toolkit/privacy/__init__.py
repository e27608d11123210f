"""What an auditor asks of a release: what was checked, how well, and what remains."""
