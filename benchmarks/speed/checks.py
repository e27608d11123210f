"""What the checks of one clip cost, check by check, beside making the clip.

    python -m benchmarks.speed checks [--clip PATH] [--json F]

Costs are seconds of processor time a frame, so other work on the machine hardly matters. The peer
is the clip itself: finding people, filling the scene, recovering poses, drawing and encoding. What
each check costs is told by the profiler, over all frames, one after another, on one core. The last
line of the list is what several checks need: networks loaded, meshes taken off again.
"""

import argparse
import cProfile
import json
import pstats
import tempfile
import time
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

import cv2

from benchmarks.stages.privacy import as_released
from benchmarks.stages.run import silent_stages
from toolkit import backends
from toolkit.actors.generate import generate_clip
from toolkit.anonymize import draw_people, empty_scene, find_people
from toolkit.config import load_profile
from toolkit.frames import FrameStore
from toolkit.gate import Anonymized, FrameChecks, Watchers, judge
from toolkit.qa.checks import load_limits
from toolkit.video import decode

SIZE = (432, 240)
FUNCTIONS = {
    "surviving_share": "surviving_pixels",
    "undrawn_share": "undrawn_meshes",
    "faces": "faces, uncovered_evidence",
    "blazefaces": "faces_blazeface",
    "hands": "hands",
    "bodies": "people, small_people",
    "flash_share": "flash",
    "left_behind_share": "left_behind",
    "find_side_data": "side_data",
    "shadow_share": "shadows",
    "colour_share": "colour",
    "still_scene": "colour",
    "skin_share": "skin",
    "skin_N": "skin",
    "text": "text",
    "unresolved_score": "unresolved_people",
    "uncovered_score": "uncovered_evidence",
    "check_occlusion": "occlusion and its six",
    "occlusion_scores": "occlusion and its six",
    "lost_people": "lost_people",
}
"""Function of ``toolkit.gate`` or ``toolkit.qa`` to the checks that it is for."""


def check_alone(done: Anonymized, released: FrameStore, written: bytes) -> None:
    """Do what ``run_checks`` does in this thread, where the profiler sees it."""
    watchers = Watchers(done.clip.frames.frame_shape, done.clip.pixel_aspect)
    checks = FrameChecks(done, released, watchers)
    rows = [checks(index) for index in range(len(released))]
    judge(done.people, rows, written, done.clip.frames.frame_shape, load_limits(), [])


def cost_by_check(profile: cProfile.Profile) -> dict[str, float]:
    """Return seconds by what they were spent on, of a profile of ``check_alone``."""
    seconds: dict[str, float] = defaultdict(float)
    for (path, _, function), (*_, total, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if function in FUNCTIONS and ("toolkit/qa/" in path or path.endswith("toolkit/gate.py")):
            seconds[FUNCTIONS[function]] += total
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def main() -> None:
    """Print the cost of each check a frame, and of all beside making the clip."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clip", type=Path, help="a video; by default 3 s of a synthetic actor")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    steps = {
        kind: backends.get(kind, name) for kind, name in asdict(load_profile("offline")).items()
    }
    with tempfile.TemporaryDirectory() as folder:
        source = options.clip or Path(folder, "actor.mp4")
        if not options.clip:
            generate_clip(source)
        begin = time.process_time()
        clip, stages = decode(source, SIZE), silent_stages()
        people = find_people(clip, steps, stages)
        people, background = empty_scene(clip, people, steps, stages)
        done = draw_people(clip, people, background, steps, stages)
        released, written = as_released(done)
        making_s = time.process_time() - begin
    profile = cProfile.Profile(time.process_time)
    begin = time.process_time()
    profile.runcall(check_alone, done, released, written)
    checking_s = time.process_time() - begin
    costs, num_frames = cost_by_check(profile), len(clip.frames)
    costs["what they share"] = checking_s - sum(costs.values())
    print(f"{source.name}: {num_frames} frames")
    for name, seconds in costs.items():
        print(f"  {name:<28}{1000 * seconds / num_frames:8.2f} ms a frame")
    print(f"{'all checks':<30}{1000 * checking_s / num_frames:8.2f} ms a frame")
    print(f"{'making the clip (peer)':<30}{1000 * making_s / num_frames:8.2f} ms a frame")
    print(f"the checks take {checking_s / making_s:.2f} of what making the clip takes")
    if options.json:
        figures = {
            "name": "checks",
            "ours": checking_s / num_frames,
            "peer_name": "making the clip",
            "peer": making_s / num_frames,
            "ratio": checking_s / making_s,
            "unit": "processor seconds a frame",
            "by_check": {name: seconds / num_frames for name, seconds in costs.items()},
        }
        options.json.write_text(json.dumps([figures], indent=2) + "\n", "utf-8")
