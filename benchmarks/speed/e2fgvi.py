"""E2FGVI beside a plain loop that encodes each window anew: ``python -m benchmarks.speed e2fgvi``.

Both fill the same clip with the same weights (of chance) and must give the same frames. The plain
loop is written as the official one is: the whole network for each window of 11 frames and the
references, with torchvision's deformable convolution. Then the peak memory of clips of two lengths,
each in a process of its own, with bounded references.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torchvision.ops import deform_conv2d

from toolkit.adapters.e2fgvi import NUM_REFERENCES
from toolkit.adapters.e2fgvi.network import E2FGVI
from toolkit.adapters.e2fgvi.weights import prepare
from toolkit.adapters.e2fgvi.windows import (
    REFERENCE_EVERY_FRAMES,
    STRIDE_FRAMES,
    choose_references,
    fill_clip,
)
from toolkit.frames import FrameStore
from toolkit.m2m.types import Array

_SEED = 1


def make_network() -> E2FGVI:
    """Return an HQ network with weights of chance."""
    torch.manual_seed(_SEED)
    return E2FGVI(is_hq=True).eval().requires_grad_(requires_grad=False)


def make_clip(num_frames: int, height: int, width: int) -> tuple[FrameStore, FrameStore]:
    """Return frames of moving blocks, and masks of a moving box."""
    rng = np.random.default_rng(_SEED)
    blocks = rng.integers(0, 256, (-(-height // 6), -(-width // 6), 3), np.uint8)
    picture = blocks.repeat(6, 0).repeat(6, 1)[:height, :width]
    frames, masks = FrameStore((height, width, 3)), FrameStore((height, width))
    for index in range(num_frames):
        frames.append(np.roll(picture, (2 * index, 5 * index), (0, 1)))
        mask = np.zeros((height, width), np.uint8)
        left = width // 4 + index % (width // 2)
        mask[height // 3 : height // 3 + height // 4, left : left + width // 6] = 255
        masks.append(mask)
    return frames, masks


class PlainAlignment:
    """The deformable convolution of the official code, in torchvision's words."""

    def __init__(self, alignment: torch.nn.Module) -> None:
        self._alignment = alignment

    def __call__(
        self, pair: torch.Tensor, seen: torch.Tensor, flow_1: torch.Tensor, flow_2: torch.Tensor
    ) -> torch.Tensor:
        """Align a pair of feature maps."""
        inner = self._alignment
        offsets, mask = inner.conv_offset(torch.cat((seen, flow_1, flow_2), 1)).split((288, 144), 1)
        flows = [flow.flip(1).repeat(1, 72, 1, 1) for flow in (flow_1, flow_2)]
        offsets = 10 * torch.tanh(offsets) + torch.cat(flows, 1)
        return deform_conv2d(
            pair, offsets, inner.weight, inner.bias, padding=1, mask=torch.sigmoid(mask)
        )


@torch.inference_mode()
def fill_plainly(model: E2FGVI, frames: FrameStore, masks: FrameStore) -> Array:
    """Fill a clip window after window, keeping nothing."""
    for alignment in model.feat_prop_module.deform_align.values():
        alignment.forward = PlainAlignment(alignment)
    images = torch.from_numpy(np.stack(list(frames))).permute(0, 3, 1, 2).float() / 255 * 2 - 1
    holes = torch.from_numpy(np.stack(list(masks)))[:, None] != 0
    done: dict[int, Array] = {}
    for middle in range(0, len(frames), STRIDE_FRAMES):
        local = range(max(0, middle - STRIDE_FRAMES), min(len(frames), middle + STRIDE_FRAMES + 1))
        chosen = [*local, *choose_references(middle, local, len(frames), None)]
        pictures, _ = model((images * ~holes)[chosen][None], len(local))
        pictures_NHWC = ((pictures.permute(0, 2, 3, 1) + 1) / 2 * 255).numpy().astype(np.uint8)
        for index, picture in zip(local, pictures_NHWC, strict=False):
            made = np.where(masks[index][..., None] != 0, picture, frames[index])
            done[index] = done[index] * 0.5 + made * 0.5 if index in done else made
    return np.stack([done[index].astype(np.uint8) for index in range(len(frames))])


def compare(num_frames: int, height: int, width: int) -> dict[str, object]:
    """Return frames per second of both; stops where their frames differ."""
    frames, masks = make_clip(num_frames, height, width)
    fast = prepare(make_network())
    begin, begin_cpu = time.perf_counter(), time.process_time()
    ours = np.stack(list(fill_clip(fast, frames, masks)))
    seconds, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    plain = make_network()
    begin, begin_cpu = time.perf_counter(), time.process_time()
    theirs = fill_plainly(plain, frames, masks)
    peer_seconds, peer_cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    off = np.abs(ours.astype(int) - theirs)
    if off.max() > 1 or (off > 0).mean() > 1e-3:
        raise SystemExit(f"the two differ: by up to {off.max()}, in {(off > 0).mean():.2%}")
    print(f"processor seconds a frame: {cpu / num_frames:.2f}, plain {peer_cpu / num_frames:.2f}")
    return {
        "name": f"e2fgvi_hq exact, {num_frames} frames of {width}x{height}",
        "ours": num_frames / seconds,
        "peer_name": "plain loop, the same weights",
        "peer": num_frames / peer_seconds,
        "ratio": peer_seconds / seconds,
        "unit": "frames/s",
    }


def measure_peak(num_frames: int, height: int, width: int) -> float:
    """Return the peak memory, MB, of a process that fills a clip with bounded references."""
    code = (
        "from benchmarks.speed.e2fgvi import fill_bounded;"
        f"fill_bounded({num_frames}, {height}, {width})"
    )
    output = subprocess.check_output([sys.executable, "-c", code], text=True)
    return float(output.split()[-1])


def fill_bounded(num_frames: int, height: int, width: int) -> None:
    """Fill a clip with bounded references, and print the peak memory of this process, MB."""
    frames, masks = make_clip(num_frames, height, width)
    fill_clip(prepare(make_network()), frames, masks, max_references=NUM_REFERENCES)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def compare_bounded(num_frames: int, height: int, width: int) -> str:
    """Return how much bounded references change."""
    frames, masks = make_clip(num_frames, height, width)
    model = prepare(make_network())
    exact, bounded = (
        np.stack(list(fill_clip(model, frames, masks, max_references=most))).astype(int)
        for most in (None, NUM_REFERENCES)
    )
    off = np.abs(exact - bounded)[np.stack(list(masks)) != 0]
    num = len(range(0, num_frames, REFERENCE_EVERY_FRAMES))
    return f"{NUM_REFERENCES} of {num} references: {off.mean():.3f} levels off on average in holes"


def main() -> None:
    """Read the arguments, measure, print, and write JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--size", default="216x120", help="WIDTHxHEIGHT, multiples of 108 and 60")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--only", choices=("speed", "memory", "bounded"))
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    rows: list[dict[str, object]] = []
    if arguments.only in {None, "speed"}:
        rows.append(compare(arguments.frames, height, width))
    if arguments.only in {None, "memory"}:
        short, long = (measure_peak(n, 60, 108) for n in (arguments.frames, 10 * arguments.frames))
        rows.append(
            {
                "name": f"e2fgvi_hq bounded, {10 * arguments.frames} frames of 108x60",
                "ours": long,
                "peer_name": f"the same, {arguments.frames} frames",
                "peer": short,
                "ratio": long / short,
                "unit": "MB peak",
            }
        )
    if arguments.only in {None, "bounded"}:
        print(compare_bounded(2 * arguments.frames, 60, 108))
    for row in rows:
        print(row)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
