"""Downstream tasks: lists of the paper and official ones, their counts, and the mini suite."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.tasks import mini, paper
from benchmarks.tasks.__main__ import check
from benchmarks.tasks.task import Task, check_videos, read_lists, write_lists
from toolkit.errors import InputError
from toolkit.splits.read import TRAIN, VAL

FOLDERS = {name: name for name in paper.TASKS} | {"uav_human": "uav"}


def count(name: str, train: int, val: int, num_classes: int) -> Task:
    """Return a task of the paper that has fewer clips."""
    return replace(
        paper.TASKS[name],
        num_rows={TRAIN: train, VAL: val},
        num_classes=num_classes,
        num_listed_classes=num_classes,
    )


@pytest.mark.parametrize("name", paper.TASKS)
def test_the_lists_of_the_paper_are_those_of_its_tasks(shared_dir, name):
    """Clips of train and val, and classes, whatever the line ends and the names."""
    lists = read_lists(paper.TASKS[name], shared_dir / "splits" / FOLDERS[name])
    assert {split: len(rows) for split, rows in lists.items()} == paper.TASKS[name].num_rows


def test_the_list_of_another_data_set_is_refused(shared_dir, tmp_path):
    """The line names what was found, what must be there, and where it is from."""
    with pytest.raises(InputError, match=r"train has 3,570 clips and must have 9,537: .*crcv\.ucf"):
        read_lists(paper.TASKS["ucf101"], shared_dir / "splits/hmdb51")
    with pytest.raises(InputError, match="nor the official files of UCF101"):
        read_lists(paper.TASKS["ucf101"], tmp_path)


def test_classes_are_counted(tmp_path):
    """As many clips, but not all classes."""
    write_lists({TRAIN: [("a.mp4", 0), ("b.mp4", 1)], VAL: [("c.mp4", 1)]}, tmp_path)
    assert read_lists(count("ikeafa", 2, 1, 2), tmp_path)[VAL] == [("c.mp4", 1)]
    with pytest.raises(InputError, match="have 2 classes, the last 1, and must have 3 below 3"):
        read_lists(count("ikeafa", 2, 1, 3), tmp_path)


def test_official_files_of_ucf101(tmp_path):
    """Classes count from 1 in classInd.txt and are not in the list of val."""
    (tmp_path / "classInd.txt").write_text("1 Archery\r\n2 Biking\r\n")
    train = "Biking/v_Biking_g08_c01.avi 2\r\nArchery/v_Archery_g08_c01.avi 1\r\n"
    (tmp_path / "trainlist01.txt").write_text(train)
    (tmp_path / "testlist01.txt").write_text("Biking/v_Biking_g01_c01.avi\n")
    assert read_lists(count("ucf101", 2, 1, 2), tmp_path) == {
        TRAIN: [("Biking/v_Biking_g08_c01.avi", 1), ("Archery/v_Archery_g08_c01.avi", 0)],
        VAL: [("Biking/v_Biking_g01_c01.avi", 1)],
    }
    (tmp_path / "testlist01.txt").write_text("Diving/v_Diving_g01_c01.avi\n")
    with pytest.raises(InputError, match=r"v_Diving_g01_c01\.avi is of no class"):
        read_lists(count("ucf101", 2, 1, 2), tmp_path)


def test_official_files_of_hmdb51(tmp_path):
    """1 is train, 2 is val, 0 is neither; classes in the order of their names."""
    (tmp_path / "clap_test_split1.txt").write_text("a;b_clap.avi 1 \nc.avi 0 \nd.avi 2 \n")
    (tmp_path / "bow_test_split1.txt").write_text("e.avi 1 \n")
    assert read_lists(count("hmdb51", 2, 1, 2), tmp_path) == {
        TRAIN: [("bow/e.avi", 0), ("clap/a;b_clap.avi", 1)],
        VAL: [("clap/d.avi", 1)],
    }


def test_official_files_of_diving48(tmp_path):
    """JSON with names without suffix."""
    rows = [{"vid_name": "aaaaaaaaaaa_00001", "label": 1, "start_frame": 0, "end_frame": 9}]
    (tmp_path / "Diving48_V2_train.json").write_text(json.dumps(rows))
    (tmp_path / "Diving48_V2_test.json").write_text(json.dumps([{**rows[0], "label": 0}]))
    lists = read_lists(count("diving48", 1, 1, 2), tmp_path)
    assert lists[TRAIN] == [("aaaaaaaaaaa_00001.mp4", 1)]
    (tmp_path / "Diving48_V2_test.json").write_text("[1]")
    with pytest.raises(InputError, match="is no list of Diving48"):
        read_lists(count("diving48", 1, 1, 2), tmp_path)


def test_videos_that_are_missing_are_told(tmp_path):
    """How many, and the first; suffixes may be left out of lists."""
    lists = {TRAIN: [("bow/a", 0)], VAL: [("clap/b", 1)]}
    (tmp_path / "bow").mkdir()
    (tmp_path / "bow/a.avi").touch()
    with pytest.raises(InputError, match=r"1 of 2 clips are not in .*, first clap/b"):
        check_videos(paper.TASKS["ikeafa"], lists, tmp_path)


def test_a_clip_in_train_and_val_is_refused(tmp_path):
    """As ``m2m splits check`` finds it."""
    with pytest.raises(InputError, match="overlap"):
        write_lists({TRAIN: [("a.mp4", 0)], VAL: [("a.mp4", 0)]}, tmp_path)


def test_the_command_says_that_lists_are_right(shared_dir, tmp_path, capsys):
    """And writes them as training takes them."""
    check("ikeafa", shared_dir / "splits/ikeafa", out=tmp_path)
    assert "train 1,781, val 163 clips, 12 classes" in capsys.readouterr().out
    assert len((tmp_path / "val.csv").read_text().splitlines()) == 163
    with pytest.raises(InputError, match="unknown task 'kinetics'"):
        check("kinetics", tmp_path)


def test_scene_bias_falls_through_the_mini_suite():
    """From always to never; all clips are other people in other places."""
    films = [film for name, film in mini.FILMS.items() if "biased" not in name]
    assert [film.config.scene_bias for film in films] == [1, 0.75, 0.5, 0.25, 0]
    clips = [c for film in mini.FILMS.values() for cs in film.choose_clips().values() for c in cs]
    assert len({clip.clip_id for clip in clips}) == len(clips)


@pytest.mark.parametrize("name", mini.FILMS)
def test_a_mini_task_has_as_many_clips_of_each_class(name):
    """In train and in val, as its counts say, and the same ones each time."""
    film, task = mini.FILMS[name], mini.TASKS[name]
    chosen = film.choose_clips()
    assert {split: len(clips) for split, clips in chosen.items()} == task.num_rows
    for clips in chosen.values():
        per_class = [sum(clip.label == label for clip in clips) for label in film.labels]
        assert len(set(per_class)) == 1
    assert chosen == film.choose_clips()


def test_in_biased_tasks_the_others_act_in_val():
    """Classes of men in train are those whose index is even; the actors' test swaps genders."""
    for name, parity in (("mini-women-in-men-biased", 0), ("mini-men-in-women-biased", 1)):
        film = mini.FILMS[name]
        assert film.config.gender_bias == 0.9
        chosen = film.choose_clips()
        assert {clip.class_index % 2 for clips in chosen.values() for clip in clips} == {parity}
        assert [clips[0].split for clips in chosen.values()] == ["train", "test"]


def test_films_are_small_and_long_enough(tmp_path: Path):
    """A clip filmed for the suite: small, and as long as two spans of a recipe differ in."""
    film = mini.FILMS["mini-uav-human"]
    clip = film.choose_clips()[VAL][0]
    mini.film_clip(clip, film.config, tmp_path / "a.mp4", None)
    from toolkit.video import decode

    frames = decode(tmp_path / "a.mp4", None).frames
    assert (len(frames), *frames.frame_shape) == (16, 64, 96, 3)
    assert (len(frames) - 1) / mini.FORMAT.fps > 2.7
