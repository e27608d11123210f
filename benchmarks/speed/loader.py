"""How fast clips are loaded for training, beside three other ways to read the same frames.

    python -m benchmarks.speed loader [--data RELEASE] [--split train] [--repeats 5] [--json F]

An item is 16 frames evenly over 2.7 s, at one of nine places of a clip in a shard: read, decoded
and turned to RGB, without the crops, which cost the same everywhere. The others get the bytes that
our loader gets:

- decode everything: PyAV turns every frame to RGB, and those that are wanted are picked;
- PyAV per clip: from the keyframe before the span to its last frame, and only what is wanted is
  turned to RGB, by PyAV's own conversion;
- torchcodec, where its package and FFmpeg's libraries are there.

Costs are seconds of processor time on one thread, medians of all items; the ways take turns.
Without ``--data``, clips of 10 s of synthetic actors are rendered first (about a minute).
"""

import argparse
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.clips import Clip, open_clips
from benchmarks.loader import read_spans
from benchmarks.recipes import Recipe, paper_vitb
from benchmarks.sampling import choose_span
from toolkit.actors.generate import generate_clip
from toolkit.shards import Sample, shard_name, write_shard

NUM_CLIPS, NUM_FRAMES, FPS = 2, 300, 30
NUM_PLACES = 9

Read = Callable[[Clip, list[int]], object]
"""Reads the frames of these indices of a clip."""


def write_actors(folder: Path) -> None:
    """Write a release of one shard, of clips as long as those of Kinetics."""
    samples = []
    for seed in range(NUM_CLIPS):
        path = folder / "clip.mp4"
        generate_clip(path, seed=seed, num_frames=NUM_FRAMES, fps=FPS)
        samples.append(Sample(f"actor{seed}", {"mp4": path.read_bytes(), "cls": b"0"}))
    (folder / "data").mkdir()
    write_shard(folder / "data" / shard_name("train", 0, 1), samples)


def decode_everything(clip: Clip, wanted: list[int]) -> NDArray[np.uint8]:
    """Turn all frames to RGB, and pick."""
    with av.open(io.BytesIO(clip.read())) as container:
        container.streams.video[0].codec_context.thread_count = 1
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(frames)[wanted]


def decode_span(clip: Clip, wanted: list[int]) -> NDArray[np.uint8]:
    """Seek, decode up to the last frame that is wanted, and turn those to RGB."""
    with av.open(io.BytesIO(clip.read())) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        step = round(1 / (stream.average_rate * stream.time_base))
        container.seek(wanted[0] * step, stream=stream)
        found = {}
        for frame in container.decode(stream):
            index = frame.pts // step
            if index in wanted:
                found[index] = frame.to_ndarray(format="rgb24")
            if index >= wanted[-1]:
                break
    return np.stack([found[index] for index in wanted])


def find_torchcodec() -> tuple[Read | None, str]:
    """Return torchcodec's way, or why there is none."""
    try:
        from torchcodec.decoders import VideoDecoder
    except (ImportError, RuntimeError, OSError) as error:
        return None, str(error).strip().partition("\n")[0]

    def decode(clip: Clip, wanted: list[int]) -> object:
        return VideoDecoder(clip.read(), num_ffmpeg_threads=1).get_frames_at(wanted).data

    return decode, ""


def measure(
    clips: Sequence[Clip], recipe: Recipe, peers: Mapping[str, Read], num_repeats: int
) -> dict[str, float]:
    """Return the median seconds of an item, by the way it is read; ours is ``ours``."""
    places = np.linspace(0.0, 1.0, NUM_PLACES)
    seconds: dict[str, list[float]] = {name: [] for name in ("ours", *peers)}
    for clip in clips:
        with av.open(io.BytesIO(clip.read())) as container:
            stream = container.streams.video[0]
            times_s_T = np.arange(stream.frames) / float(stream.average_rate or FPS)
        for place in (place for _ in range(num_repeats) for place in places):
            wanted = choose_span(times_s_T, recipe.size.num_frames, recipe.span_s, place)
            begin = time.process_time()
            read_spans(clip, recipe, [place])
            seconds["ours"].append(time.process_time() - begin)
            for name, read in peers.items():
                begin = time.process_time()
                read(clip, wanted)
                seconds[name].append(time.process_time() - begin)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    """Print the figures, and write them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a release; by default, synthetic actors")
    parser.add_argument("--split", default="train")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    torch.set_num_threads(1)
    peers: dict[str, Read] = {
        "decode everything": decode_everything,
        "PyAV per clip": decode_span,
    }
    decode, reason = find_torchcodec()
    if decode:
        peers["torchcodec"] = decode
    else:
        print(f"torchcodec does not run here ({reason}): left out")
    with tempfile.TemporaryDirectory() as name:
        folder = options.data or Path(name)
        if not options.data:
            write_actors(folder)
        clips = open_clips(folder, options.split).clips
        seconds = measure(clips, paper_vitb(), peers, options.repeats)
    rows = [
        {
            "name": "loader",
            "ours": seconds["ours"],
            "peer_name": peer,
            "peer": seconds[peer],
            "ratio": seconds[peer] / seconds["ours"],
            "unit": "s a clip",
        }
        for peer in peers
    ]
    for row in rows:
        figures = f"{row['ours']:.4f} s a clip, {row['peer_name']} {row['peer']:.4f}"
        print(f"loader: {figures}, ratio {row['ratio']:.2f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
