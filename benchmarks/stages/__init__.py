"""How good each stage is, measured on actors whose truth is known."""
