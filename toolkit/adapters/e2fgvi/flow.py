"""Optical flow of frames with holes: SPyNet (Ranjan and Black, CVPR 2017), six levels.

Flow is (u, v) px, x before y. All tensors are float32.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

_CHANNELS = (8, 32, 64, 32, 16, 2)
_MULTIPLE_PX = 32


def warp(image_NCHW: Tensor, flow_N2HW: Tensor, padding: str = "zeros") -> Tensor:
    """Return the image whose pixel at p is that of ``image_NCHW`` at p + flow(p)."""
    height, width = image_NCHW.shape[-2:]
    y_H1 = torch.arange(height, dtype=flow_N2HW.dtype, device=flow_N2HW.device)[:, None]
    x_W = torch.arange(width, dtype=flow_N2HW.dtype, device=flow_N2HW.device)
    grid_NHW2 = torch.stack(
        (
            2 * (x_W + flow_N2HW[:, 0]) / max(width - 1, 1) - 1,
            2 * (y_H1 + flow_N2HW[:, 1]) / max(height - 1, 1) - 1,
        ),
        -1,
    )
    return F.grid_sample(image_NCHW, grid_NHW2, "bilinear", padding, align_corners=True)


class _Conv(nn.Module):
    """A convolution under the key ``conv``."""

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(num_in, num_out, 7, padding=3)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return self.conv(x_NCHW)


class _Level(nn.Module):
    """What one level of the pyramid adds to the flow."""

    def __init__(self) -> None:
        super().__init__()
        self.basic_module = nn.ModuleList(_Conv(*pair) for pair in pairwise(_CHANNELS))

    def forward(self, x_N8HW: Tensor) -> Tensor:
        *inner, last = self.basic_module
        for conv in inner:
            x_N8HW = F.relu(conv(x_N8HW))
        return last(x_N8HW)


class SPyNet(nn.Module):
    """Flow from one image to another."""

    def __init__(self) -> None:
        super().__init__()
        self.basic_module = nn.ModuleList(_Level() for _ in range(6))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, from_N3HW: Tensor, to_N3HW: Tensor) -> Tensor:
        """Return the flow [N, 2, H, W] from one batch of images, 0..1, to another."""
        height, width = from_N3HW.shape[-2:]
        size = tuple(-(-side // _MULTIPLE_PX) * _MULTIPLE_PX for side in (height, width))
        flow_N2HW = F.interpolate(
            self._flow(_resize(from_N3HW, size), _resize(to_N3HW, size)),
            (height, width),
            mode="bilinear",
            align_corners=False,
        )
        return flow_N2HW * flow_N2HW.new_tensor((width / size[1], height / size[0])).view(2, 1, 1)

    def _flow(self, from_N3HW: Tensor, to_N3HW: Tensor) -> Tensor:
        pyramids = []
        for image_N3HW in (from_N3HW, to_N3HW):
            levels = [(image_N3HW - self.mean) / self.std]
            for _ in self.basic_module[1:]:
                levels.append(F.avg_pool2d(levels[-1], 2))
            pyramids.append(levels[::-1])
        coarsest = pyramids[0][0]
        flow_N2HW = coarsest.new_zeros(len(coarsest), 2, *coarsest.shape[-2:])
        for index, level in enumerate(self.basic_module):
            if index:
                flow_N2HW = 2 * F.interpolate(
                    flow_N2HW, scale_factor=2, mode="bilinear", align_corners=True
                )
            seen, sought = (levels[index] for levels in pyramids)
            moved = warp(sought, flow_N2HW, "border")
            flow_N2HW = flow_N2HW + level(torch.cat((seen, moved, flow_N2HW), 1))
        return flow_N2HW


def _resize(image_NCHW: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(image_NCHW, size, mode="bilinear", align_corners=False)
