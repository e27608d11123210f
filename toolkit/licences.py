"""What code, weights and rendered video may be used for: the most restrictive part decides.

Which part is under which terms, and what these allow, is data: ``licences.yaml``, and
``models.yaml`` for weights. This reads licences as engineers do; it is no legal advice.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from toolkit import models
from toolkit.config import load_profile
from toolkit.errors import ConfigError

ALLOWS = ("any", "non-commercial", "research")
"""What licences allow, from most to least."""

SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "code": ("code",),
    "weights": ("weights",),
    "rendered video": ("weights", "body", "videos"),
    "labels and lists": ("annotations",),
}
"""What is asked about, and the kinds of components that decide it."""


@dataclass(frozen=True)
class Licence:
    """Terms.

    Attributes:
        allows: one of ``ALLOWS``.
        says: why, in a sentence.
        url: of its text; None where it has none of its own.
        hub: its name on the Hub; None where that has none ("other").
    """

    name: str
    allows: str
    says: str
    url: str | None = None
    hub: str | None = None


@dataclass(frozen=True)
class Component:
    """Something that a release is made with.

    Attributes:
        kind: code, weights, body, videos or annotations.
        licence: the name of it.
        bodies: the body backends that need it; none: every release does.
    """

    name: str
    kind: str
    licence: str
    bodies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What something may be used for, and the components that allow no more."""

    subject: str
    allows: str
    decided_by: tuple[Component, ...]


@cache
def _load() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((files("toolkit") / "licences.yaml").read_text("utf-8"))
    return data


def digest_terms() -> str:
    """Return the sha256 of all that says under which terms anything is."""
    texts = [(files("toolkit") / name).read_bytes() for name in ("licences.yaml", "models.yaml")]
    return hashlib.sha256(b"".join(texts)).hexdigest()


def find_licence(name: str, of: str) -> Licence:
    """Return a licence by its name.

    Args:
        name: as licences.yaml has it.
        of: what is under it, for the message.

    Raises:
        ConfigError: nothing is known of it, so nobody may rely on it.
    """
    known = _load()["licences"]
    if name not in known:
        raise ConfigError(
            f"{of}: nothing is known of its licence {name!a}, so nothing may be made with it: use "
            f"something else, or one of {', '.join(known)}"
        )
    return Licence(name, **known[name])


def list_components(
    profile: str, body: str | None, more: Sequence[Component] = ()
) -> list[Component]:
    """Return the code, weights and body that a release is made with.

    Args:
        profile: its weights are those of ``models.yaml``.
        body: a body backend; None: nobody is drawn.
        more: known besides, such as a body of the user's own, and what the source is under.

    Raises:
        ConfigError: nobody says under which licence the body is.
        ModelError: no model belongs to this profile.
    """
    known = [
        Component(**{**entry, "bodies": tuple(entry.get("bodies", ()))})
        for entry in _load()["components"]
    ]
    weights = [
        Component(name, "weights", models.find(name).licence)
        for name in models.names_of_profile(profile)
    ]
    chosen = [part for part in (*known, *weights, *more) if not part.bodies or body in part.bodies]
    if body and not any(body in part.bodies for part in chosen):
        raise ConfigError(
            f"body {body}: nobody says under which licence it is, so nothing may be made with it: "
            f"name it under components in facts.yaml, or take another body"
        )
    return chosen


def default_body(profile: str) -> str | None:
    """Return the body of a profile; None where its body is among the weights."""
    try:
        return load_profile(profile).body
    except ConfigError:
        return None


def solve(components: Sequence[Component]) -> list[Answer]:
    """Return what may be done with each subject that components decide.

    Raises:
        ConfigError: the licence of one is unknown.
    """
    allowed = {part: find_licence(part.licence, part.name).allows for part in components}
    answers = []
    for subject, kinds in SUBJECTS.items():
        parts = [part for part in components if part.kind in kinds]
        if not parts:
            continue
        least = max((allowed[part] for part in parts), key=ALLOWS.index)
        deciding = tuple(part for part in parts if allowed[part] == least)
        answers.append(Answer(subject, least, deciding if least != ALLOWS[0] else ()))
    return answers


def check_licence(name: str, components: Sequence[Component], subject: str) -> Licence:
    """Return a licence if components bear it for a subject.

    Raises:
        ConfigError: one of them allows less than it; or a licence is unknown.
    """
    wanted = find_licence(name, "the release")
    for answer in solve(components):
        if answer.subject == subject and ALLOWS.index(answer.allows) > ALLOWS.index(wanted.allows):
            part = answer.decided_by[0]
            raise ConfigError(
                f"{part.name} is under {part.licence}, which allows {describe(answer.allows)}, and "
                f"facts.yaml gives the release {name}, which allows {describe(wanted.allows)}: "
                "name a licence there that allows no more, or build without it"
            )
    return wanted


def describe(allows: str) -> str:
    """Return what is allowed, in words."""
    words = ("any use", "non-commercial use only", "research only")
    return dict(zip(ALLOWS, words, strict=True))[allows]
