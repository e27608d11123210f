import math
from pathlib import Path

import numpy as np
import pytest

from toolkit.errors import ConfigError
from toolkit.qa import checks
from toolkit.qa.checks import Check, load_limits


def test_a_clip_is_as_good_as_its_worst_frame() -> None:
    """One frame above the limit fails the clip, and is named."""
    check = Check.of_frames([0.1, 0.0, 0.51, 0.2], 0.5)
    assert (check.value, check.worst_frame) == (0.51, 2)
    assert not check.passed


@pytest.mark.parametrize(("value", "passed"), [(0.0, True), (0.5, True), (0.5000001, False)])
def test_the_limit_itself_passes(value: float, passed: bool) -> None:
    """Not more than the limit."""
    assert Check.of_frames([value], 0.5).passed is passed


@pytest.mark.parametrize("judge", [Check.of_frames, Check.of_share])
@pytest.mark.parametrize("values", [[], [math.nan], [0.0, math.nan, 0.0], [math.inf], [-math.inf]])
def test_a_check_that_could_not_run_counts_as_failed(judge, values: list[float]) -> None:
    """No frame at all, or a value that is no number in one of them."""
    check = judge(values, 0.5)
    assert (check.value, check.worst_frame) == (None, None)
    assert not check.passed


def test_a_limit_that_is_no_number_lets_nothing_through() -> None:
    """A comparison with it is never true."""
    assert not Check.of_frames([0.0], math.nan).passed


def test_a_share_counts_frames_and_names_the_worst() -> None:
    """How many frames are not zero, however high they are; the highest is the worst."""
    check = Check.of_share([0.0, 0.4, 0.9, 0.0], 0.5)
    assert (check.value, check.worst_frame) == (0.5, 2)
    assert check.passed
    assert not Check.of_share([0.1, 0.1, 0.1, 0.0], 0.5).passed


def test_values_are_plain_numbers() -> None:
    """So that the report can be written as JSON."""
    for check in (Check.of_frames(np.array([0.5]), 1), Check.of_share(np.array([0.5]), 1)):
        assert type(check.value) is float
        assert type(check.worst_frame) is int


def test_the_limits_that_ship_are_numbers() -> None:
    """Every check has one."""
    limits = load_limits()
    assert len(limits) >= 7
    assert all(type(limit) is float and math.isfinite(limit) for limit in limits.values())


@pytest.mark.parametrize(
    "value",
    [
        "high",
        "'0.5'",
        "",
        "[0.5]",
        "yes",
        ".nan",
        ".inf",
    ],
)
def test_a_limit_that_is_no_number_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """The message names the check; nothing runs without its limit."""
    (tmp_path / "limits.yaml").write_text(f"faces: 0.5\npeople: {value}\n")
    monkeypatch.setattr(checks.resources, "files", lambda _package: tmp_path)
    with pytest.raises(ConfigError, match="people must be a number"):
        load_limits.__wrapped__()
