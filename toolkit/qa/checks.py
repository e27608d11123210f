"""The outcome of a check, and the limits that ship with the package."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import NamedTuple, Self

import numpy as np
import yaml

from toolkit.errors import ConfigError
from toolkit.m2m.types import Array, Evidence

CRITICAL, WARNING = SEVERITIES = ("critical", "warning")
"""A clip above a critical limit is quarantined, one above a warning's is only marked."""

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the frame."""


def as_box(box_xyxy: Array) -> Box:
    """Return four numbers of an array as a box."""
    x0, y0, x1, y1 = box_xyxy.tolist()
    return x0, y0, x1, y1


class Limit(NamedTuple):
    """What a value must not exceed, and how bad it is if it does."""

    value: float
    severity: str


class Reading(float):
    """What a check says of one frame: a number, and where in the frame.

    Attributes:
        box_xyxy: None where the number is of the whole frame.
    """

    box_xyxy: Box | None

    def __new__(cls, value: float, box_xyxy: Box | None = None) -> Self:
        """Make a number that knows its place."""
        reading = super().__new__(cls, value)
        reading.box_xyxy = box_xyxy
        return reading

    @classmethod
    def of_signs(cls, signs: Sequence[Evidence]) -> "Reading":
        """Return the highest score, and its box; 0 without signs."""
        best = max(signs, key=lambda sign: sign.score, default=None)
        return cls(best.score, best.box_xyxy) if best else cls(0.0)

    @classmethod
    def of_largest_part(cls, where_HW: Array) -> "Reading":
        """Return the share of the frame that the largest connected part takes, and its box."""
        import cv2

        _, _, stats, _ = cv2.connectedComponentsWithStats(where_HW.astype(np.uint8), connectivity=8)
        if len(stats) == 1:
            return cls(0.0)
        x, y, width, height, num_px = max(stats[1:].tolist(), key=lambda part: part[4])
        return cls(num_px / where_HW.size, (x, y, x + width, y + height))


@dataclass(frozen=True)
class Check:
    """One number a clip, against its limit.

    Attributes:
        value: the worst frame's; None where the check could not run, which counts as failed.
        worst_frame: its index.
        worst_box: where in that frame; None where the value is of the whole frame.
    """

    value: float | None
    limit: float
    worst_frame: int | None
    worst_box: Box | None = None
    severity: str = CRITICAL

    @property
    def passed(self) -> bool:
        """Whether the check ran and its value is within the limit."""
        return self.value is not None and self.value <= self.limit

    @property
    def blocks(self) -> bool:
        """Whether the clip must be quarantined for it."""
        return not self.passed and (self.value is None or self.severity != WARNING)

    @classmethod
    def not_run(cls, limit: Limit) -> "Check":
        """Return the outcome of a check that could not run."""
        return cls(None, limit.value, None, None, limit.severity)

    @classmethod
    def of_frames(cls, values_T: Sequence[float], limit: Limit) -> "Check":
        """Judge a value a frame by the worst one; no frame, or a value that is no number, fails."""
        if not len(values_T) or not np.isfinite(values_T).all():
            return cls.not_run(limit)
        worst = int(np.argmax(values_T))
        box_xyxy = getattr(values_T[worst], "box_xyxy", None)
        return cls(float(values_T[worst]), limit.value, worst, box_xyxy, limit.severity)

    @classmethod
    def of_share(cls, scores_T: Sequence[float], limit: Limit) -> "Check":
        """Judge the share of frames whose score is not zero; the worst has the highest score."""
        highest = cls.of_frames(scores_T, limit)
        if highest.value is None:
            return highest
        share = float(np.count_nonzero(scores_T) / len(scores_T))
        return replace(highest, value=share)


@cache
def load_limits() -> Mapping[str, Limit]:
    """Return limits.yaml: check name to limit.

    Raises:
        ConfigError: a limit is not a number, or a severity or a name is not as it should be.
    """
    sections = yaml.safe_load(_read_limits())
    limits: dict[str, Limit] = {}
    if not isinstance(sections, dict) or set(sections) != set(SEVERITIES):
        raise ConfigError(f"limits.yaml: its sections must be {' and '.join(SEVERITIES)}")
    for severity, names in sections.items():
        for name, limit in (names or {}).items():
            is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
            if not is_number or not np.isfinite(limit):
                raise ConfigError(
                    f"limits.yaml: {name} must be a number, not {limit!r}: correct it"
                )
            if name in limits:
                raise ConfigError(f"limits.yaml: {name} is there twice: leave one")
            limits[name] = Limit(float(limit), severity)
    return limits


def load_meanings() -> dict[str, str]:
    """Return check name to what it measures: the comment above it in limits.yaml."""
    entry = r"((?:^  #.*\n)+)^  (\w+):"
    return {
        name: " ".join(line.strip("# ") for line in comment.splitlines())
        for comment, name in re.findall(entry, _read_limits(), re.MULTILINE)
    }


def _read_limits() -> str:
    return resources.files("toolkit.qa").joinpath("limits.yaml").read_text("utf-8")
