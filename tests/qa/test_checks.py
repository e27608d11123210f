import math
from pathlib import Path

import numpy as np
import pytest

from toolkit.errors import ConfigError
from toolkit.m2m.types import Evidence
from toolkit.qa import checks
from toolkit.qa.checks import CRITICAL, WARNING, Check, Limit, Reading, load_limits

HALF = Limit(0.5, CRITICAL)


def test_a_clip_is_as_good_as_its_worst_frame() -> None:
    """One frame above the limit fails the clip, and is named."""
    check = Check.of_frames([0.1, 0.0, 0.51, 0.2], HALF)
    assert (check.value, check.worst_frame) == (0.51, 2)
    assert not check.passed


@pytest.mark.parametrize(("value", "passed"), [(0.0, True), (0.5, True), (0.5000001, False)])
def test_the_limit_itself_passes(value: float, passed: bool) -> None:
    """Not more than the limit."""
    assert Check.of_frames([value], HALF).passed is passed


@pytest.mark.parametrize("judge", [Check.of_frames, Check.of_share])
@pytest.mark.parametrize("values", [[], [math.nan], [0.0, math.nan, 0.0], [math.inf], [-math.inf]])
def test_a_check_that_could_not_run_counts_as_failed(judge, values: list[float]) -> None:
    """No frame at all, or a value that is no number in one of them."""
    check = judge(values, HALF)
    assert (check.value, check.worst_frame) == (None, None)
    assert not check.passed


def test_a_limit_that_is_no_number_lets_nothing_through() -> None:
    """A comparison with it is never true."""
    assert not Check.of_frames([0.0], Limit(math.nan, CRITICAL)).passed


def test_a_share_counts_frames_and_names_the_worst() -> None:
    """How many frames are not zero, however high they are; the highest is the worst."""
    check = Check.of_share([0.0, 0.4, 0.9, 0.0], HALF)
    assert (check.value, check.worst_frame) == (0.5, 2)
    assert check.passed
    assert not Check.of_share([0.1, 0.1, 0.1, 0.0], HALF).passed


def test_values_are_plain_numbers() -> None:
    """So that the report can be written as JSON."""
    for check in (Check.of_frames(np.array([0.5]), HALF), Check.of_share(np.array([0.5]), HALF)):
        assert type(check.value) is float
        assert type(check.worst_frame) is int


def test_the_limits_that_ship_are_numbers() -> None:
    """Every check has one."""
    values = [limit.value for limit in load_limits().values()]
    assert len(values) >= 7
    assert all(type(value) is float and math.isfinite(value) for value in values)


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
    (tmp_path / "limits.yaml").write_text(
        f"critical:\n  faces: 0.5\n  people: {value}\nwarning: {{}}\n"
    )
    monkeypatch.setattr(checks.resources, "files", lambda _package: tmp_path)
    with pytest.raises(ConfigError, match="people must be a number"):
        load_limits.__wrapped__()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("faces: 0.5", "sections must be critical and warning"),
        ("", "sections must be critical and warning"),
        ("critical: {faces: 0.5}\nwarning: {faces: 0.9}", "faces is there twice"),
    ],
)
def test_a_limit_has_one_severity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    """Neither none nor two."""
    (tmp_path / "limits.yaml").write_text(text)
    monkeypatch.setattr(checks.resources, "files", lambda _package: tmp_path)
    with pytest.raises(ConfigError, match=told):
        load_limits.__wrapped__()


@pytest.mark.parametrize(
    ("value", "severity", "blocks"),
    [
        (0.6, CRITICAL, True),
        (0.6, WARNING, False),
        (0.4, CRITICAL, False),
        (math.nan, WARNING, True),
    ],
)
def test_a_warning_holds_a_clip_back_only_if_it_could_not_run(
    value: float, severity: str, blocks: bool
) -> None:
    """A critical check does in both cases."""
    assert Check.of_frames([value], Limit(0.5, severity)).blocks is blocks


def test_a_check_says_where() -> None:
    """The box of the worst reading: of the surest sign, or of the largest part."""
    signs = [Evidence("face", (1, 2, 3, 4), 0.4), Evidence("face", (5, 6, 7, 8), 0.9)]
    where_HW = np.zeros((10, 20), np.uint8)
    where_HW[2:4, 3:8] = where_HW[7, 7] = 255
    surest, largest = Reading.of_signs(signs), Reading.of_largest_part(where_HW)
    assert (surest, surest.box_xyxy) == (0.9, (5, 6, 7, 8))
    assert (largest, largest.box_xyxy) == (10 / 200, (3, 2, 8, 4))
    assert Check.of_frames([largest, surest], HALF).worst_box == (5, 6, 7, 8)
    assert Check.of_share([surest, largest], HALF).worst_box == (5, 6, 7, 8)
    for nothing in (Reading.of_signs([]), Reading.of_largest_part(0 * where_HW)):
        assert (nothing, nothing.box_xyxy) == (0, None)
