"""One file a backend: the code that talks to a model or a library."""
