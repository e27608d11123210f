"""What training and evaluation see of a frame: crops, and changes that keep the label.

Nothing is mirrored: left and right are what some classes differ by. Random choices are drawn from
torch's own generator, which ``benchmarks.loader`` seeds for each sample.

Shape suffixes: T frames, C, H, W.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from benchmarks.videomae import MEAN_RGB, STD_RGB

Transform = Callable[[Tensor], Tensor]
"""From uint8 frames [T, C, H, W] to uint8 frames of the model's size."""

CROP_SCALES = (1.0, 0.875, 0.75, 0.66)
_NUM_STEPS = 4  # of offset along a side; even sums of them are the 13 places of the official crop
_MEAN_COLOUR = [round(255 * value) for value in MEAN_RGB]


def normalise(video_TCHW: Tensor) -> Tensor:
    """Return uint8 pixels as the float32 that models take; any dimensions before C, H, W."""
    mean = torch.tensor(MEAN_RGB, device=video_TCHW.device)[:, None, None]
    std = torch.tensor(STD_RGB, device=video_TCHW.device)[:, None, None]
    return (video_TCHW / 255 - mean) / std


def crop_multi_scale(video_TCHW: Tensor, side_px: int) -> Tensor:
    """Crop one of four scales of the shorter side, and stretch it to a square (VideoMAE).

    Height and width differ by one scale at most; the crop is in one of 13 places.
    """
    height, width = video_TCHW.shape[-2:]
    base = min(height, width)
    pairs = [
        (round(base * high), round(base * wide))
        for row, high in enumerate(CROP_SCALES)
        for column, wide in enumerate(CROP_SCALES)
        if abs(row - column) <= 1
    ]
    crop_height, crop_width = pairs[_draw(len(pairs))]
    steps = range(_NUM_STEPS + 1)
    places = [(down, right) for down in steps for right in steps if (down + right) % 2 == 0]
    down, right = places[_draw(len(places))]
    top = (height - crop_height) * down // _NUM_STEPS
    left = (width - crop_width) * right // _NUM_STEPS
    side = [side_px, side_px]
    return functional.resized_crop(video_TCHW, top, left, crop_height, crop_width, side)


def _draw(num: int) -> int:
    return int(torch.randint(num, ()))


def make_augmentation(
    side_px: int, min_area: float, num_ops: int, magnitude: int, erase: float
) -> Transform:
    """Return what fine-tuning does to a clip: the same to all of its frames.

    Args:
        side_px: of the crop, stretched to a square.
        min_area: least share of the picture that is cropped.
        num_ops: steps of RandAugment, each done with probability 0.5.
        magnitude: of each, from 0 to 10.
        erase: probability that a box is erased.
    """
    step = v2.RandAugment(1, magnitude, num_magnitude_bins=11)
    return v2.Compose(
        [
            v2.RandomResizedCrop(side_px, scale=(min_area, 1.0)),
            *(v2.RandomApply([step], 0.5) for _ in range(num_ops)),
            v2.RandomErasing(erase, scale=(0.02, 1 / 3), value=_MEAN_COLOUR),
        ]
    )


def crop_views(video_TCHW: Tensor, side_px: int, num_views: int = 3) -> Tensor:
    """Return squares [num_views, T, C, side, side] evenly along the longer side.

    The shorter side is scaled to ``side_px``; one view is the middle.
    """
    video = functional.resize(video_TCHW, [side_px])
    room_down, room_right = (length - side_px for length in video.shape[-2:])
    shares = [index / (num_views - 1) for index in range(num_views)] if num_views > 1 else [0.5]
    return torch.stack(
        [
            functional.crop(video, round(s * room_down), round(s * room_right), side_px, side_px)
            for s in shares
        ]
    )
