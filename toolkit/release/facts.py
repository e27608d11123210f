"""What people have written about a release, in ``dataset_cards/``: the one source of its pages.

A release's facts are ``shared/facts.yaml``, then ``RELEASE/facts.yaml`` over it, with
``sources/SOURCE.yaml`` under ``source``. They are checked when they are read.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from toolkit.errors import ConfigError

CARDS, SHARED, SOURCES, FACTS = "dataset_cards", "shared", "sources", "facts.yaml"

Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], Field(min_length=1)]


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Maintainer(_Values):
    """Who answers for a release."""

    name: Text
    url: Text
    contact: Text


class Paper(_Values):
    """What is cited with a release; ``key`` is the one of its BibTeX."""

    title: Text
    key: Text
    authors: Text
    url: Text


class Source(_Values):
    """Whose clips a release was made from.

    Attributes:
        videos, annotations: the licences that they are under (``toolkit.licences``).
        people: whether it shows people at all.
    """

    name: Text
    url: Text
    videos: Text
    annotations: Text
    people: bool
    collected: Text
    workers: Text
    timeframe: Text
    consent: Text
    biases: Texts
    citation: Text


class Responsible(_Values):
    """What the fields of Croissant RAI say."""

    preprocessing: Texts
    annotation: Texts
    platform: list[Text]
    tools: Texts
    biases: Texts
    limitations: Texts
    uses: Texts
    not_for: Texts
    social_impact: Text
    personal: Texts
    maintenance: Text


class Part(_Values):
    """A component that the toolkit does not know (``toolkit.licences.Component``)."""

    name: Text
    kind: Text
    licence: Text
    bodies: tuple[Text, ...] = ()


class Facts(_Values):
    """All that people have written about a release.

    Attributes:
        organisation: on the Hub.
        licence: one of ``toolkit/licences.yaml``.
        components: what the release is made with besides what the toolkit knows.
        date_published: of this version, where it is known before the build.
    """

    title: Text
    about: Text
    purpose: Text
    maintainer: Maintainer
    home: Text
    organisation: Text
    funding: Text
    licence: Text
    components: tuple[Part, ...] = ()
    date_published: date | None = None
    paper: Paper
    tags: Texts
    terms: Texts
    responsible: Responsible
    source: Source


def read_facts(cards: Path, release: str, source: str | None) -> Facts:
    """Read what is written about a release.

    Args:
        cards: the folder ``dataset_cards`` of the project.
        release: its name.
        source: whose clips they are, as params.yaml says.

    Raises:
        ConfigError: a file is missing or a value breaks its rule; one line names them all.
    """
    if source is None:
        known = ", ".join(sorted(path.stem for path in (cards / SOURCES).glob("*.yaml"))) or "none"
        raise ConfigError(
            f"source.name: params.yaml does not say whose clips these are: name a file of "
            f"{cards / SOURCES} ({known}), or write one"
        )
    values = _replace(_read(cards / SHARED / FACTS), _read(cards / release / FACTS))
    values["source"] = _read(cards / SOURCES / f"{source}.yaml")
    try:
        return Facts.model_validate(values)
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}, got {fault['input']!r:.60}"
            for fault in error.errors()
        )
        raise ConfigError(f"{cards / release / FACTS}: {'; '.join(faults)}: correct it") from error


def _replace(values: dict[str, Any], by: dict[str, Any]) -> dict[str, Any]:
    """Return values with those of ``by`` in their places, block by block."""
    inner = {
        name: _replace(values[name], value)
        for name, value in by.items()
        if isinstance(value, dict) and isinstance(values.get(name), dict)
    }
    return {**values, **by, **inner}


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}): copy {CARDS} of the toolkit into the "
            "project, and write what your release is"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: is no YAML ({reason}): correct it") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds no 'name: value' lines: correct it")
    return values
