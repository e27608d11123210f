"""What is known of how strong the checks are."""

import json
from pathlib import Path

import pytest

from benchmarks.stages.leaks import KINDS
from benchmarks.stages.privacy import NOT_IN_THE_GOAL
from tests.review.conftest import make_row
from toolkit.errors import ConfigError
from toolkit.qa.bounds import leak_bound
from toolkit.qa.planted import NOT_COUNTED, Leaks, from_benchmark, load_planted, write_planted


def test_the_figures_are_those_of_the_benchmark(root: Path, tmp_path: Path) -> None:
    """What ships is what ``benchmarks.stages.summary`` writes of the results beside it."""
    result = json.loads((root / "benchmarks/results/stages.json").read_text("utf-8"))
    planted = from_benchmark(result)
    assert planted == load_planted()
    write_planted(planted, tmp_path / "written.json")
    shipped = root / "toolkit/qa/planted_leaks.json"
    assert (tmp_path / "written.json").read_bytes() == shipped.read_bytes()
    assert set(planted.kinds) <= set(KINDS)
    share = planted.counted.caught / planted.counted.planted
    assert share == pytest.approx(result["privacy"]["planted_caught"]["mean"], abs=0.01)


def test_what_the_goal_is_not_about_does_not_count() -> None:
    """As in the benchmark: neither in the sum nor as the weakest."""
    assert NOT_COUNTED == NOT_IN_THE_GOAL
    kinds = {"drop_1": Leaks(0, 9), "drop_2": Leaks(8, 9), "limb": Leaks(5, 9)}
    planted = type(load_planted())("", (), kinds, 9, 0)
    assert planted.counted == (13, 18)
    assert planted.weakest == "limb"


def test_clips_that_no_check_measured_do_not_count() -> None:
    """One that failed on the way says nothing of the checks."""
    rows = [make_row("a"), make_row("b"), make_row("c", status="quarantined", faces=0.9)]
    rows += [
        make_row("d", status="failed", checks=()),
        make_row("e", status="quarantined", checks=()),
    ]
    planted = load_planted()
    assert planted.bound(rows) == leak_bound(1, 3, *planted.counted)
    assert planted.bound(rows, "limb") == leak_bound(1, 3, *planted.kinds["limb"])


@pytest.mark.parametrize("result", [[], {}, {"privacy": {}, "settings": {}}, {"privacy": 3}])
def test_what_is_no_result_is_refused_in_one_line(result: object) -> None:
    """With what to name instead."""
    with pytest.raises(ConfigError, match=r"benchmarks\.stages --json"):
        from_benchmark(result)
