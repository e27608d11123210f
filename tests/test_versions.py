"""Version numbers of releases."""

import pytest

from toolkit.errors import InputError
from toolkit.versions import Difference, parse_number


def test_a_verdict_that_moves_between_failures_is_a_patch():
    """Only released clips decide about the number."""
    moved = {"x": ("failed", "quarantined")}
    assert Difference((), (), (), moved, None).step == "PATCH"


@pytest.mark.parametrize("text", ["1.0.0", "v1.0", "v01.0.0", "v1.0.0-rc1", "v1.0.0\n", "latest"])
def test_a_number_is_three_numbers(text):
    """Anything but vX.Y.Z is refused."""
    assert parse_number("v1.20.3") == (1, 20, 3)
    with pytest.raises(InputError, match=r"vX\.Y\.Z"):
        parse_number(text)
