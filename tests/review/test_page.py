"""The review page in a browser."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from cv2 import imdecode

from tests.review.conftest import HOSTILE, NUM_FRAMES, Reviewed
from toolkit.errors import InputError
from toolkit.review.page import write_review_page
from toolkit.review.sample import Pick
from toolkit.review.verdicts import read_verdicts
from toolkit.shards import Sample, read_shard, write_shard

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MakePage = Callable[[], Path]
AT_ONCE = 750


@pytest.fixture
def page(browser: "Browser") -> "Page":
    """A page without a network, which notes what goes wrong in it."""
    page = browser.new_page(offline=True, viewport={"width": 1500, "height": 900})
    page.set_default_timeout(15_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    yield page
    assert not faults


def _open(page: "Page", index: Path, reviewer: str = "ann") -> None:
    page.goto(index.resolve().as_uri())
    page.fill("#reviewer", reviewer)
    page.keyboard.press("Enter")
    _until(page, "document.querySelector('video')?.readyState > 1")


def _until(page: "Page", expression: str) -> None:
    """Wait until an expression is true; the page's own rules forbid to evaluate one in it."""
    end = time.monotonic() + 15
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(50)


def _frame(page: "Page") -> int:
    return int(page.inner_text("#frame").split()[1])


def _brightness(page: "Page") -> float:
    """Of the middle of what is shown, 0 to 255, as a picture of the screen has it."""
    page.wait_for_timeout(200)
    picture = page.locator("video").screenshot()
    return float(np.asarray(imdecode(np.frombuffer(picture, np.uint8), 1))[60:-60].mean())


def test_frames_are_stepped_one_by_one(page: "Page", make_page: MakePage) -> None:
    """Forth, back, not past the ends; what is shown is the frame that is named."""
    _open(page, make_page())
    for key, expected in [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("ArrowLeft", 0)]:
        page.keyboard.press(key)
        assert _frame(page) == expected
    page.keyboard.press("ArrowLeft")
    assert _frame(page) == 0
    for _ in range(NUM_FRAMES + 3):
        page.keyboard.press("ArrowRight")
    assert _frame(page) == NUM_FRAMES - 1
    for frame in (NUM_FRAMES - 1, 5, 0):  # each is 20 brighter than the one before
        page.locator("#seek").fill(str(frame))
        assert abs(_brightness(page) - 20 * frame) < 10


def test_it_plays_and_slows_down(page: "Page", make_page: MakePage) -> None:
    """The frame counter goes with the video."""
    _open(page, make_page())
    page.keyboard.press("s")
    assert page.evaluate("document.querySelector('video').playbackRate") == 0.25
    page.keyboard.press("s")
    page.keyboard.press(" ")
    _until(page, "document.querySelector('video').currentTime > 0.3")
    page.keyboard.press(" ")
    assert 0 < _frame(page) < NUM_FRAMES
    assert page.evaluate("document.querySelector('video').paused")


def test_the_worst_frame_is_one_key_away(page: "Page", make_page: MakePage) -> None:
    """With its box."""
    _open(page, make_page())
    page.keyboard.press("w")
    assert _frame(page) == 7
    assert page.locator(".box").count() == 1


def test_verdicts_are_kept_and_taken_back(page: "Page", make_page: MakePage) -> None:
    """A key decides and goes on to the next; a reload loses nothing; undo takes one back."""
    index = make_page()
    _open(page, index)
    page.keyboard.press("1")
    page.keyboard.press("2")
    assert page.inner_text("#count") == "2 of 3"
    page.reload()
    page.wait_for_selector("#list li.here")
    assert page.inner_text("#count") == "2 of 3"
    assert page.inner_text("#list li.here .name") == "=bow"
    page.keyboard.press("k")
    assert page.locator(".verdict.chosen").get_attribute("data-verdict") == "person_visible"
    page.keyboard.press("4")
    page.keyboard.press("u")
    assert page.locator(".verdict.chosen").get_attribute("data-verdict") == "person_visible"


def test_keys_typed_into_a_note_decide_nothing(page: "Page", make_page: MakePage) -> None:
    """Only after Escape do they mean something again."""
    _open(page, make_page())
    page.keyboard.press("n")
    page.keyboard.type("2 feet, 1 hand")
    assert page.inner_text("#count") == "0 of 3"
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.keyboard.press("k")
    assert page.input_value("#note") == "2 feet, 1 hand"


def test_what_is_exported_can_be_recorded_and_imported(
    page: "Page", make_page: MakePage, reviewed: Reviewed, tmp_path: Path
) -> None:
    """By the reader of tables, and by the page of somebody else, who sees where they disagree."""
    index = make_page()
    _open(page, index)
    page.fill("#note", '=cmd|"x", a\nhand')
    page.click("[data-verdict=person_visible]")
    page.keyboard.press("1")
    with page.expect_download() as download:
        page.keyboard.press("e")
    download.value.save_as(tmp_path / "ann.csv")
    known = {row.clip_id: row.sample_sha256 for row in reviewed.rows}
    first, second = read_verdicts(tmp_path / "ann.csv", known)
    assert (first.verdict, first.note) == ("person_visible", '=cmd|"x", a\nhand')
    assert (second.reviewer, second.label) == ("ann", HOSTILE)
    page.click("#who")
    page.fill("#reviewer", "bob")
    page.keyboard.press("Enter")
    _until(page, "document.getElementById('who').textContent === 'bob'")
    page.keyboard.press("1")
    page.set_input_files("#file", tmp_path / "ann.csv")
    _until(page, "document.getElementById('others').textContent.includes('imported')")
    page.select_option("#filter", "disagree")
    assert page.locator("#list li").count() == 1
    assert "ann: person_visible" in page.inner_text("#others")


def test_a_hostile_label_is_text(page: "Page", make_page: MakePage) -> None:
    """Shown as it is written, and never run."""
    _open(page, make_page())
    page.keyboard.press("j")
    assert HOSTILE in page.inner_text("#facts")
    assert page.evaluate("window.hit") is None


def test_the_difference_is_drawn(page: "Page", make_page: MakePage) -> None:
    """Without the source, to the frame that was shown before."""
    _open(page, make_page())
    page.keyboard.press("d")
    page.keyboard.press("ArrowRight")
    _until(page, "document.querySelector('canvas').width === 96")


def test_hundreds_of_clips_stay_usable(page: "Page", reviewed: Reviewed, tmp_path: Path) -> None:
    """Only the clip that is looked at is loaded."""
    shard = reviewed.rows[0].shard
    parts = next(read_shard(reviewed.folder / "data" / shard)).parts
    rows = [replace(reviewed.rows[0], clip_id=f"clip{i:03}") for i in range(AT_ONCE)]
    (tmp_path / "data").mkdir()
    write_shard(tmp_path / "data" / shard, [Sample(row.clip_id, parts) for row in rows])
    picks = [Pick(row.clip_id, row.label, row.sample_sha256, "class") for row in rows]
    out = tmp_path / "page"
    write_review_page(tmp_path, rows, picks, out, None, lambda _: None, name="x", with_source=False)
    _open(page, out / "index.html")
    assert page.locator("#list li").count() == AT_ONCE
    for _ in range(20):
        page.keyboard.press("1")
    assert page.inner_text("#count") == f"20 of {AT_ONCE}"
    assert page.locator("video").count() == 1


def test_sources_need_a_project(reviewed: Reviewed, tmp_path: Path) -> None:
    """A release does not hold them."""
    with pytest.raises(InputError, match="--with-source needs the sources"):
        write_review_page(
            reviewed.folder,
            reviewed.rows,
            reviewed.picks,
            tmp_path / "page",
            None,
            lambda _: None,
            name="x",
            with_source=True,
        )
    assert not (tmp_path / "page").exists()
