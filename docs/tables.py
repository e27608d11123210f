"""Writes the tables of the documentation from what the package ships: ``make docs`` runs it."""

import re
from pathlib import Path

from toolkit.qa.checks import load_limits, load_meanings

ROOT = Path(__file__).resolve().parent.parent
CHECKS_PAGE = ROOT / "docs/checks.md"
_TABLE = re.compile(r"(?<=<!-- limits -->\n).*(?=<!-- /limits -->)", re.DOTALL)


def with_limits(page: str) -> str:
    """Return a page with its table of limits written anew."""
    meanings = load_meanings()
    rows = [
        f"| [{name}](#{name}) | {limit.value:g} | {limit.severity} | {meanings[name]} |"
        for name, limit in load_limits().items()
    ]
    head = ["| check | limit | above it | the value |", "| --- | --- | --- | --- |"]
    lines = ["", *head, *rows, "", ""]
    return _TABLE.sub("\n".join(lines), page)


if __name__ == "__main__":
    CHECKS_PAGE.write_text(with_limits(CHECKS_PAGE.read_text("utf-8")), "utf-8")
