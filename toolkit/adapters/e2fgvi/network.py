"""The network of E2FGVI and E2FGVI-HQ; its keys are those of the official weights.

Li et al., "Towards An End-to-End Framework for Flow-Guided Video Inpainting", CVPR 2022.

The parts of a forward pass are methods, so that what does not depend on the window of time
(features of a frame, flow of a pair) can be made once.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from toolkit.adapters.e2fgvi.flow import SPyNet
from toolkit.adapters.e2fgvi.propagation import Propagation
from toolkit.adapters.e2fgvi.transformer import Block, SoftComposition, SoftSplit

MULTIPLE_HW = (60, 108)
"""Sides of a frame that the attention windows cover."""

NUM_CHANNELS = 128
_NUM_HIDDEN = 512
_NUM_BLOCKS = 8


class _Encoder(nn.Module):
    """Frames to feature maps of a quarter of the size.

    From the sixth convolution on, each also gets the input of the fifth, interleaved group by
    group.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for num_in, num_out, stride, groups in (
            (3, 64, 2, 1),
            (64, 64, 1, 1),
            (64, 128, 2, 1),
            (128, 256, 1, 1),
            (256, 384, 1, 1),
            (640, 512, 1, 2),
            (768, 384, 1, 4),
            (640, 256, 1, 8),
            (512, 128, 1, 1),
        ):
            layers += [
                nn.Conv2d(num_in, num_out, 3, stride, 1, groups=groups),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        first = x
        for index in range(0, len(self.layers), 2):
            conv, relu = self.layers[index], self.layers[index + 1]
            if index == 8:
                first = x
            if index > 8:
                parts = [part.unflatten(1, (conv.groups, -1)) for part in (first, x)]
                x = torch.cat(parts, 2).flatten(1, 2)
            x = relu(conv(x))
        return x


class _Enlarge(nn.Module):
    """Twice the size (``_enlarge``), then a convolution."""

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(num_in, num_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class E2FGVI(nn.Module):
    """The generator; ``is_hq`` tells the variant."""

    def __init__(self, *, is_hq: bool) -> None:
        super().__init__()
        self.encoder = _Encoder()
        self.decoder = nn.Sequential(
            _Enlarge(NUM_CHANNELS, 128),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(128, 64, 3, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            _Enlarge(64, 64),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(64, 3, 3, padding=1),
        )
        self.feat_prop_module = Propagation(NUM_CHANNELS)
        self.ss = SoftSplit(NUM_CHANNELS, _NUM_HIDDEN)
        self.sc = SoftComposition(NUM_CHANNELS, _NUM_HIDDEN, is_hq=is_hq)
        self.transformer = nn.ModuleList(Block(_NUM_HIDDEN) for _ in range(_NUM_BLOCKS))
        self.update_spynet = SPyNet()
        self.is_hq = is_hq

    def forward(self, frames: Tensor, num_local: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Fill the holes of a window of frames.

        Args:
            frames: [B, T, 3, H, W] in -1..1, zero in holes; H and W multiples of ``MULTIPLE_HW``,
                exactly 240 x 432 where the variant is not HQ. The first ``num_local`` are
                neighbours in time, the others references.
            num_local: how many are neighbours.

        Returns:
            All frames [B * T, 3, H, W] in -1..1; and the flows between the local frames, to the
            next and back: [B, num_local - 1, 2, H / 4, W / 4] px.
        """
        shape = frames.shape[:2]
        small = shrink(frames[:, :num_local].flatten(0, 1)).unflatten(0, (shape[0], -1))
        forward, backward = (
            self.update_spynet(one.flatten(0, 1), other.flatten(0, 1)).unflatten(0, (shape[0], -1))
            for one, other in ((small[:, :-1], small[:, 1:]), (small[:, 1:], small[:, :-1]))
        )
        maps = self.encoder(frames.flatten(0, 1)).unflatten(0, shape)
        carried = self.feat_prop_module(maps[:, :num_local], forward, backward)
        maps = torch.cat((carried, maps[:, num_local:]), 1)
        composed = torch.cat([self.compose(window, []) for window in maps])
        whole = (range(frames.shape[-2]), range(frames.shape[-1]))
        return self.decode(composed, whole), (forward, backward)

    def compose(self, maps: Tensor, reference_tokens: Sequence[Tensor]) -> Tensor:
        """Make up what no frame of the window shows.

        Args:
            maps: [T, C, H / 4, W / 4] of the frames that are wanted, after propagation.
            reference_tokens: of each frame that is only looked at, [1, rows, columns, hidden].

        Returns:
            [T, C, H / 4, W / 4].
        """
        size, num_wanted = maps.shape[-2:], len(maps)
        tokens = torch.cat((self.ss(maps), *reference_tokens))[None]
        for block in self.transformer[:-1]:
            tokens = block(tokens, size, tokens.shape[1])
        tokens = self.transformer[-1](tokens, size, num_wanted)
        return maps + self.sc(tokens[0], size)

    def decode(self, maps: Tensor, part: tuple[range, range]) -> Tensor:
        """Return a part of the pictures, -1..1, of feature maps [N, C, H / 4, W / 4].

        Args:
            maps: of the whole pictures.
            part: rows and columns of the pictures.

        Returns:
            [N, 3, rows, columns].
        """
        twice = (2 * maps.shape[-2], 2 * maps.shape[-1])
        fine = [_around(places, 2 * side) for places, side in zip(part, twice, strict=True)]
        middle = [_source(places, 2 * side) for places, side in zip(fine, twice, strict=True)]
        coarse = [_around(places, side) for places, side in zip(middle, twice, strict=True)]
        x = maps
        for dim, (places, side) in enumerate(zip(coarse, twice, strict=True), 2):
            x = _enlarge(x, dim, range(side // 2), places, side)
        x = _cut(self.decoder[:4](x), coarse, middle)
        for dim, (places, side) in enumerate(zip(fine, twice, strict=True), 2):
            x = _enlarge(x, dim, middle[dim - 2], places, 2 * side)
        return torch.tanh(_cut(self.decoder[4:](x), fine, part))


_MARGIN_PX = 2
"""How far two convolutions of 3 x 3 look."""


def _around(places: range, size: int) -> range:
    """Return rows or columns with those beside them that their convolutions see."""
    return range(max(places.start - _MARGIN_PX, 0), min(places.stop + _MARGIN_PX, size))


def _source(places: range, size: int) -> range:
    """Return what rows or columns of a map of ``size`` are made from: of the map of half of it."""
    scale = (size // 2 - 1) / (size - 1)
    stop = int((places.stop - 1) * scale) + 2
    return range(int(places.start * scale), min(stop, size // 2))


def _enlarge(x: Tensor, dim: int, known: range, wanted: range, size: int) -> Tensor:
    """Return some rows or columns of a map at twice the size, bilinear, corners on corners.

    Args:
        x: the rows or columns ``known`` of the map.
        dim: 2: rows; 3: columns.
        known: which there are.
        wanted: which are asked for, of the enlarged map.
        size: of the enlarged map.
    """
    places = torch.arange(wanted.start, wanted.stop, device=x.device, dtype=torch.float64)
    places *= (size // 2 - 1) / (size - 1)
    low = places.long()
    shape = [-1 if d == dim else 1 for d in range(x.ndim)]
    share = (places - low).to(x.dtype).view(shape)
    high = (low + 1).clamp(max=size // 2 - 1)
    low_x, high_x = (x.index_select(dim, at - known.start) for at in (low, high))
    return torch.lerp(low_x, high_x, share)


def _cut(x: Tensor, known: Sequence[range], wanted: Sequence[range]) -> Tensor:
    """Return the rows and columns ``wanted`` of maps that hold those ``known``."""
    rows, columns = (
        slice(inner.start - outer.start, inner.stop - outer.start)
        for outer, inner in zip(known, wanted, strict=True)
    )
    return x[..., rows, columns]


def shrink(frames_N3HW: Tensor) -> Tensor:
    """Return frames of -1..1 at a quarter of the size, 0..1, as the flow network wants them."""
    height, width = frames_N3HW.shape[-2:]
    size = (height // 4, width // 4)
    return F.interpolate((frames_N3HW + 1) / 2, size, mode="bilinear", align_corners=True)
