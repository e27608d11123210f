"""What a release still tells of the people in it."""
