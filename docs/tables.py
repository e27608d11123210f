"""Writes the tables of the documentation from what the package ships: ``make docs`` runs it."""

import re
from pathlib import Path

from toolkit.qa.checks import load_limits

ROOT = Path(__file__).resolve().parent.parent
LIMITS = ROOT / "toolkit/qa/limits.yaml"
CHECKS_PAGE = ROOT / "docs/checks.md"
_TABLE = re.compile(r"(?<=<!-- limits -->\n).*(?=<!-- /limits -->)", re.DOTALL)


def read_limits() -> list[tuple[str, str, str]]:
    """Return name, limit and comment of each entry of limits.yaml, as they stand there."""
    entry = r"((?:^  #.*\n)+)^  (\w+): (\S+)$"
    return [
        (name, limit, " ".join(line.strip("# ") for line in comment.splitlines()))
        for comment, name, limit in re.findall(entry, LIMITS.read_text("utf-8"), re.MULTILINE)
    ]


def with_limits(page: str) -> str:
    """Return a page with its table of limits written anew."""
    rows = [
        f"| [{name}](#{name}) | {limit} | {load_limits()[name].severity} | {comment} |"
        for name, limit, comment in read_limits()
    ]
    head = ["| check | limit | above it | the value |", "| --- | --- | --- | --- |"]
    lines = ["", *head, *rows, "", ""]
    return _TABLE.sub("\n".join(lines), page)


if __name__ == "__main__":
    CHECKS_PAGE.write_text(with_limits(CHECKS_PAGE.read_text("utf-8")), "utf-8")
