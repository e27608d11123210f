"""Each kind of finding is found where it is planted, and not where it is not."""

import re

import pytest

from toolkit.errors import InputError
from toolkit.splits.check import check_splits
from toolkit.splits.findings import KINDS

HMDB51 = "{0}/{1}_{0}_f_cm_np1_fr_med_{2}"
UAV = "P{:03d}S00G10B40H20UC072000LC021000A{:03d}R0_0824{:04d}.avi"


def find(checked, kind):
    """Return where and what of the findings of a kind."""
    return [(f.where, f.detail) for f in checked.findings if f.kind == kind]


TRAIN = [("a/p.mp4", 0), ("a/q.mp4", 0), ("b/r.mp4", 1)]
VAL = [("a/s.mp4", 0), ("b/t.mp4", 1)]


def test_nothing_is_found_in_two_sound_lists(check_lists):
    """All that is told is that names are of no known data set, whatever the folder is called."""
    checked = check_lists(train=TRAIN, val=VAL)
    assert [f.kind for f in checked.findings] == ["no_group_rule"]
    assert checked.ok
    assert checked.name == f"unrecognised/{checked.folder.name}"


@pytest.mark.parametrize(
    ("train", "val", "kind", "detail"),
    [
        ([("a/s.mp4", 0)], VAL, "overlap", "a/s.mp4 (val) is a/s.mp4 of train.csv:1 (train)"),
        ([("./a//s.avi", 0)], VAL, "overlap", "is ./a//s.avi of train.csv:1"),
        ([("c/s.mp4", 0)], VAL, "same_stem", "a/s.mp4 (val) is c/s.mp4 of train.csv:1"),
        ([("a/p.mp4", 0), ("a/p.mp4", 0)], VAL, "duplicate", "train.csv:1 has a/p.mp4 too"),
        ([("p.mp4", 0), ("p.mp4", 1)], VAL, "duplicate", "too, with label 0, not 1"),
        ([("a/p.mp4", 0)], VAL, "untrained_class", "label 1"),
        ([("p", 0), ("q", 1), ("r", 2)], VAL, "untested_class", "label 2"),
        ([("p", 0), ("q", 1), ("r", 3)], VAL, "class_gap", "3 labels, the largest 3, without 2"),
        ([("p", 1), ("q", 2)], [("r", 1), ("s", 2)], "class_gap", "the largest 2, without 0"),
    ],
)
def test_what_is_planted_in_two_lists_is_found(check_lists, train, val, kind, detail):
    """Once, with the place and the values."""
    ((_, found),) = find(check_lists(train=train, val=val), kind)
    assert detail in found


@pytest.mark.parametrize(
    ("data", "kind", "where", "detail"),
    [
        (b"a;0\nb\nc;1\n", "bad_row", "train.csv:2", "a separator and a label, got 'b'"),
        (b"a;0\r\nb;1\n", "mixed_line_ends", "train.csv", "1 CRLF and 1 LF"),
        (b"a;0\r\nb;1\r\n", "carriage_returns", "train.csv", "2 CRLF"),
        (b"\xef\xbb\xbfa;0\nb;1\n", "byte_order_mark", "train.csv", "EF BB BF"),
        (b"a;0\nb;1", "no_last_newline", "train.csv", "no line end"),
        (b"a;0\n\nb;1\n", "blank_lines", "train.csv", "1 of them"),
        (b"a;-)b;0\nb;1\n", "separator_in_name", "train.csv:1", "';' in a;-)b"),
        (b"a 12 0\nb 99 1\n", "more_columns", "train.csv", "1 space in each path, such as 'a 12'"),
    ],
)
def test_how_a_file_is_written_is_found(check_lists, data, kind, where, detail):
    """Once, with the place and the values."""
    ((place, found),) = find(check_lists(train=data), kind)
    assert place == where
    assert detail in found


def test_one_split_alone_cannot_be_compared(check_lists):
    """That nothing was looked for is told, lest it read as nothing found."""
    assert find(check_lists(train=TRAIN), "one_split") == [("", "all 3 rows are of train")]


def test_the_column_of_a_table_tells_the_split(check_lists):
    """Where the file's name says another one, that is told."""
    head = b"label,youtube_id,time_start,time_end,split\n"
    checked = check_lists(val=head + b"x,-wiIfh_00-1,0,9,train\ny,-wiIfh_00-2,0,9,val\n")
    assert find(checked, "other_split") == [("val.csv", "1 of 2 rows")]
    assert checked.splits == ["train", "val"]


@pytest.mark.parametrize("folder", ["", "elsewhere/videos/"])
def test_a_subject_in_two_splits(check_lists, folder):
    """The number after P is a person: one person in both splits is told, and no other."""
    train = [(folder + UAV.format(1, 0, 1), 0), (folder + UAV.format(2, 1, 2), 1)]
    val = [(folder + UAV.format(2, 0, 3), 0), (folder + UAV.format(3, 1, 4), 1)]
    checked = check_lists(train=train, val=val)
    assert checked.known
    assert checked.known.title == "UAV-Human"
    assert find(checked, "group_leak") == [("val.csv:1", "subject P002: 1 of train, 1 of val")]


def test_a_group_in_two_splits(check_lists):
    """A group is of one class: g01 of another class is another video."""
    train = [("A/v_A_g01_c01.avi", 0), ("B/v_B_g02_c01.avi", 1)]
    val = [("A/v_A_g02_c01.avi", 0), ("B/v_B_g02_c02.avi", 1)]
    checked = check_lists(train=train, val=val)
    assert checked.name == "ucf101"
    assert find(checked, "group_leak") == [("val.csv:2", "group B_g02: 1 of train, 1 of val")]


def test_a_film_in_two_splits(check_lists):
    """Official lists of HMDB51 keep films apart within a class only: there it is an error."""
    train = [(HMDB51.format("ride_bike", "Film_1", 0), 0), (HMDB51.format("talk", "Film_1", 0), 1)]
    val = [(HMDB51.format("ride_bike", "Other", 0), 0), (HMDB51.format("talk", "Film_1", 1), 1)]
    told = [("val.csv:2", "source Film_1 label 1 (talk): 1 of train, 1 of val")]
    assert find(check_lists(train=train, val=val), "group_leak") == told
    checked = check_lists(train=train[:1], val=val)
    assert find(checked, "shared_source") == [("val.csv:2", "source Film_1: 1 of train, 1 of val")]
    assert not find(checked, "group_leak")


@pytest.mark.parametrize(
    ("name", "dataset", "group"),
    [
        ("diving48/videos/{}-mmq0PT-u8_00155.mp4", "diving48", "source video {}-mmq0PT-u8"),
        ("spin_in/GOPR012{}_00117_00294_05.MP4", "ikeafa", "source video GOPR012{}"),
        ("k400/{}-mmq0PT-u8_000001_000011.mp4", "kinetics", "source video {}-mmq0PT-u8"),
    ],
)
def test_a_source_video_in_two_splits(check_lists, name, dataset, group):
    """The video that a clip was cut from is in the name, for each data set in another way."""
    train, val = name.format(1), re.sub(r"_0(\d+)(?=\D*$)", r"_9\1", name.format(1))
    checked = check_lists(train=[(train, 0), (name.format(2), 0)], val=[(val, 0)])
    assert checked.name == dataset
    assert [detail for _, detail in find(checked, "group_leak")] == [
        f"{group.format(1)}: 1 of train, 1 of val"
    ]


def test_one_clip_in_two_folders_is_an_overlap_where_names_are_of_clips(check_lists):
    """In a known data set a file name stands for one clip, wherever it lies."""
    clip = UAV.format(1, 0, 1)
    checked = check_lists(train=[(f"x/{clip}", 0)], val=[(f"y/{clip}", 0)])
    assert len(find(checked, "overlap")) == 1
    assert not find(checked, "same_stem")


def test_a_label_that_the_name_contradicts(check_lists):
    """Most clips of a class have its label; two classes with one label are told, too."""
    train = [(f"v_A_g0{g}_c01", 0) for g in range(1, 4)] + [("v_A_g04_c01", 1), ("v_B_g01_c01", 1)]
    checked = check_lists(train=train)
    detail = "v_A_g04_c01 has label 1, 3 others 0"
    assert find(checked, "wrong_label") == [("train.csv:4", detail)]
    merged = check_lists(train=[("v_A_g01_c01", 0), ("v_B_g01_c01", 0)])
    assert find(merged, "merged_classes") == [("", "label 0 is A, B")]


def test_a_folder_for_all_clips_is_no_class(check_lists):
    """IkeaFA's names tell the class by the folder only, and a flat copy has one folder."""
    rows = [(f"videos/GOPR000{n}_00117_00294_05.MP4", n) for n in range(3)]
    checked = check_lists(train=rows)
    assert not find(checked, "wrong_label")
    assert {clip.label for clip in checked.clips} == {None}


def test_a_name_unlike_the_others_is_odd(check_lists):
    """One of many does not hide which data set it is; it has no group, and that is told."""
    rows = [(f"v_A_g{g:02d}_c01", 0) for g in range(1, 20)]
    checked = check_lists(train=[*rows, ("new.mp4", 0)])
    assert checked.name == "ucf101"
    assert find(checked, "odd_name") == [("train.csv:20", "new.mp4 is none of UCF101")]


def list_ucf101(num_train, num_val, num_classes=101):
    """Return lists of as many rows, over as many classes, groups apart."""
    names = [f"{chr(65 + c // 26)}{chr(97 + c % 26)}" for c in range(num_classes)]

    def make(num, group):
        cells = [divmod(n, num_classes) for n in range(num)]
        return [(f"v_{names[cls]}_g{group}_c{clip:02d}", cls) for clip, cls in cells]

    return {"train": make(num_train, 11), "val": make(num_val, 12)}


@pytest.mark.parametrize(
    ("num_train", "num_val", "name"),
    [(9537, 3783, "split 1"), (9586, 3734, "split 2"), (9624, 3696, "split 3")],
)
def test_the_official_list_is_known_by_its_counts(check_lists, num_train, num_val, name):
    """UCF101 has three; each is told by its name."""
    checked = check_lists(**list_ucf101(num_train, num_val))
    assert checked.list_name == name
    assert checked.ok


@pytest.mark.parametrize(
    ("counts", "detail"),
    [
        ((9536, 3783), "UCF101, split 1: train has 9,536 rows, the list 9,537"),
        ((9586, 3733), "UCF101, split 2: val has 3,733 rows, the list 3,734"),
        ((9537, 3783, 100), "UCF101, split 1: 100 classes, the list has 101"),
    ],
)
def test_another_count_than_the_known_one(check_lists, counts, detail):
    """The nearest list is named, with what differs."""
    checked = check_lists(**list_ucf101(*counts))
    assert find(checked, "wrong_count") == [("", detail)]
    assert not checked.ok


def test_kinetics_of_other_classes_has_no_known_count(check_lists):
    """A Kinetics of some classes is common, and no error; the same holds for a list alone."""
    head = b"label,youtube_id,time_start,time_end,split\n"
    checked = check_lists(val=head + b"talk,-wiIfh_00-1,0,9,val\n")
    assert find(checked, "no_known_count") == [("", "Kinetics, rows: val 1; classes: 1")]
    assert checked.ok


def test_files_of_one_folder_are_one_data_set(write_list):
    """Lists of several folders may be named together: only those of a folder are compared."""
    paths = [
        write_list(name, rows)
        for name, rows in [
            ("one/train.csv", TRAIN),
            ("two/val.csv", TRAIN),
            ("one/val.csv", VAL),
        ]
    ]
    one, two = check_splits(paths)
    assert [file.path.name for file in one.files] == ["train.csv", "val.csv"]
    assert not [f for f in (*one.findings, *two.findings) if f.kind == "overlap"]


def test_two_files_of_one_split_are_refused(write_list):
    """Which of them counts, nobody can tell."""
    paths = [write_list(name, TRAIN) for name in ("train.csv", "trainlist01.txt")]
    with pytest.raises(InputError, match="are both 'train' by their names"):
        check_splits(paths)


def test_numbers_in_one_file_and_names_in_the_other_are_refused(write_list):
    """They cannot be lists of one data set."""
    paths = [write_list("train.csv", TRAIN), write_list("val.csv", [("a", "talk"), ("b", "run")])]
    with pytest.raises(InputError, match=r"train\.csv has numbers for labels and .*val\.csv names"):
        check_splits(paths)


def test_every_kind_of_finding_has_a_test(request):
    """Each kind that can be found is named in this file."""
    text = request.path.read_text("utf-8")
    assert not [kind for kind in KINDS if f'"{kind}"' not in text]
