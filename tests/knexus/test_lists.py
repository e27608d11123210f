import json
from pathlib import Path

import pytest

from toolkit.errors import InputError
from toolkit.knexus.lists import (
    MIXED,
    MixedKinetics150Warning,
    compare_lists,
    digest_labels,
    find_mixed,
    name_list,
    read_labels,
    warn_if_mixed,
)

ONE = [f"class {index:03}" for index in range(150)]
OTHER = ONE[:60] + [f"other {index:03}" for index in range(90)]


def test_a_table_a_release_and_a_text_are_read_alike(tmp_path: Path) -> None:
    """CSV with CRLF, a byte-order mark and quotes; JSON; lines."""
    table = '\ufefflabel,youtube_id\r\nwalk,a\r\n"dive, deep",b\r\nwalk,c\r\n\r\n'
    (tmp_path / "val.csv").write_bytes(table.encode())
    (tmp_path / "classes.json").write_text(json.dumps({"classes": ["walk", "dive, deep"]}))
    (tmp_path / "list.txt").write_text("walk\n\ndive, deep")
    for name in ("val.csv", "classes.json", "list.txt"):
        assert read_labels(tmp_path / name) == ("dive, deep", "walk")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"walk\nrun\nwalk\n", "class 'walk' is there twice"),
        ("a.json", b'{"classes": ["a", "a"]}', "class 'a' is there twice"),
        ("a.csv", b"label,id\n", "names no class"),
        ("a.json", b"[1]", 'no list "classes"'),
        ("a.json", b'{"classes": 3}', 'no list "classes"'),
        ("a.txt", b"\xff\xfe\x00", "cannot be read as text"),
        ("a.txt", b"", "empty"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    """One line each."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_labels(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_two_kinetics_150_are_told_apart() -> None:
    """Both of 150 classes, 60 in common: a warning of a name; not of a list and itself."""
    (line,) = find_mixed({"ours": ONE, "theirs": OTHER, "few": ONE[:10]})
    assert line.startswith(f"{MIXED}: ours and theirs are both of 150 classes, and share 60")
    assert find_mixed({"ours": ONE, "again": list(reversed(ONE))}) == []
    with pytest.warns(MixedKinetics150Warning, match="share 60"):
        warn_if_mixed({"ours": ONE, "theirs": OTHER})
    assert compare_lists({"a": ONE, "b": OTHER})[0].num_both == 60
    assert name_list(ONE) == ""
    assert digest_labels(ONE) == digest_labels(list(reversed(ONE)))


def test_the_papers_list_is_known(shared_dir: Path) -> None:
    """150 classes in 7,467 rows, known by their digest."""
    labels = read_labels(shared_dir / "splits/kinetics/val.csv")
    assert len(labels) == 150
    assert name_list(labels) == "Kinetics-150 of K-NEXUS"


def test_the_command_warns(tmp_path: Path, run_m2m) -> None:
    """Overlap, digest and the warning; an error is one line."""
    for name, labels in (("a.txt", ONE), ("b.txt", OTHER)):
        (tmp_path / name).write_text("\n".join(labels))
    done = run_m2m("knexus", "lists", "a.txt", "b.txt", cwd=tmp_path)
    assert done.returncode == 0
    assert "a.txt and b.txt: 60 classes in both" in done.stdout
    assert "warning mixed_kinetics_150: a.txt and b.txt" in done.stdout
    refused = run_m2m("knexus", "lists", "none.txt", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("m2m: error: none.txt: cannot be read")
