"""Which clips are looked at."""

from collections import Counter
from pathlib import Path

import pytest

from tests.review.conftest import make_row
from toolkit.errors import InputError
from toolkit.manifest import ManifestRow
from toolkit.review.sample import Pick, pick_clips, read_picks, write_picks

ROWS = [
    *(make_row(f"bow{i:02}", label="bow", faces=i / 50) for i in range(20)),
    *(make_row(f"clap{i:02}", label="clap", faces=i / 50) for i in range(20)),
    *(make_row(f"held{i}", status="quarantined", faces=0.9) for i in range(10)),
]


def _pick(rows: list[ManifestRow] = ROWS, **values: int) -> list[Pick]:
    return pick_clips(rows, **{"per_class": 5, "nearest": 0, "quarantined": 0, "seed": 0, **values})


def test_so_many_of_each_class_by_chance() -> None:
    """The same for the same seed, whatever the order of the rows; others for another seed."""
    picks = _pick()
    assert Counter(pick.label for pick in picks) == {"bow": 5, "clap": 5}
    assert _pick(ROWS[::-1]) == picks
    assert _pick(seed=1) != picks
    assert len(_pick(per_class=100)) == 40


def test_what_is_nearest_a_limit_is_picked_besides() -> None:
    """Of all that chance left, with the check."""
    picks = _pick(per_class=0, nearest=3)
    assert {pick.clip_id for pick in picks} == {"bow19", "clap19", "bow18"}
    assert {(pick.stratum, pick.because) for pick in picks} == {("nearest", "faces")}
    assert len(_pick(nearest=3)) == 13


def test_clips_that_were_held_back_only_where_asked() -> None:
    """They tell what the checks flag without need."""
    assert Counter(pick.stratum for pick in _pick(quarantined=4)) == {"class": 10, "quarantined": 4}


def test_a_sample_is_read_as_it_was_written(tmp_path: Path) -> None:
    """And another table is refused in one line."""
    write_picks(_pick(nearest=2), tmp_path / "sample.csv")
    assert read_picks(tmp_path / "sample.csv") == _pick(nearest=2)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="is no sample of clips"):
        read_picks(tmp_path / "other.csv")
