"""Rows that others have published, as they report them (``reported.yaml``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Reported:
    """A published row.

    Attributes:
        top1: by task of the suite "paper", in %.
        source, url: where it stands.
    """

    name: str
    protocol: str
    top1: Mapping[str, float]
    source: str
    url: str


def read_reported(suite: str, protocol: str) -> list[Reported]:
    """Return what is published for a suite and a protocol."""
    if suite != "paper":
        return []
    rows = yaml.safe_load(Path(__file__).with_name("reported.yaml").read_text("utf-8"))
    return [Reported(**row) for row in rows if row["protocol"] == protocol]
