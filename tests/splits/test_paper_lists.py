"""The lists that the paper's authors published, as they are."""

from collections import Counter

import pyarrow.parquet as pq
import pytest

from toolkit.splits.check import check_splits
from toolkit.splits.findings import WARNING
from toolkit.splits.read import read_label_file
from toolkit.splits.table import write_table

FOLDERS = ("ucf101", "hmdb51", "diving48", "ikeafa", "uav", "kinetics")


@pytest.fixture(scope="module")
def lists(shared_dir):
    """The folder of the lists."""
    folder = shared_dir / "splits"
    if not folder.is_dir():
        pytest.skip("needs ../shared/splits: the published lists beside the repository")
    return folder


@pytest.fixture(scope="module")
def sets(lists):
    """All of them, checked, by folder."""
    checked = check_splits([path for name in FOLDERS for path in (lists / name).glob("*.csv")])
    return {one.folder.name: one for one in checked}


def find(checked, kind):
    """Return the findings of a kind."""
    return [finding for finding in checked.findings if finding.kind == kind]


@pytest.mark.parametrize(
    ("folder", "title", "num_rows", "num_classes"),
    [
        ("ucf101", "UCF101", {"train": 9537, "val": 3783}, 101),
        ("hmdb51", "HMDB51", {"train": 3570, "val": 1530}, 51),
        ("diving48", "Diving48", {"train": 15027, "val": 1970}, 47),
        ("ikeafa", "IkeaFA", {"train": 1781, "val": 163}, 12),
        ("uav", "UAV-Human", {"train": 16285, "val": 6191}, 155),
        ("kinetics", "Kinetics", {"val": 7467}, 150),
    ],
)
def test_rows_and_classes_are_those_told(sets, folder, title, num_rows, num_classes):
    """Each data set is recognised by its names, whole, and its counts are known."""
    checked = sets[folder]
    assert checked.known
    assert checked.known.title == title
    assert Counter(clip.split for clip in checked.clips) == num_rows
    assert len({clip.cls for clip in checked.clips}) == num_classes
    assert checked.list_name
    assert checked.ok
    assert not find(checked, "odd_name")


def test_the_counts_do_not_hang_on_the_folder(lists, tmp_path):
    """The same files under another folder's name are the same data set."""
    for split in ("train", "val"):
        (tmp_path / f"{split}.csv").write_bytes((lists / "uav" / f"{split}.csv").read_bytes())
    (checked,) = check_splits(sorted(tmp_path.glob("*.csv")))
    assert (checked.name, checked.list_name) == ("uav_human", "the paper's list")


def test_seven_names_of_hmdb51_hold_the_separator(lists, sets):
    """Whoever splits at the first ``;`` gets no number there; here each has its class's label."""
    found = find(sets["hmdb51"], "separator_in_name")
    assert [finding.where for finding in found] == [
        f"train.csv:{line}" for line in (1295, 1296, 1297, 1644, 1645, 1646, 1647)
    ]
    lines = (lists / "hmdb51/train.csv").read_text("utf-8").splitlines()
    wrong = [n for n, line in enumerate(lines, 1) if not line.split(";", 1)[1].isdecimal()]
    assert [f"train.csv:{line}" for line in wrong] == [finding.where for finding in found]
    labels = {clip.where: (clip.label, clip.cls) for clip in sets["hmdb51"].clips}
    assert {labels[finding.where] for finding in found} == {("laugh", 25), ("cartwheel", 3)}
    assert not find(sets["hmdb51"], "wrong_label")


def test_line_ends_are_told_as_they_are(lists, sets):
    """Three data sets have CRLF and no last one; no label keeps a carriage return."""
    with_returns = {name for name, checked in sets.items() if find(checked, "carriage_returns")}
    assert with_returns == {"ikeafa", "uav", "diving48"}
    for name in FOLDERS:
        for path in (lists / name).glob("*.csv"):
            data, file = path.read_bytes(), read_label_file(path)
            ends = "CRLF" if name in with_returns else "LF"
            assert file.line_ends == {ends: data.count(b"\n")}
            assert file.has_last_newline == data.endswith(b"\n") == (ends == "LF")
            assert len(file.rows) == data.count(b"\n") + (ends == "CRLF") - file.has_header


def test_groups_are_apart_but_for_films_of_hmdb51(sets):
    """Subjects of UAV-Human and groups of UCF101 are; HMDB51 shares films across classes."""
    counts = {
        name: [len({c.group for c in one.clips if c.split == split}) for split in one.splits]
        for name, one in sets.items()
    }
    assert counts["uav"] == [89, 30]
    assert counts["ucf101"] == [18 * 101, 7 * 101]
    for name, checked in sets.items():
        assert all(clip.group for clip in checked.clips)
        assert not find(checked, "group_leak")
        assert bool(find(checked, "shared_source")) == (name == "hmdb51")


def test_a_subject_who_changes_sides_is_found(lists, tmp_path):
    """One row of UAV-Human moved from train to val: the counts and the subject are told."""
    train = (lists / "uav/train.csv").read_bytes().split(b"\r\n")
    val = (lists / "uav/val.csv").read_bytes().split(b"\r\n")
    paths = [tmp_path / "train.csv", tmp_path / "val.csv"]
    paths[0].write_bytes(b"\r\n".join(train[1:]))
    paths[1].write_bytes(b"\r\n".join([*val, train[0]]))
    (checked,) = check_splits(paths)
    (leak,) = find(checked, "group_leak")
    assert "subject P090" in leak.detail
    assert len(find(checked, "wrong_count")) == 2


def test_all_become_one_table(sets, tmp_path):
    """Each row is there once, and the labels are whole numbers from 0."""
    write_table(list(sets.values()), tmp_path / "splits.parquet")
    table = pq.read_table(tmp_path / "splits.parquet")
    assert table.num_rows == sum(len(checked.clips) for checked in sets.values())
    keys = list(
        zip(*(table[name].to_pylist() for name in ("dataset", "split", "path")), strict=True)
    )
    assert keys == sorted(set(keys))
    assert table["group"].null_count == 0


def test_the_page_says_what_is_measured(root, sets):
    """The table of docs/splits.md is what the lists hold."""
    page = (root / "docs/splits.md").read_text("utf-8")
    for checked in sets.values():
        assert _tell(checked) in page


def _tell(checked):
    """Return a row of the table on the page."""
    assert checked.known

    def count(get):
        return " / ".join(
            f"{len({get(clip) for clip in checked.clips if clip.split == split}):,}"
            for split in checked.splits
        )

    ends = {" and ".join(file.line_ends) for file in checked.files}
    last = {"there" if file.has_last_newline else "missing" for file in checked.files}
    warnings = Counter(f.kind for f in checked.findings if f.severity == WARNING)
    cells = [
        checked.known.title,
        count(lambda clip: clip.path),
        str(len({clip.cls for clip in checked.clips})),
        f"{count(lambda clip: clip.group)} {checked.known.group}s",
        *ends,
        *last,
        str(len(find(checked, "separator_in_name"))),
        ", ".join(f"{number} `{kind}`" for kind, number in warnings.items()) or "-",
    ]
    return f"| {' | '.join(cells)} |"
