"""The leaderboard: what is refused, how rows are ranked, and what is shown of them."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("pyarrow")

from benchmarks.evaluate import Predictions, read_predictions, write_predictions
from benchmarks.leaderboard.build import build
from benchmarks.leaderboard.datasets import add_dataset, describe_dataset, read_datasets
from benchmarks.leaderboard.entries import ENTRIES, read_board, submit
from benchmarks.leaderboard.page import write_board_page
from benchmarks.leaderboard.ranking import TASKS, rank_entries
from benchmarks.leaderboard.reported import read_reported
from benchmarks.results_file import PREDICTIONS_NAME, RESULTS_NAME
from benchmarks.stats import compare_accuracies, resample_means
from tests.benchmarks.board import DATASETS, write_entry
from tests.benchmarks.release import write_release
from toolkit.errors import InputError
from toolkit.release.sums import hash_file

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = "<script>window.hit=1</script>&{{body}}"
ONE = "model/mini-ucf101/probe-1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good entry, one that is nearly as good, a poor one, and one of two seeds."""
    folder = tmp_path_factory.mktemp("results")
    write_entry(folder, "good", 0.8)
    write_entry(folder, "near", 0.79, dataset="kinetics-150@1.0.0")
    write_entry(folder, "poor", 0.2, dataset="mini-m2m@1.0.0")
    write_entry(folder, "hasty", 0.9, seeds=range(2))
    write_entry(folder, "partial", 0.9, tasks=TASKS["mini"][:2])
    return folder


@pytest.fixture(scope="module")
def board(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board with these entries."""
    folder = tmp_path_factory.mktemp("board")
    submit(made, folder, DATASETS)
    return folder


def change(folder: Path, values: dict) -> None:
    """Change values of a results file; dotted names are inside."""
    path = folder / ONE / RESULTS_NAME
    results = json.loads(path.read_text("utf-8"))
    for name, value in values.items():
        *outer, last = name.split(".")
        inner = results
        for key in outer:
            inner = inner[key]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    path.write_text(json.dumps(results), "utf-8")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hardware": None}, "lacks hardware"),
        ({"seconds": None, "code_version": None}, "lacks code_version, seconds"),
        ({"dataset.digest": None}, "dataset must have name, version and digest"),
        ({"dataset.version": "1.1.0"}, "m2m-kinetics@1.1.0' is none that the board knows"),
        ({"dataset.digest": "0" * 64}, f"digest of m2m-kinetics@1.0.0 is {'d' * 64}"),
        (
            {"dataset": {"name": "kinetics-150", "version": "1.0.0", "digest": "e" * 64}},
            "dataset.digest is e.*its predictions say d",
        ),
        ({"metrics.top1": 0.99}, "top1 is 0.99, and its predictions give"),
        ({"metrics.mean_class": None}, "mean_class is None, and its predictions give"),
        ({"metrics.top5": math.nan}, "top5 is nan"),
        ({"seed": 0}, "seed is 0, and its predictions say 1"),
        ({"protocol": "align"}, "protocol 'align' must be one of finetune, probe"),
        ({"protocol": "finetune"}, "config_hash .* is not that of finetune"),
        ({"recipe": "mine"}, "unknown recipe 'mine'"),
        ({"config_hash": "0" * 64}, "config_hash 0+ is not that of probe by smoke"),
        ({"evaluation": {"spans": 5, "crops": 3}}, "the protocol of smoke is"),
        ({"num_clips": 30}, "36 clips to evaluate, and this has 30"),
        ({"task": "ucf101"}, "task 'ucf101' is none of the suite mini"),
        ({"task": "mini-hmdb51"}, "mini-hmdb51, is there twice"),
        ({"weights_sha256": "0"}, "weights_sha256 is 0, and its predictions say"),
        ({"predictions.path": "../x.parquet"}, "the name of a file beside it"),
        ({"predictions.path": "other.parquet"}, "other.parquet are missing"),
        ({"entry": HOSTILE}, "entry '<script>.*must be up to 64"),
        ({"entry": "../../elsewhere"}, "must be up to 64"),
        ({"condition": "other"}, "an entry is one model"),
    ],
)
def test_what_is_refused_by_name(tmp_path: Path, values: dict, said: str) -> None:
    """A results file that was changed, in one place; nothing of it reaches the board."""
    write_entry(tmp_path, "model", tasks=TASKS["mini"][:2], seeds=range(1, 3))
    change(tmp_path, values)
    with pytest.raises(InputError, match=said):
        submit(tmp_path, tmp_path / "board", DATASETS)
    assert not (tmp_path / "board").exists()


def test_missing_and_repeated_seeds_are_refused(tmp_path: Path) -> None:
    """A seed that one task lacks, and one that is another by name only."""
    write_entry(tmp_path / "a", "model", tasks=TASKS["mini"][:2])
    (tmp_path / "a" / ONE / RESULTS_NAME).unlink()
    with pytest.raises(InputError, match="probe on mini-ucf101 lacks the seeds 1"):
        submit(tmp_path / "a", tmp_path / "board", DATASETS)
    write_entry(tmp_path / "b", "model", tasks=TASKS["mini"][:1])
    write_entry(tmp_path / "b/more", "model", tasks=TASKS["mini"][:1], seeds=range(1))
    with pytest.raises(InputError, match="seed 0 of model, probe on mini-ucf101, is there twice"):
        submit(tmp_path / "b", tmp_path / "board", DATASETS)


@pytest.mark.parametrize("is_hash_mended", [False, True])
def test_edited_predictions_are_refused(tmp_path: Path, is_hash_mended: bool) -> None:
    """By their sha256; and where that is changed too, by the metrics that no longer follow."""
    write_entry(tmp_path, "model", 0.5, tasks=TASKS["mini"][:1])
    path = tmp_path / ONE / PREDICTIONS_NAME
    found = read_predictions(path)
    better = found.probabilities_NK.copy()
    better[np.arange(len(better)), found.cls_N] = 2
    write_predictions(replace(found, probabilities_NK=better), path)
    if is_hash_mended:
        change(tmp_path, {"predictions.sha256": hash_file(path)})
    said = "top1 is 0.* predictions give 1.0" if is_hash_mended else "predictions were changed"
    with pytest.raises(InputError, match=said):
        submit(tmp_path, tmp_path / "board", DATASETS)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            lambda p: Predictions(p.clip_ids[1:], p.cls_N[1:], p.probabilities_NK[1:], p.facts),
            "36 clips to evaluate, and this has 35",
        ),
        (lambda p: replace(p, clip_ids=p.clip_ids[:1] * 36), "predictions of 1: evaluate all"),
        (lambda p: replace(p, clip_ids=tuple(f"o{i}" for i in p.clip_ids)), "other clips"),
        (lambda p: replace(p, cls_N=np.zeros_like(p.cls_N)), "6 of 6 classes, and these have 1 of"),
        (lambda p: replace(p, cls_N=p.cls_N + 1), "these have 6 of 7"),
        (lambda p: replace(p, cls_N=p.cls_N - 1), "these have 6 of 6"),
        (lambda p: replace(p, facts={}), "do not say 'training'"),
    ],
)
def test_all_clips_of_the_task_are_evaluated(tmp_path: Path, edit, said: str) -> None:
    """Some are missing, one is there for all, they are of another list, or lost their class."""
    write_entry(tmp_path, "model", tasks=TASKS["mini"][:1])
    path = tmp_path / ONE / PREDICTIONS_NAME
    edited = edit(read_predictions(path))
    if edited.cls_N.max() == edited.probabilities_NK.shape[1]:
        wider_NK = np.pad(edited.probabilities_NK, ((0, 0), (0, 1)))
        edited = replace(edited, probabilities_NK=wider_NK)
    num = len(edited.clip_ids)
    write_predictions(edited, path)
    measured = edited.measure()
    change(
        tmp_path,
        {
            "predictions.sha256": hash_file(path),
            "num_clips": num,
            "metrics.top1": measured["top1"],
            "metrics.top5": measured["top5"],
            "metrics.mean_class": measured["mean_class_accuracy"],
        },
    )
    with pytest.raises(InputError, match=said):
        submit(tmp_path, tmp_path / "board", DATASETS)


def test_a_board_is_checked_again(board: Path, made: Path, tmp_path: Path) -> None:
    """All of it holds; an entry comes once; one that was moved or changed since is named."""
    assert len(read_board(board, DATASETS)) == 5
    with pytest.raises(InputError, match=r"good is on .* already"):
        submit(made, board, DATASETS)
    write_entry(tmp_path / "new", "model", tasks=TASKS["mini"][:1])
    submit(tmp_path / "new", tmp_path / "board", DATASETS)
    cell = tmp_path / "board" / ENTRIES / "model/probe/mini-ucf101"
    (cell / "seed-1").rename(cell / "seed-7")
    with pytest.raises(InputError, match=r"seed-7.* belongs to .*seed-1"):
        read_board(tmp_path / "board", DATASETS)
    with pytest.raises(InputError, match="is none that the board knows"):
        read_board(tmp_path / "board", {})


def test_rows_are_ranked_as_surely_as_clips_allow(board: Path) -> None:
    """A tenth of a point is a tie, sixty are not; two seeds or two tasks have no rank."""
    section, *published = rank_entries(read_board(board, DATASETS), DATASETS)
    assert {(other.suite, len(other.rows)) for other in published} == {("paper", 0)}
    rows = {row.entry.name: row for row in section.rows}
    first, second = section.rows[:2]
    assert {first.entry.name, second.entry.name} == {"good", "near"}
    assert first.tied
    assert (first.best, first.worst, second.best, second.worst) == (1, 2, 1, 2)
    poor = rows["poor"]
    assert not second.tied
    assert (poor.rank, poor.best, poor.worst) == (3, 3, 3)
    assert rows["hasty"].unranked == "2 of 3 seeds"
    assert rows["partial"].unranked.startswith("lacks mini-diving48")
    assert [row.rank for row in section.rows] == [1, 2, 3, 0, 0]


def test_resamples_are_those_of_a_paired_bootstrap() -> None:
    """Of one task, the interval of a difference is that of ``compare_accuracies``."""
    rng = np.random.default_rng(0)
    one = rng.random(200) < 0.7
    other = np.where(rng.random(200) < 0.2, rng.random(200) < 0.5, one)
    means = resample_means([np.stack([one, other]).astype(float)])
    low, high = np.percentile(means[0] - means[1], [2.5, 97.5])
    found = compare_accuracies(one, other)
    assert (low, high) == pytest.approx((found.low, found.high), abs=0.01)


def test_what_is_built_says_so(board: Path, tmp_path: Path) -> None:
    """Page, Markdown and YAML for the Hub, the same bytes each time."""
    sections = rank_entries(read_board(board, DATASETS), DATASETS)
    written = build(sections, tmp_path)
    before = [path.read_bytes() for path in written]
    assert before == [path.read_bytes() for path in build(sections, tmp_path)]
    text = (tmp_path / "leaderboard.md").read_text("utf-8")
    assert "tied (" in text
    assert "2.00%" in text
    assert "not measured" in text
    (first, *_) = yaml.safe_load((tmp_path / ".eval_results/good.yaml").read_text("utf-8"))
    assert first["dataset"] == {
        "id": "org/m2m-kinetics",
        "task_id": "mini-ucf101-probe",
        "revision": "v1.0.0",
    }
    assert "mean of seeds: 3, 95% interval: " in first["notes"]
    (published, *_) = read_reported("paper", "finetune")
    assert published.name in text


def test_the_page_runs_nothing_and_fits(board: Path, tmp_path: Path, browser: "Browser") -> None:
    """Hostile text is text; nothing is loaded; no wider than a phone or a desk."""
    privacy = replace(DATASETS["m2m-kinetics@1.0.0"].privacy, source=HOSTILE)
    hostile = {**DATASETS}
    hostile["m2m-kinetics@1.0.0"] = replace(hostile["m2m-kinetics@1.0.0"], privacy=privacy)
    page = browser.new_page(offline=True)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    write_board_page(rank_entries(read_board(board, hostile), hostile), tmp_path / "index.html")
    assert "<script" not in (tmp_path / "index.html").read_text("utf-8")
    for width in (390, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto((tmp_path / "index.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.hit") is None
    assert HOSTILE in page.inner_text("main")
    assert page.locator("circle").count() == 4
    assert said == []


def test_a_data_set_has_the_digest_of_its_clips(tmp_path: Path) -> None:
    """Computed from the release; another content under the same version is refused."""
    release = write_release(tmp_path / "release", train=4)
    other = write_release(tmp_path / "other", train=2)

    def describe(folder: Path, name: str = "org/mini-m2m@v1.0.0", *, shows: bool = False):
        return describe_dataset(name, folder, reviews=tmp_path, attack=None, shows_people=shows)

    add_dataset(tmp_path, describe(release))
    add_dataset(tmp_path, describe(release, shows=True))
    (found,) = read_datasets(tmp_path).values()
    assert (found.key, found.hub_id) == ("mini-m2m@1.0.0", "org/mini-m2m")
    assert found.privacy
    assert found.privacy.bound == 1
    with pytest.raises(InputError, match="what changed needs another version"):
        add_dataset(tmp_path, describe(other))
    with pytest.raises(InputError, match="is no data set"):
        describe(release, "mini-m2m")
