"""Are all people found, all of them, nobody else, and each always as the same person?"""

from collections import defaultdict

import numpy as np

from benchmarks.stages.run import ClipRun, Metric
from toolkit.m2m.masks import box_of, decode_rle, dilate
from toolkit.m2m.types import Array

MIN_HEIGHT_PX = 45
MAX_OCCLUSION = 0.5
MIN_COVERED = 0.5
MIN_SEEN_SHARE = 1e-3
"""Frames that show less of people than this share of themselves are not called worst."""
MIN_ON_PEOPLE = 0.25
HEIGHTS_PX = (80, 140)
HIDDEN = 0.1

METRICS = {
    "recall": Metric("share of people's pixels that the dilated mask covers", "high", 0.995),
    "recall_worst_frame": Metric("the same in the worst frame of a clip", "high"),
    "iou": Metric("outlines of people, before dilation, against the true ones: IoU", "high", 0.88),
    "iou_dilated": Metric("the same of the dilated mask, with all that is removed", "high"),
    "missed_person_frames": Metric(
        "frames of a clip with somebody less than half covered "
        f"({MIN_HEIGHT_PX} px or taller, at most half occluded)",
        "low",
        0,
    ),
    "false_persons_per_100_frames": Metric(
        "people found where nobody is, or drawn twice, in 100 frames", "low"
    ),
    "id_switches": Metric("times that a person of a clip goes on as another one", "low"),
}


def measure(run: ClipRun) -> dict[str, float]:
    """Compare masks and tracks with the true masks."""
    seen_T, covered_T, removed_T, common_T, union_T = np.zeros((5, run.num_frames))
    by_kind: dict[str, list[tuple[int, int]]] = defaultdict(list)
    num_missed_frames = num_false = 0
    for index in range(run.num_frames):
        mask_HW, outline_HW = run.mask_HW(index), run.outline_HW(index)
        visible_HW = run.visible_HW(index)
        seen_T[index] = np.count_nonzero(visible_HW)
        covered_T[index] = np.count_nonzero(visible_HW & mask_HW)
        removed_T[index] = np.count_nonzero(visible_HW | mask_HW)
        common_T[index] = np.count_nonzero(visible_HW & outline_HW)
        union_T[index] = np.count_nonzero(visible_HW | outline_HW)
        people = _people(run, index, mask_HW)
        num_missed_frames += any(_is_missed(*person) for person in people)
        for height_px, occlusion, num_seen, num_covered in people:
            for kind in (_height_kind(height_px), _occlusion_kind(occlusion)):
                by_kind[f"recall_{kind}"].append((num_seen, num_covered))
        num_false += _num_false(run, index, visible_HW)
    camera = run.truth.info.get("camera", "unknown")
    recall, iou = _share(covered_T.sum(), seen_T.sum()), _share(common_T.sum(), union_T.sum())
    telling_T = seen_T >= MIN_SEEN_SHARE * run.visible_HW(0).size
    worst = (covered_T[telling_T] / seen_T[telling_T]).min() if telling_T.any() else np.nan
    return {
        "recall": recall,
        "recall_worst_frame": float(worst),
        "iou": iou,
        "iou_dilated": _share(covered_T.sum(), removed_T.sum()),
        "missed_person_frames": num_missed_frames,
        "false_persons_per_100_frames": 100 * num_false / run.num_frames,
        "id_switches": count_switches(run.matches),
        **{kind: _share(*np.sum(pairs, 0)[::-1]) for kind, pairs in by_kind.items()},
        f"recall_camera_{camera}": recall,
        f"iou_camera_{camera}": iou,
    }


def count_switches(matches: list[dict[int, int]]) -> int:
    """Count how often a person's track is another one than the last time they had one."""
    last: dict[int, int] = {}
    num_switches = 0
    for match in matches:
        num_switches += sum(last.get(p, track_id) != track_id for p, track_id in match.items())
        last |= match
    return num_switches


def _people(run: ClipRun, index: int, mask_HW: Array) -> list[tuple[float, float, int, int]]:
    """Return height (px), occlusion, visible pixels and covered ones of each person seen."""
    people = []
    for p, visible_HW in enumerate(run.truth.visible_PTHW[:, index]):
        box_xyxy = box_of(visible_HW)
        if box_xyxy is not None:
            people.append(
                (
                    float(box_xyxy[3] - box_xyxy[1]),
                    float(run.truth.occlusion_PT[p, index]),
                    int(np.count_nonzero(visible_HW)),
                    int(np.count_nonzero(visible_HW & mask_HW)),
                )
            )
    return people


def _is_missed(height_px: float, occlusion: float, num_seen: int, num_covered: int) -> bool:
    is_asked = height_px >= MIN_HEIGHT_PX and occlusion <= MAX_OCCLUSION
    return is_asked and num_covered < MIN_COVERED * num_seen


def _num_false(run: ClipRun, index: int, visible_HW: Array) -> int:
    """Count the sightings that show nobody, and the drawn ones of somebody who has one already."""
    matched = set(run.matches[index].values())
    near_HW = dilate(visible_HW) != 0
    num_false = 0
    for track in run.done.people.tracks:
        if index not in track.frames or track.track_id in matched:
            continue
        mask_HW = decode_rle(track.frames[index].mask)
        on_people = float(near_HW[mask_HW].mean()) if mask_HW.any() else 0.0
        is_drawn = track.is_sure and any(
            motion.track_id == track.track_id and index in motion.frames_T for motion in run.motions
        )
        num_false += is_drawn or on_people < MIN_ON_PEOPLE
    return num_false


def _height_kind(height_px: float) -> str:
    low, high = HEIGHTS_PX
    if height_px < low:
        return f"below_{low}_px"
    return f"{low}_to_{high}_px" if height_px < high else f"from_{high}_px"


def _occlusion_kind(occlusion: float) -> str:
    return "occluded" if occlusion > HIDDEN else "free"


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
