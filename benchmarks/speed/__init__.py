"""How fast, always beside a peer that ran in the same process."""
