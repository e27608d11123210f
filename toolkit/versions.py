"""Version numbers of releases, and what they must say.

They mean what Croissant says. Who has an older version has to act when clips went or changed
(MAJOR), gains when some were added (MINOR), and can stay where neither happened (PATCH).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toolkit.errors import InputError

STEPS = ("MAJOR", "MINOR", "PATCH")
RELEASED = "released"
_NUMBER = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")

Number = tuple[int, int, int]


@dataclass(frozen=True)
class Clip:
    """What a manifest says of a clip, as far as another version can differ in it."""

    status: str
    label: str
    split: str
    sample_sha256: str


@dataclass(frozen=True)
class Difference:
    """What the second of two versions of a release did to the first.

    Attributes:
        added, removed: clips that only one of them releases.
        changed: clips that both release, with other content, another label or in another split.
        moved: clip -> its status in both, where they differ; some are added or removed by that.
        params: parameter -> its value in both, where they differ; None where a version has no
            provenance to tell.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: Mapping[str, tuple[str, str]]
    params: Mapping[str, tuple[Any, Any]] | None

    @property
    def step(self) -> str:
        """The smallest step of the version that says this."""
        if self.removed or self.changed:
            return "MAJOR"
        return "MINOR" if self.added else "PATCH"

    @property
    def summary(self) -> str:
        """How many clips were removed, changed and added, with one of each."""
        said = {"removed": self.removed, "changed": self.changed, "added": self.added}
        return ", ".join(
            f"{len(clips)} {what} (such as {clips[0]})" for what, clips in said.items() if clips
        )


def parse_number(text: str) -> Number:
    """Return the numbers of ``vX.Y.Z``.

    Raises:
        InputError: it is something else.
    """
    match = _NUMBER.fullmatch(text)
    if not match:
        raise InputError(f"a version is vX.Y.Z, such as v1.0.0, got {text!a}")
    major, minor, patch = map(int, match.groups())
    return major, minor, patch


def is_number(text: str) -> bool:
    """Whether a text is ``vX.Y.Z``."""
    return _NUMBER.fullmatch(text) is not None


def format_number(number: Number) -> str:
    """Return ``vX.Y.Z``."""
    return "v" + ".".join(map(str, number))


def raise_number(number: Number, step: str) -> Number:
    """Return the next version number by a step of STEPS."""
    major, minor, patch = number
    return {
        "MAJOR": (major + 1, 0, 0),
        "MINOR": (major, minor + 1, 0),
        "PATCH": (major, minor, patch + 1),
    }[step]


def compare(
    old: Mapping[str, Clip],
    new: Mapping[str, Clip],
    old_params: Mapping[str, Any] | None,
    new_params: Mapping[str, Any] | None,
) -> Difference:
    """Return what became of the clips and parameters of one version in another."""
    before = {name for name, clip in old.items() if clip.status == RELEASED}
    after = {name for name, clip in new.items() if clip.status == RELEASED}
    return Difference(
        added=tuple(sorted(after - before)),
        removed=tuple(sorted(before - after)),
        changed=tuple(sorted(name for name in before & after if old[name] != new[name])),
        moved={
            name: (old[name].status, new[name].status)
            for name in sorted(old.keys() & new.keys())
            if old[name].status != new[name].status
        },
        params=_compare_params(old_params, new_params),
    )


def check_step(before: Number, after: Number, needed: str, why: str) -> None:
    """Check that a number says at least what happened.

    Raises:
        InputError: its step from the number before is smaller than the needed one.
    """
    step = next(step for step, a, b in zip(STEPS, before, after, strict=True) if a != b)
    if STEPS.index(step) > STEPS.index(needed):
        right = format_number(raise_number(before, needed))
        raise InputError(
            f"{format_number(after)} is a {step} step, and this must be {needed} ({right}): {why}"
        )


def _compare_params(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> dict[str, tuple[Any, Any]] | None:
    if old is None or new is None:
        return None
    was, now = dict(_flatten(old)), dict(_flatten(new))
    keys = sorted(was.keys() | now.keys())
    return {key: (was.get(key), now.get(key)) for key in keys if was.get(key) != now.get(key)}


def _flatten(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flatten(inner, f"{key}.{name}" if key else name)
    else:
        yield key, value
