"""Features carried along flow to neighbouring frames, backward and then forward.

Second-order deformable alignment after BasicVSR++ (Chan et al., CVPR 2022), as E2FGVI uses it
(section 3.2).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from toolkit.adapters.e2fgvi.flow import warp

_NUM_GROUPS = 16
_NUM_TAPS = 9
_MAX_OFFSET_PX = 10


class _Alignment(nn.Module):
    """A modulated deformable convolution that looks where flow points."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_channels, 2 * num_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(num_channels))
        self.conv_offset = nn.Sequential(
            nn.Conv2d(3 * num_channels + 4, num_channels, 3, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(num_channels, num_channels, 3, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(num_channels, num_channels, 3, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(num_channels, 3 * _NUM_TAPS * _NUM_GROUPS, 3, padding=1),
        )

    def forward(self, pair: Tensor, seen: Tensor, flow_1: Tensor, flow_2: Tensor) -> Tensor:
        """Align a pair of feature maps.

        Args:
            pair: [B, 2 C, H, W] the maps one and two frames away.
            seen: [B, 3 C, H, W] both of them moved by the flows, around the frame's own map.
            flow_1: [B, 2, H, W] px to the map one frame away.
            flow_2: the same, two frames away.
        """
        offsets, mask = self.conv_offset(torch.cat((seen, flow_1, flow_2), 1)).split(
            (2 * _NUM_TAPS * _NUM_GROUPS, _NUM_TAPS * _NUM_GROUPS), 1
        )
        # An offset is (y, x) px; the first half of the groups looks one frame away.
        flows = [
            flow.flip(1).repeat(1, _NUM_TAPS * _NUM_GROUPS // 2, 1, 1) for flow in (flow_1, flow_2)
        ]
        offsets = _MAX_OFFSET_PX * torch.tanh(offsets) + torch.cat(flows, 1)
        taps = _sample(pair, offsets) * torch.sigmoid(mask).unflatten(1, (_NUM_GROUPS, 1, -1))
        aligned = self.weight.flatten(1) @ taps.flatten(1, 3).flatten(2)
        return (aligned + self.bias[:, None]).unflatten(2, pair.shape[-2:])


def _sample(maps_BCHW: Tensor, offsets: Tensor) -> Tensor:
    """Return what the taps of a 3 x 3 kernel see: [B, groups, C / groups, 9, H, W].

    With the product that follows, this is torchvision's ``deform_conv2d``, which uses one thread on
    a CPU.

    Args:
        maps_BCHW: what is looked at; zero beyond its edge.
        offsets: [B, groups * 9 * 2, H, W] px (y, x) from the usual place of each tap.
    """
    num_batch, _, height, width = maps_BCHW.shape
    like = {"dtype": offsets.dtype, "device": offsets.device}
    step = torch.arange(-1, 2, **like)
    offsets = offsets.view(num_batch * _NUM_GROUPS, _NUM_TAPS, 2, height, width)
    y = offsets[:, :, 0] + step.repeat_interleave(3).view(9, 1, 1)
    x = offsets[:, :, 1] + step.repeat(3).view(9, 1, 1)
    y = (y + torch.arange(height, **like)[:, None]) * (2 / max(height - 1, 1)) - 1
    x = (x + torch.arange(width, **like)) * (2 / max(width - 1, 1)) - 1
    grouped = maps_BCHW.contiguous().view(num_batch * _NUM_GROUPS, -1, height, width)
    grid = torch.stack((x, y), -1).flatten(1, 2)
    taps = F.grid_sample(grouped, grid, align_corners=True)
    return taps.view(num_batch, _NUM_GROUPS, -1, _NUM_TAPS, height, width)


class Propagation(nn.Module):
    """Carries what is known of each frame to all others, frame by frame."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.deform_align = nn.ModuleDict()
        self.backbone = nn.ModuleDict()
        for num_maps, direction in ((2, "backward_"), (3, "forward_")):
            self.deform_align[direction] = _Alignment(num_channels)
            self.backbone[direction] = nn.Sequential(
                nn.Conv2d(num_maps * num_channels, num_channels, 3, padding=1),
                nn.LeakyReLU(0.1, inplace=True),
                nn.Conv2d(num_channels, num_channels, 3, padding=1),
            )
        self.fusion = nn.Conv2d(2 * num_channels, num_channels, 1)

    def forward(self, maps: Tensor, forward_flows: Tensor, backward_flows: Tensor) -> Tensor:
        """Propagate feature maps.

        The trained network carries backward along the *forward* flows, first pair first, and
        forward along the backward flows; so do we.

        Args:
            maps: [B, T, C, H, W].
            forward_flows: [B, T - 1, 2, H, W] px, from each frame to the next.
            backward_flows: the same, from the next frame back.

        Returns:
            [B, T, C, H, W].
        """
        frames = list(maps.unbind(1))
        later = self._carry("backward_", [(frame,) for frame in frames[::-1]], forward_flows)[::-1]
        earlier = self._carry("forward_", list(zip(frames, later, strict=True)), backward_flows)
        fused = [self.fusion(torch.cat(pair, 1)) for pair in zip(later, earlier, strict=True)]
        return torch.stack(fused, 1) + maps

    def _carry(
        self, direction: str, inputs: list[tuple[Tensor, ...]], flows: Tensor
    ) -> list[Tensor]:
        carried: list[Tensor] = []
        state = torch.zeros_like(inputs[0][0])
        for index, maps in enumerate(inputs):
            if index:
                flow_1 = flows[:, index - 1]
                state_2, moved_2 = torch.zeros_like(state), torch.zeros_like(state)
                flow_2 = torch.zeros_like(flow_1)
                if index > 1:
                    state_2 = carried[-2]
                    flow_2 = flow_1 + warp(flows[:, index - 2], flow_1)
                    moved_2 = warp(state_2, flow_2)
                seen = torch.cat((warp(state, flow_1), maps[0], moved_2), 1)
                state = self.deform_align[direction](
                    torch.cat((state, state_2), 1), seen, flow_1, flow_2
                )
            state = state + self.backbone[direction](torch.cat((*maps, state), 1))
            carried.append(state)
        return carried
