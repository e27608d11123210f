"""How fast a step of pre-training is, beside transformers and a plain matrix product.

``python -m benchmarks.speed pretrain [--size vitb|tiny] [--json F]``. A step is forward, backward
and AdamW on the same batch and masks, with the same weights. Peers are interleaved, and the median
of each is taken. On a CPU run it with ``OMP_NUM_THREADS=1``: the seconds are those that the process
has computed, so that what else the machine does counts little; threads that wait would count.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import VideoMAEForPreTraining

from benchmarks.checkpoints import read_checkpoint, save_weights, write_transformers
from benchmarks.masking import draw_tube_mask, split_mask
from benchmarks.videomae import TINY, VITB, Size, VideoMAE

SIZES = {"vitb": VITB, "tiny": TINY}
NUM_SIDE = 2048


def clock(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of one run: of this process on a CPU, of the clock on a GPU."""
    if device.type == "cpu":
        begin = time.process_time()
        work()
        return time.process_time() - begin
    torch.cuda.synchronize(device)
    begin = time.perf_counter()
    work()
    torch.cuda.synchronize(device)
    return time.perf_counter() - begin


def make_step(
    model: nn.Module, compute_loss: Callable[[], Tensor], device: torch.device, *, is_bf16: bool
) -> Callable[[], None]:
    """Return one step of training."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def take() -> None:
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=is_bf16):
            loss = compute_loss()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return take


def count_products(size: Size, mask_ratio: float = 0.9) -> float:
    """Return the multiply-adds of a step of one clip, in matrix products, times two: FLOP.

    Backward counts twice forward. Attention's products of tokens with tokens are included.
    """
    num_places = size.grid[1] * size.grid[2]
    num_visible = size.grid[0] * (num_places - int(mask_ratio * num_places))
    num_masked = size.num_tokens - num_visible
    pixels = 3 * size.num_patch_pixels

    def count_block(num: int, dim: int) -> int:
        return num * 12 * dim**2 + 2 * num**2 * dim

    forward = (
        num_visible * pixels * size.dim
        + size.depth * count_block(num_visible, size.dim)
        + num_visible * size.dim * size.decoder_dim
        + size.decoder_depth * count_block(size.num_tokens, size.decoder_dim)
        + num_masked * size.decoder_dim * pixels
    )
    return 2.0 * 3.0 * forward


def measure(size: Size, num_clips: int, num_repeats: int, device: torch.device) -> dict[str, float]:
    """Return the median seconds of each kind of step, and of a matrix product."""
    torch.manual_seed(0)
    video = torch.randn(num_clips, 3, size.num_frames, size.side_px, size.side_px, device=device)
    masked_BN = torch.stack([draw_tube_mask(size.grid, 0.9) for _ in range(num_clips)])
    visible_BV, masked_BM = (index.to(device) for index in split_mask(masked_BN))
    frames_BTCHW, masks = video.transpose(1, 2).contiguous(), masked_BN.to(device)
    ours, half = VideoMAE(size), VideoMAE(size)
    with tempfile.TemporaryDirectory() as name:
        save_weights(Path(name) / "ours.safetensors", ours)
        half.load_state_dict(ours.state_dict())
        write_transformers(read_checkpoint(Path(name) / "ours.safetensors"), Path(name) / "peer")
        peer = VideoMAEForPreTraining.from_pretrained(Path(name) / "peer")
    for model in (ours, half, cast("nn.Module", peer)):
        model.to(device).train()
    matrix = torch.randn(NUM_SIDE, NUM_SIDE, device=device)
    steps = {
        "ours": make_step(
            ours, lambda: ours(video, visible_BV, masked_BM).mean(), device, is_bf16=False
        ),
        "ours_bf16": make_step(
            half, lambda: half(video, visible_BV, masked_BM).mean(), device, is_bf16=True
        ),
        "transformers": make_step(
            peer, lambda: peer(frames_BTCHW, bool_masked_pos=masks).loss, device, is_bf16=False
        ),
        "matrix_product": lambda: matrix @ matrix,
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(num_repeats + 1):
        for name, step in steps.items():
            taken = clock(step, device)
            if repeat:  # the first warms up
                seconds[name].append(taken)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    """Print the figures, and write them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", choices=SIZES, default="vitb")
    parser.add_argument("--clips", type=int, default=2, help="clips of a batch")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    size = SIZES[options.size]
    seconds = measure(size, options.clips, options.repeats, device)
    rate = options.clips * count_products(size) / seconds["ours"]
    best = 2.0 * NUM_SIDE**3 / seconds["matrix_product"]
    peer_s = seconds["transformers"]
    rows: list[dict[str, Any]] = [
        {
            "name": f"pretrain_{options.size}{suffix}",
            "ours": seconds[name],
            "peer_name": "transformers VideoMAEForPreTraining, float32",
            "peer": peer_s,
            "ratio": peer_s / seconds[name],
            "unit": "s a step",
        }
        for name, suffix in (("ours", ""), ("ours_bf16", "_bf16"))
    ]
    rows.append(
        {
            "name": f"products_{options.size}",
            "ours": rate / 1e9,
            "peer_name": f"matrix product of {NUM_SIDE}, float32",
            "peer": best / 1e9,
            "ratio": rate / best,
            "unit": "GFLOP/s",
        }
    )
    for row in rows:
        figures = f"{row['ours']:.3f} {row['unit']}, {row['peer_name']} {row['peer']:.3f}"
        print(f"{row['name']}: {figures}, ratio {row['ratio']:.2f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
