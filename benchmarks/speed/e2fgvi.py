"""E2FGVI beside a plain loop that encodes each window anew: ``python -m benchmarks.speed e2fgvi``.

The plain loop, the exact and the bounded mode fill the same clip with the same weights (of chance),
each in a process of its own with one thread. The plain loop is written as the official one is: the
whole network for each window of 11 frames and the references, with torchvision's deformable
convolution. It and the exact mode must give the same frames. Then the peak memory of the bounded
mode for a clip ten times as long.

Speed is per second of processor time, which other work on the machine does not change as much.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torchvision.ops import deform_conv2d

from toolkit.adapters.e2fgvi import NUM_REFERENCES
from toolkit.adapters.e2fgvi.network import E2FGVI
from toolkit.adapters.e2fgvi.weights import prepare
from toolkit.adapters.e2fgvi.windows import STRIDE_FRAMES, choose_references, fill_clip
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


MODES = ("plain", "exact", "bounded")


def fill(mode: str, num_frames: int, height: int, width: int, out: Path) -> None:
    """Fill a clip in this process; write the frames to ``out`` and print what it cost as JSON."""
    torch.set_num_threads(1)
    frames, masks = make_clip(num_frames, height, width)
    begin = time.process_time()
    if mode == "plain":
        filled = fill_plainly(make_network(), frames, masks)
    else:
        most = NUM_REFERENCES if mode == "bounded" else None
        model = prepare(make_network())
        filled = np.stack(list(fill_clip(model, frames, masks, max_references=most)))
    seconds = time.process_time() - begin
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    np.save(out, filled)
    print(json.dumps({"fps": num_frames / seconds, "peak_mb": peak_mb}))


def measure(mode: str, num_frames: int, height: int, width: int) -> tuple[dict[str, float], Array]:
    """Fill a clip in a process of its own; returns what it cost, and the frames."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "filled.npy"
        call = f"fill({mode!r}, {num_frames}, {height}, {width}, Path({str(out)!r}))"
        code = f"from pathlib import Path; from benchmarks.speed.e2fgvi import fill; {call}"
        output = subprocess.check_output([sys.executable, "-c", code], text=True)
        return json.loads(output.splitlines()[-1]), np.load(out)


def compare(num_frames: int, height: int, width: int) -> list[dict[str, object]]:
    """Return frames per second of the modes beside the plain loop; stops where exact is not."""
    costs, filled = {}, {}
    for mode in MODES:
        costs[mode], filled[mode] = measure(mode, num_frames, height, width)
        fps, peak_mb = costs[mode]["fps"], costs[mode]["peak_mb"]
        print(f"{mode:8} {fps:.3f} frames per processor second, peak {peak_mb:.0f} MB")
    off = np.abs(filled["exact"].astype(int) - filled["plain"])
    print(f"exact beside plain: up to {off.max()} levels off, in {(off > 0).mean():.5%}")
    if off.max() > 1 or (off > 0).mean() > 1e-3:
        raise SystemExit("the exact mode is not exact")
    _, masks = make_clip(num_frames, height, width)
    holes = np.stack(list(masks)) != 0
    lost = np.abs(filled["exact"].astype(int) - filled["bounded"])[holes]
    print(f"bounded beside exact: {lost.mean():.3f} levels off on average in holes")
    return [
        {
            "name": f"e2fgvi_hq {mode}, {num_frames} frames of {width}x{height}",
            "ours": costs[mode]["fps"],
            "peer_name": "plain loop, the same weights",
            "peer": costs["plain"]["fps"],
            "ratio": costs[mode]["fps"] / costs["plain"]["fps"],
            "unit": "frames per processor second",
        }
        for mode in MODES[1:]
    ]


def compare_lengths(num_frames: int, height: int, width: int) -> dict[str, object]:
    """Return the peak memory of the bounded mode for a clip and for one ten times as long."""
    short, long = (
        measure("bounded", length, height, width)[0]["peak_mb"]
        for length in (num_frames, 10 * num_frames)
    )
    return {
        "name": f"e2fgvi_hq bounded, {10 * num_frames} frames of {width}x{height}",
        "ours": long,
        "peer_name": f"the same, {num_frames} frames",
        "peer": short,
        "ratio": long / short,
        "unit": "MB peak",
    }


def main() -> None:
    """Read the arguments, measure, print, and write JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--size", default="216x120", help="WIDTHxHEIGHT, multiples of 108 and 60")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--only", choices=("speed", "memory"))
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    rows: list[dict[str, object]] = []
    if arguments.only != "memory":
        rows += compare(arguments.frames, height, width)
    if arguments.only != "speed":
        rows.append(compare_lengths(arguments.frames, 60, 108))
    for row in rows:
        print(row)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
