"""What an audit shows of what it can find."""

from toolkit.release.findings import KINDS
from toolkit.release.report import _CHECKED


def test_every_kind_is_counted_where_it_is_checked():
    """Else a finding would leave every line of the report green."""
    counted = [kind for _, kinds in _CHECKED.values() for kind in kinds]
    assert sorted(counted) == sorted(KINDS)


def test_the_page_of_the_audit_explains_every_kind(root):
    """docs/audit.md has a row for each."""
    page = (root / "docs/audit.md").read_text("utf-8")
    table = page.split("## What is found")[1].split("## Sources")[0]
    assert [kind for kind in KINDS if f"`{kind}`" not in table] == []
