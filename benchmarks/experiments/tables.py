"""The paper's tables and its Figure 3 from results files: CSV, Markdown and a picture of each."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluate import Predictions, read_predictions
from benchmarks.experiments.runs import CURVE_TASK, SHUFFLED
from benchmarks.results_file import PROTOCOLS, RESULTS_NAME, Results, read_results
from benchmarks.stats import Interval, bound_mean, compare_accuracies
from toolkit.errors import InputError
from toolkit.files import make_folder, write_output
from toolkit.release.sums import hash_file

mpl.use("Agg")
import matplotlib.pyplot as plt

SCENES = ("mini-ucf101", "mini-hmdb51", "mini-diving48", "mini-ikeafa", "mini-uav-human")
GENDERS = ("mini-women-in-men-biased", "mini-men-in-women-biased")
_PROTOCOL_TITLES = {"finetune": "fine-tuned", "probe": "linear probe"}


@dataclass(frozen=True)
class Table:
    """What a table compares.

    Attributes:
        title: of it.
        rows: how each condition is called in it.
        tasks: its columns.
        references: conditions that all others are compared with, clip by clip.
    """

    title: str
    rows: Mapping[str, str]
    tasks: Sequence[str]
    references: Sequence[str]


TABLES = {
    "table1": Table(
        "Table 1: what is pre-trained and aligned on",
        {
            "real": "real",
            "m2m": "M2M",
            "m2m-knexus": "M2M, classes by K-NEXUS",
            SHUFFLED: "M2M, downstream labels shuffled",
        },
        SCENES,
        ("real", SHUFFLED),
    ),
    "table2": Table(
        "Table 2: meshes over an empty scene, or over the people",
        {"m2m": "inpainted", "m2m-noinpaint": "not inpainted"},
        SCENES,
        ("m2m",),
    ),
    "table3": Table(
        "Table 3: which body is drawn",
        {"m2m": "neutral", "m2m-male": "male", "m2m-female": "female"},
        GENDERS,
        ("m2m",),
    ),
    "table4": Table(
        "Table 4: M2M pre-training, aligned on",
        {"m2m-align-nohuman": "no human", "m2m-align-real": "real", "m2m": "M2M"},
        SCENES,
        ("m2m",),
    ),
}
CURVES = {"real": "real", "m2m": "M2M"}


@dataclass(frozen=True)
class Cell:
    """The runs of a condition on a task by a protocol, which differ by their seed.

    Attributes:
        top1: by seed.
        right_N: for each clip, by which share of the runs it was taken for what it is.
        data_digest: of the clips.
    """

    top1: dict[int, float]
    right_N: NDArray[np.float64]
    data_digest: str

    @property
    def mean(self) -> Interval:
        """Mean over seeds."""
        return bound_mean(list(self.top1.values()))


def read_cell(folder: Path, protocol: str) -> Cell:
    """Read all runs of a cell, and hold each results file to its predictions.

    Raises:
        InputError: there is none, or predictions are not those that the file speaks of.
    """
    paths = sorted(folder.glob(f"{protocol}-*/{RESULTS_NAME}"))
    if not paths:
        raise InputError(f"{folder} has no {protocol}: run  dvc repro benchmarks/dvc.yaml")
    top1, rights, clips = {}, [], set()
    for path in paths:
        found = read_results(path)
        predictions = _read_predictions(path, found)
        rights.append(predictions.is_right())
        clips.add(predictions.facts["data_digest"])
        top1[found.seed] = found.metrics["top1"]
    if len(clips) > 1:
        raise InputError(f"{folder} has runs on different clips: remove it and evaluate again")
    return Cell(top1, np.mean(rights, axis=0), clips.pop())


def _read_predictions(path: Path, found: Results) -> Predictions:
    predictions = path.parent / found.predictions["path"]
    if hash_file(predictions) != found.predictions["sha256"]:
        raise InputError(f"{predictions} is not what {path} speaks of: evaluate again")
    return read_predictions(predictions)


def write_table(name: str, runs: Path, out: Path) -> None:
    """Write ``NAME.csv``, ``NAME-differences.csv``, ``NAME.md`` and ``NAME.png``.

    Raises:
        InputError: there is no such table, or a run is missing.
    """
    if name not in TABLES:
        raise InputError(f"unknown table '{name}': choose one of {', '.join(TABLES)}")
    table = TABLES[name]
    cells = {
        (condition, task, protocol): read_cell(runs / "results" / condition / task, protocol)
        for condition in table.rows
        for task in table.tasks
        for protocol in PROTOCOLS
    }
    make_folder(out)
    differences = list(compare_rows(table, cells))
    header = ("condition", "task", "protocol", "num_seeds", "top1", "low", "high")
    rows = [(*key, len(cell.top1), *_round(cell.mean)) for key, cell in cells.items()]
    _write(out / f"{name}.csv", _to_csv((header, *rows)))
    header = ("condition", "reference", "task", "protocol", "difference", "low", "high")
    rows = [(*key, *_round(found)) for key, found in differences]
    _write(out / f"{name}-differences.csv", _to_csv((header, *rows)))
    _write(out / f"{name}.md", _to_markdown(table, cells, differences))
    _draw_table(table, cells, out / f"{name}.png")


Key = tuple[str, str, str]
Difference = tuple[tuple[str, str, str, str], Interval]


def compare_rows(table: Table, cells: Mapping[Key, Cell]) -> Iterable[Difference]:
    """Yield how far each row is from each reference: by task, and over the clips of all tasks.

    Raises:
        InputError: rows were evaluated on different clips.
    """
    for task in table.tasks:
        if len({cell.data_digest for key, cell in cells.items() if key[1] == task}) > 1:
            raise InputError(f"rows on {task} are of different clips: evaluate all of them again")
    for reference in table.references:
        for condition in table.rows:
            if condition == reference:
                continue
            for protocol in PROTOCOLS:
                for tasks in (*((task,) for task in table.tasks), table.tasks):
                    one, other = (
                        np.concatenate([cells[row, task, protocol].right_N for task in tasks])
                        for row in (condition, reference)
                    )
                    name = tasks[0] if len(tasks) == 1 else "all"
                    yield (
                        (condition, reference, name, protocol),
                        compare_accuracies(one, other),
                    )


def write_curves(runs: Path, out: Path) -> None:
    """Write ``figure3.csv``, ``figure3.md`` and ``figure3.png``: accuracy by checkpoint.

    Raises:
        InputError: a run is missing.
    """
    points: dict[str, list[tuple[int, Cell]]] = {}
    for condition in CURVES:
        folders = sorted((runs / "curves" / condition).glob("epoch-*"))
        points[condition] = [
            (int(folder.name.removeprefix("epoch-")), read_cell(folder, "probe"))
            for folder in folders
        ]
        if not folders:
            raise InputError(
                f"{runs} has no checkpoint of {condition}: run  dvc repro benchmarks/dvc.yaml"
            )
    make_folder(out)
    header = ("condition", "epoch", "num_seeds", "top1", "low", "high")
    rows = [
        (condition, epoch, len(cell.top1), *_round(cell.mean))
        for condition, found in points.items()
        for epoch, cell in found
    ]
    _write(out / "figure3.csv", _to_csv((header, *rows)))
    title = f"Figure 3: linear probe on {CURVE_TASK} by epoch of pre-training, not aligned"
    epochs = [epoch for epoch, _ in next(iter(points.values()))]
    lines = [
        join_row((CURVES[condition], *(show_mean(cell.mean) for _, cell in found)))
        for condition, found in points.items()
    ]
    head = join_row(("pre-trained on", *map(str, epochs)))
    _write(out / "figure3.md", "\n".join([title, "", head, make_rule(len(epochs) + 1), *lines, ""]))
    figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for condition, found in points.items():
        means = [cell.mean for _, cell in found]
        epochs = [epoch for epoch, _ in found]
        axis.plot(epochs, [100 * mean.value for mean in means], "o-", label=CURVES[condition])
        axis.fill_between(
            epochs, [100 * m.low for m in means], [100 * m.high for m in means], alpha=0.2
        )
    axis.set(xlabel="epochs of pre-training", ylabel="top-1, %", title=title)
    axis.title.set_fontsize(9)
    axis.legend()
    _save(figure, out / "figure3.png")


def _to_markdown(table: Table, cells: Mapping[Key, Cell], differences: Sequence[Difference]) -> str:
    num_seeds = len(next(iter(cells.values())).top1)
    lines = [f"{table.title}. Top-1 in %, mean of {num_seeds} seeds ± 95% (Student).", ""]
    for protocol in PROTOCOLS:
        lines += [
            join_row((_PROTOCOL_TITLES[protocol], *table.tasks)),
            make_rule(len(table.tasks) + 1),
        ]
        for condition, title in table.rows.items():
            shown = (show_mean(cells[condition, task, protocol].mean) for task in table.tasks)
            lines.append(join_row((title, *shown)))
        lines.append("")
    lines += ["Points over another row, in pairs on the clips of all tasks (bootstrap, 95%):", ""]
    lines += [join_row(("", "minus", *_PROTOCOL_TITLES.values())), make_rule(2 + len(PROTOCOLS))]
    found = {key: value for key, value in differences if key[2] == "all"}
    pairs = dict.fromkeys((condition, reference) for condition, reference, _, _ in found)
    for condition, reference in pairs:
        shown = (show_difference(found[condition, reference, "all", p]) for p in PROTOCOLS)
        lines.append(join_row((table.rows[condition], table.rows[reference], *shown)))
    return "\n".join([*lines, ""])


def _draw_table(table: Table, cells: Mapping[Key, Cell], out: Path) -> None:
    figure, axes = plt.subplots(
        1, len(PROTOCOLS), figsize=(11, 3.8), sharey=True, layout="constrained"
    )
    for axis, protocol in zip(axes, PROTOCOLS, strict=True):
        for number, (condition, title) in enumerate(table.rows.items()):
            means = [cells[condition, task, protocol].mean for task in table.tasks]
            places = np.arange(len(means)) + 0.15 * (number - (len(table.rows) - 1) / 2)
            halves = [100 * (mean.high - mean.value) for mean in means]
            axis.errorbar(
                places, [100 * m.value for m in means], halves, fmt="o", capsize=3, label=title
            )
        axis.set_xticks(range(len(table.tasks)), table.tasks, rotation=15, fontsize=8)
        axis.set_title(_PROTOCOL_TITLES[protocol], fontsize=10)
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("top-1, %")
    axes[0].legend(fontsize=8)
    figure.suptitle(table.title, fontsize=11)
    _save(figure, out)


def _save(figure: "plt.Figure", out: Path) -> None:
    with write_output(out) as partial:
        figure.savefig(partial, format="png", dpi=110, metadata={"Software": None})
    plt.close(figure)


def _round(found: Interval) -> tuple[float, float, float]:
    return round(found.value, 4), round(found.low, 4), round(found.high, 4)


def show_mean(mean: Interval) -> str:
    """Return a mean in percent, and half of its interval."""
    return f"{100 * mean.value:.1f} ± {100 * (mean.high - mean.value):.1f}"


def show_difference(found: Interval) -> str:
    """Return a difference in points with its ends."""
    return f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"


def join_row(cells: Iterable[str]) -> str:
    """Return a row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def make_rule(num_columns: int) -> str:
    """Return the line under the head of a table in Markdown."""
    return join_row(["---"] * num_columns)


def _to_csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    with write_output(path) as partial:
        partial.write_text(text, "utf-8")
