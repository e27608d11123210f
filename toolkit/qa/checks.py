"""The outcome of a check, and the limits that ship with the package."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import yaml

from toolkit.errors import ConfigError


@dataclass(frozen=True)
class Check:
    """One number a clip, against its limit.

    Attributes:
        value: the worst frame's; None where the check could not run, which counts as failed.
        worst_frame: its index.
    """

    value: float | None
    limit: float
    worst_frame: int | None

    @property
    def passed(self) -> bool:
        """Whether the check ran and its value is within the limit."""
        return self.value is not None and self.value <= self.limit

    @classmethod
    def of_frames(cls, values_T: Sequence[float], limit: float) -> "Check":
        """Judge a value a frame by the worst one; no frame, or a value that is no number, fails."""
        if not len(values_T) or not np.isfinite(values_T).all():
            return cls(None, limit, None)
        worst = int(np.argmax(values_T))
        return cls(float(values_T[worst]), limit, worst)

    @classmethod
    def of_share(cls, scores_T: Sequence[float], limit: float) -> "Check":
        """Judge the share of frames whose score is not zero; the worst has the highest score."""
        highest = cls.of_frames(scores_T, limit)
        if highest.value is None:
            return highest
        share = float(np.count_nonzero(scores_T) / len(scores_T))
        return cls(share, limit, highest.worst_frame)


@cache
def load_limits() -> Mapping[str, float]:
    """Return limits.yaml: check name to limit.

    Raises:
        ConfigError: a limit is not a number.
    """
    text = resources.files("toolkit.qa").joinpath("limits.yaml").read_text("utf-8")
    limits = yaml.safe_load(text) or {}
    for name, limit in limits.items():
        is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
        if not is_number or not np.isfinite(limit):
            raise ConfigError(f"limits.yaml: {name} must be a number, not {limit!r}: correct it")
    return {name: float(limit) for name, limit in limits.items()}
