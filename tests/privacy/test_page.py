"""The page shows what it is told, loads nothing, and no text in it becomes markup."""

from pathlib import Path
from typing import TYPE_CHECKING

from tests.privacy.conftest import write_json
from tests.review.conftest import HOSTILE
from toolkit.privacy.page import write_page
from toolkit.privacy.report import make_profile

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def _write(release: Path, folder: Path) -> Path:
    attack = write_json(folder / "attack.json", {HOSTILE: HOSTILE})
    write_page(make_profile(release, folder, attack=attack), folder / "privacy.html")
    return folder / "privacy.html"


def test_the_same_release_gives_the_same_page(release: Path, tmp_path: Path) -> None:
    """Byte for byte; and it says that nobody looked instead of a number."""
    page = _write(release, tmp_path).read_bytes()
    assert page == _write(release, tmp_path).read_bytes()
    text = page.decode()
    assert "Nobody has looked at this version." in text
    assert "synthetic actors" in text
    assert "default-src 'none'" in text


def test_hostile_names_are_text(release: Path, tmp_path: Path, browser: "Browser") -> None:
    """Of the release, a class and an attack: nothing runs, nothing is loaded, all is shown."""
    page = browser.new_page(offline=True)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: said.append(request.url))
    index = _write(release, tmp_path)
    assert "<script" not in index.read_text("utf-8")
    page.goto(index.as_uri())
    assert page.evaluate("window.hit") is None
    assert page.inner_text("h1") == HOSTILE
    assert page.title() == f"Privacy report of {HOSTILE}"
    captions = page.locator("figcaption").all_inner_texts()
    assert captions[1] == f"{HOSTILE}, frame 6 of clip1"
    assert captions[2].startswith("{{body}}, ")
    widths = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
    assert widths == [96, 96, 96]
    assert [text for text in said if not text.startswith(("file:", "data:image/jpeg"))] == []
