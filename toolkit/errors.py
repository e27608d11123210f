"""Errors a user can act on: each message names the thing, the rule, the value and the next step."""

FREE_SPACE = "free some space"
"""In the message of an error that says nothing of the input, and everything of the machine."""


class ToolkitError(Exception):
    """Base of every error raised on purpose; ``exit_code`` is what the command line returns."""

    exit_code = 1


class InputError(ToolkitError):
    """The user's input or usage is wrong."""

    exit_code = 2


class VideoError(InputError):
    """A video cannot be read or written as asked."""


class TruncatedError(VideoError):
    """Some of what a video declares is not there."""


class AnnotationError(InputError):
    """A table of annotations cannot be read as one."""


class ModelError(InputError):
    """Weights are missing, cannot be fetched, or do not have the registered sha256."""


class BackendError(InputError):
    """A backend is unknown, or its optional dependency is not installed."""


class ConfigError(InputError):
    """A configuration value breaks its rule."""
