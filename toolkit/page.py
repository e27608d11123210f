"""The frame of the pages that are one HTML file, which loads nothing and runs nothing."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from toolkit.files import write_output

_FRAME = Path(__file__).with_name("page.html")


def write_page(out: Path, title: str, style: Path, parts: Iterable[str]) -> None:
    """Write a page.

    Args:
        out: the HTML file.
        title: plain text; it is escaped here.
        style: CSS of this page, after that of all.
        parts: HTML, in which every text that may be hostile is escaped.

    Raises:
        InputError: ``out`` cannot be written.
    """
    frame = _FRAME.read_text("utf-8").replace("{{style}}", style.read_text("utf-8"))
    head, foot = frame.replace("{{title}}", escape(title)).rsplit("{{body}}", 1)
    with write_output(out) as partial:
        partial.write_text("\n".join((head.rstrip("\n"), *parts, foot.lstrip("\n"))), "utf-8")


def make_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already."""
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return (
        f'<div class="card scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )
