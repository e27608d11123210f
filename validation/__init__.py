"""What a release is held to before it is packaged, as Great Expectations suites, and the gate."""
