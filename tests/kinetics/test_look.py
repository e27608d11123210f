"""What is made of a file's task, however it ended."""

import pytest

from toolkit.errors import InputError
from toolkit.execute import Outcome
from toolkit.kinetics.look import Look, take_outcome


def _outcome(result, error="", *, has_died=False):
    return Outcome("key", result, error, has_died, 1, 0.1)


def test_what_crashes_the_decoder_is_a_finding():
    """The other files are looked at, and a rerun does not begin with it again."""
    look = take_outcome(_outcome(None, "the worker died of it", has_died=True))
    assert look == Look(problem="unreadable", detail="crashes the decoder: the worker died of it")


def test_a_task_that_cannot_be_done_says_nothing_of_its_file():
    """The run stops, and says what to do; a look is taken as it is."""
    with pytest.raises(InputError, match=r"^no room: free some$"):
        take_outcome(_outcome(None, "no room: free some"))
    assert take_outcome(_outcome(Look(sha256="0"))) == Look(sha256="0")
