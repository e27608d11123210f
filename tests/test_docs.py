"""The documentation says what the package does."""

import re

from docs.tables import CHECKS_PAGE, with_limits
from toolkit.qa.checks import load_limits, load_meanings


def test_the_table_of_limits_is_up_to_date():
    """docs/checks.md has every limit as it ships; ``make docs`` writes it."""
    assert set(load_meanings()) == set(load_limits())
    assert all(load_meanings().values())
    page = CHECKS_PAGE.read_text("utf-8")
    assert page == with_limits(page)


def test_every_check_says_how_it_can_fail():
    """Each check has a section that tells what it misses and when it alarms without need."""
    _, *sections = re.split(r"^## ", CHECKS_PAGE.read_text("utf-8"), flags=re.MULTILINE)
    assert {section.splitlines()[0] for section in sections} == set(load_limits())
    for section in sections:
        assert "\n- Misses " in section
        assert "\n- Alarms " in section


def test_the_index_names_every_page(root):
    """docs/index.md links each page beside it."""
    index = root / "docs" / "index.md"
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)\)", index.read_text("utf-8")))
    assert linked == {page.name for page in index.parent.glob("*.md")} - {index.name}
