"""Ids of clips."""

import pytest

from toolkit.clip import derive_clip_id, is_clip_id, make_clip_id


def test_an_id_of_kinetics():
    """Seconds have six digits; ids of YouTube may begin with a dash."""
    assert make_clip_id("--nQbRBEz2s", 104, 114) == "--nQbRBEz2s_000104_000114"
    assert is_clip_id("--nQbRBEz2s_000104_000114")


@pytest.mark.parametrize("text", ["", "a.b", "a/b", "a b", "ä", "a\n", "٣", "a" * 129])
def test_what_is_no_id(text):
    """A dot ends a key of WebDataset; the rest is nothing for paths and shells."""
    assert not is_clip_id(text)


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("wave/me.mp4", "me"),
        ("wave/v1.final (2).mp4", "v1-final-2"),
        ("wave/снег.mp4", "clip"),
        ("wave/.mp4", "mp4"),
        ("wave/clip", "clip"),
        (f"wave/{'long' * 60}.mp4", "long" * 16),
        ("wave/\udcff.mp4", "clip"),
    ],
)
def test_any_name_gives_an_id(path, slug):
    """What can be read of the name, then 12 digits of a hash."""
    clip_id = derive_clip_id(path)
    assert is_clip_id(clip_id)
    assert clip_id[:-13] == slug


def test_derived_ids_are_stable_and_differ_by_folder():
    """The id is that of the path alone: the first digits of its sha256."""
    assert derive_clip_id("wave/me.mp4") == "me-0e18ea2bb103"
    assert derive_clip_id("wave/me.mp4") != derive_clip_id("bow/me.mp4")
