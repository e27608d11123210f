"""What is made of a board: the page, the Markdown, and results for the Hub."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from benchmarks.leaderboard.page import write_board_page
from benchmarks.leaderboard.ranking import (
    MIN_SEEDS,
    PROTOCOL_TITLES,
    Row,
    Section,
    tell_interval,
    tell_points,
)
from benchmarks.leaderboard.reported import read_reported
from benchmarks.stats import Interval
from toolkit.files import make_folder, write_output


def build(sections: Sequence[Section], out: Path) -> list[Path]:
    """Write index.html, leaderboard.md and .eval_results/*.yaml, and return what was written.

    Raises:
        InputError: ``out`` cannot be written.
    """
    hub = out / ".eval_results"
    make_folder(hub)
    page, text = out / "index.html", out / "leaderboard.md"
    write_board_page(sections, page)
    with write_output(text) as partial:
        partial.write_text(make_markdown(sections), "utf-8")
    written = [page, text]
    for name, rows in _by_entry(sections).items():
        path = hub / f"{name}.yaml"
        with write_output(path) as partial:
            partial.write_text(make_eval_results(rows), "utf-8")
        written.append(path)
    return written


def _by_entry(sections: Sequence[Section]) -> dict[str, list[tuple[Section, Row]]]:
    found: dict[str, list[tuple[Section, Row]]] = {}
    for section in sections:
        for row in section.rows:
            found.setdefault(row.entry.name, []).append((section, row))
    return found


def make_eval_results(rows: Iterable[tuple[Section, Row]]) -> str:
    """Return what a model on the Hub says of its results, as ``.eval_results/*.yaml``.

    Values are top-1 in %, means over seeds; a task id is TASK-PROTOCOL. The format is that of the
    Hub's page "Evaluation results".
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    entries = [
        EvalResultEntry(
            dataset_id=row.dataset.hub_id,
            task_id=f"{task}-{section.protocol}",
            value=round(100 * found.value, 2),
            dataset_revision=f"v{row.dataset.version}",
            notes=f"top-1 in %, mean of seeds: {row.num_seeds}, 95% interval: "
            f"{tell_interval(found) or 'none'}, recipe: {row.entry.recipe}",
        )
        for section, row in rows
        for task, found in row.top1.items()
    ]
    return str(yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False))


def make_markdown(sections: Sequence[Section]) -> str:
    """Return the board as Markdown: a table for each suite and protocol."""
    parts = ["# Leaderboard\n"]
    for section in sections:
        parts.append(f"## Suite {section.suite}, {PROTOCOL_TITLES[section.protocol]}\n")
        heads = ["rank", "entry", "data set", "mean", "next", "shows somebody", *section.tasks]
        parts.append(_line(heads) + _line(["---"] * len(heads)))
        parts += [_line(_tell_row(row, section.tasks)) for row in section.rows]
        for reported in read_reported(section.suite, section.protocol):
            cells = [f"{reported.top1[t]:.1f}" if t in reported.top1 else "" for t in section.tasks]
            name = f"{reported.name} ([{reported.source}]({reported.url}))"
            parts.append(_line(["reported, not reproduced", name, "", "", "", "", *cells]))
        parts.append("\n")
    parts.append(
        "Top-1 in %, mean over seeds with Student's 95% interval. `rank` is the place by the mean "
        "and, in brackets, the places it may as well have (paired bootstrap over clips, 95%); "
        f"below {MIN_SEEDS} seeds there is none. `next`: how far before the next row, or `tied`. "
        "`shows somebody`: at most this share of the clips trained on (95%), as measured on the "
        "release.\n"
    )
    return "".join(f"{part}\n" if part.startswith("#") else part for part in parts)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _tell_row(row: Row, tasks: Sequence[str]) -> list[str]:
    privacy = row.dataset.privacy
    return [
        f"{row.rank} ({row.best} to {row.worst})" if row.rank else f"- ({row.unranked})",
        row.entry.name,
        row.dataset.key,
        _tell(row.mean),
        _tell_lead(row),
        f"{privacy.bound:.2%}" if privacy else "not measured",
        *(_tell(row.top1.get(task)) for task in tasks),
    ]


def _tell(found: Interval | None) -> str:
    if found is None:
        return ""
    ends = tell_interval(found)
    return f"{100 * found.value:.1f}" + (f" ({ends})" if ends else "")


def _tell_lead(row: Row) -> str:
    if row.lead is None:
        return ""
    told = "tied" if row.tied else f"+{100 * row.lead.value:.1f}"
    return f"{told} ({tell_points(row.lead)})"
