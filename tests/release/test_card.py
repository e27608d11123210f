"""The card says of a release what is in it."""

from toolkit.params import Release
from toolkit.release.card import make_card


def test_only_a_list_points_to_its_lists() -> None:
    """A release of videos has none, also where no clip came through."""
    videos = Release(scene="empty", body=None, pixels=True)
    listed = Release(scene="empty", body=None, pixels=False)
    assert "lists/" in make_card("some", listed, [], [])
    assert "lists/" not in make_card("some", videos, [], [])
    assert "no clip came through" in make_card("some", videos, [], [])
