"""What all clips together say."""

import json
from pathlib import Path

import pytest

from benchmarks.stages.evaluate import METRICS, evaluate, find_clips
from benchmarks.stages.summary import PAGE, metric_of, rows, summarise, with_table
from tests.stages_clip import truth_of
from tests.videos import write_video
from toolkit.actors.generate import ActorClip
from toolkit.actors.truth import write_truth
from toolkit.errors import InputError

NAN = float("nan")


def clips_of(stage: str, name: str, values: list[float]) -> dict[str, dict[str, dict[str, float]]]:
    """Return values by clip, named a, b, c and so on."""
    return {chr(97 + i): {stage: {name: value}} for i, value in enumerate(values)}


def test_mean_worst_and_interval() -> None:
    """The worst is the end that is not best; the interval holds the mean and not every clip."""
    recall = summarise(clips_of("mask", "recall", [1.0, 0.9, 1.0, 0.98]))["mask"]["recall"]
    assert (recall["mean"], recall["worst"]) == (pytest.approx(0.97), 0.9)
    assert (recall["worst_clip"], recall["num_clips"]) == ("b", 4)
    low, high = recall["ci95"]
    assert 0.9 < low < 0.97 < high <= 1
    missed = summarise(clips_of("mask", "missed_person_frames", [0, 3, 1]))
    assert missed["mask"]["missed_person_frames"]["worst"] == 3


def test_clips_that_a_metric_does_not_apply_to_are_left_out() -> None:
    """NaN and a missing key are no zero; a metric that applies nowhere is not there."""
    by_clip = clips_of("composite", "depth_order", [NAN, 0.5])
    by_clip["c"] = {"composite": {"foreground_covered": NAN}}
    summary = summarise(by_clip)["composite"]
    assert list(summary) == ["depth_order"]
    assert summary["depth_order"]["num_clips"] == 1
    assert summary["depth_order"]["ci95"] == [0.5, 0.5]


def test_the_same_clips_give_the_same_interval() -> None:
    """In any order."""
    by_clip = clips_of("mask", "iou", [0.2, 0.9, 0.7, 0.5])
    backward = dict(reversed(by_clip.items()))
    assert summarise(by_clip) == summarise(backward)


def test_a_breakdown_is_judged_as_what_it_breaks_down() -> None:
    """By the longest name that it begins with."""
    assert metric_of("mask", "recall_camera_pan") is METRICS["mask"]["recall"]
    assert metric_of("mask", "recall_worst_frame") is METRICS["mask"]["recall_worst_frame"]


def test_the_keys_that_others_compare_by() -> None:
    """The names that the JSON file promises."""
    promised = {
        "mask": {"recall", "recall_worst_frame", "iou", "missed_person_frames", "id_switches"},
        "inpaint": {"psnr_static_db", "psnr_moving_db", "gain_over_ns_db", "silhouette_auc"},
        "recover": {"pa_mpjpe_mm", "mpjpe_mm", "accel_ratio", "mesh_iou"},
        "composite": {"depth_order"},
        "privacy": {"planted_caught", "clean_quarantined"},
    }
    assert {stage: names & set(METRICS[stage]) for stage, names in promised.items()} == promised


def test_the_table_says_which_goals_hold() -> None:
    """Beside the baseline, in text and on the page."""
    result = {
        **summarise(clips_of("mask", "recall", [1.0, 0.999])),
        "baseline": summarise(clips_of("mask", "recall", [0.9, 0.7])),
        "settings": {"profile": "offline", "clips": 2},
    }
    (row,) = rows(result, "mask", breakdowns=False)
    name, goal, mean, _, worst, num_clips, baseline = row
    assert (name, goal, mean, worst) == ("mask.recall", "≥ 0.995 ✓", "0.9995", "0.999")
    assert (num_clips, baseline) == ("2", "0.8")
    page = with_table("before\n<!-- stages -->\nold\n<!-- /stages -->\nafter", result)
    assert page.startswith("before\n<!-- stages -->\n\nSettings: profile offline, clips 2.\n")
    assert page.endswith("\n\n<!-- /stages -->\nafter")
    assert "| mask.recall | ≥ 0.995 ✓ | 0.9995 |" in page
    assert "old" not in page


def test_the_page_is_what_the_last_results_say(root: Path) -> None:
    """docs/quality.md is written from benchmarks/results/stages.json."""
    results = root / "benchmarks/results/stages.json"
    if not results.exists():
        pytest.skip("needs benchmarks/results/stages.json: run  python -m benchmarks.stages --json")
    page = PAGE.read_text("utf-8")
    assert page == with_table(page, json.loads(results.read_text("utf-8")))


def test_a_folder_without_truth_is_refused(tmp_path: Path) -> None:
    """In one line that says how to make one."""
    with pytest.raises(InputError, match="m2m actors generate"):
        find_clips(tmp_path)


@pytest.mark.usefixtures("weights")
def test_a_clip_is_measured_once(actor: ActorClip, tmp_path: Path) -> None:
    """A second run takes what the first one kept, and gives the same."""
    masks_PTHW = actor.masks_THW[None, 14:24]
    truth = truth_of(masks_PTHW, actor.background_THWC[0], info={"clip_id": "a", "seed": 0})
    write_truth(truth, tmp_path / "truth" / "a.npz")
    (tmp_path / "train" / "walk").mkdir(parents=True)
    write_video(tmp_path / "train" / "walk" / "a.mp4", actor.frames_THWC[14:24], fps=12)
    clips, work, num_done = find_clips(tmp_path), tmp_path / "work", []

    def measured() -> dict[str, dict[str, dict[str, float]]]:
        return evaluate(clips, "offline", work, is_baseline=True, progress=num_done.append)

    first = measured()
    (kept,) = work.iterdir()
    written_ns = kept.stat().st_mtime_ns
    assert json.dumps(measured()) == json.dumps(first)
    assert [path.stat().st_mtime_ns for path in work.iterdir()] == [written_ns]
    assert num_done == [0, 1, 1]
    assert set(first["a"]) == {"mask", "inpaint", "recover", "composite", "occlusion"}
    assert 0 < first["a"]["mask"]["recall"] <= 1
