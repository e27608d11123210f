"""Temporal focal transformer over overlapping patches of feature maps (E2FGVI, section 3.3).

Tokens are [B, T, H, W, C]: frames of a window of time, on a grid of patches. Attention is within
spatial windows of 5 x 9 tokens over all frames; keys are the window's own tokens, those around it
(the grid wraps), and one pooled token for each of the 5 x 9 windows around.
"""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

KERNEL, STRIDE, PADDING = 7, 3, 3
WINDOW = (5, 9)
_EXPAND = (2, 4)
_NUM_HEADS = 4
_FAR = -100.0
"""Added to the score of a pooled token beyond the grid, as in training: next to nothing, not nothing."""


def grid_size(height: int, width: int) -> tuple[int, int]:
    """Return the numbers of patches of a feature map, vertically and horizontally."""
    rows, columns = ((side + 2 * PADDING - KERNEL) // STRIDE + 1 for side in (height, width))
    return rows, columns


def fold(columns: Tensor, size: tuple[int, int]) -> Tensor:
    """Add up overlapping patches [N, C * 49, tokens] to maps [N, C, *size]."""
    return F.fold(columns, size, KERNEL, padding=PADDING, stride=STRIDE)


def unfold(maps: Tensor) -> Tensor:
    """Cut maps [N, C, H, W] into overlapping patches [N, C * 49, tokens]."""
    return F.unfold(maps, KERNEL, padding=PADDING, stride=STRIDE)


class SoftSplit(nn.Module):
    """Feature maps to tokens."""

    def __init__(self, num_channels: int, num_hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(num_channels * KERNEL * KERNEL, num_hidden)

    def forward(self, maps_NCHW: Tensor) -> Tensor:
        """Return tokens [N, rows, columns, hidden]."""
        tokens = self.embedding(unfold(maps_NCHW).transpose(1, 2))
        return tokens.unflatten(1, grid_size(*maps_NCHW.shape[-2:]))


class SoftComposition(nn.Module):
    """Tokens to feature maps; ``is_hq`` tells the variant by what is added to them."""

    def __init__(self, num_channels: int, num_hidden: int, *, is_hq: bool) -> None:
        super().__init__()
        self.embedding = nn.Linear(num_hidden, num_channels * KERNEL * KERNEL)
        if is_hq:
            self.bias_conv = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        else:
            self.bias = nn.Parameter(torch.zeros(num_channels, 60, 108))
        self._is_hq = is_hq

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """Return maps [N, C, *size] of tokens [N, rows, columns, hidden]."""
        maps = fold(self.embedding(tokens.flatten(1, 2)).transpose(1, 2), size)
        result: Tensor = self.bias_conv(maps) if self._is_hq else maps + self.bias
        return result


@cache
def _overlaps(size: tuple[int, int], device: torch.device) -> Tensor:
    """Return how many patches cover each place of a map: [1, 1, *size]."""
    rows, columns = grid_size(*size)
    return fold(torch.ones(1, KERNEL * KERNEL, rows * columns, device=device), size)


class _Mlp(nn.Module):
    """A feed-forward network whose hidden layer is averaged where patches overlap."""

    def __init__(self, num_channels: int, num_hidden: int = 1960) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Linear(num_channels, num_hidden))
        self.conv2 = nn.Sequential(nn.GELU(), nn.Linear(num_hidden, num_channels))

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        maps = fold(self.conv1(tokens).flatten(2, 3).flatten(0, 1).transpose(1, 2), size)
        columns = unfold(maps / _overlaps(size, maps.device).to(maps.dtype))
        result: Tensor = self.conv2(columns.transpose(1, 2)).view_as(tokens)
        return result


def partition(grid: Tensor) -> Tensor:
    """Cut [..., H, W] into windows: [..., num_windows, 45]."""
    rows, columns = grid.shape[-2] // WINDOW[0], grid.shape[-1] // WINDOW[1]
    tiles = grid.unflatten(-1, (columns, WINDOW[1])).unflatten(-3, (rows, WINDOW[0]))
    return tiles.transpose(-3, -2).flatten(-2).flatten(-3, -2)


@cache
def _places(rows: int, columns: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return which tokens and which pooled tokens are keys of each window.

    Returns:
        [num_windows, 45 + 4 * 45] places of tokens: the window's own, then four rolled grids;
        [num_windows, 45] places of pooled tokens, num_windows where beyond the grid.
    """
    own_HW = torch.arange(rows * columns, device=device).view(rows, columns)
    dy, dx = _EXPAND
    rolled = [own_HW.roll((y, x), (0, 1)) for y, x in ((-dy, -dx), (-dy, dx), (dy, -dx), (dy, dx))]
    near = torch.cat([partition(grid) for grid in (own_HW, *rolled)], 1)
    down, across = rows // WINDOW[0], columns // WINDOW[1]
    pooled_hw = torch.arange(down * across, device=device).view(1, 1, down, across)
    half = (WINDOW[0] // 2, WINDOW[1] // 2)
    padded = F.pad(pooled_hw, (half[1], half[1], half[0], half[0]), value=down * across)
    far = F.unfold(padded.float(), WINDOW)[0].T.long()
    return near, far


class _Attention(nn.Module):
    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(num_channels, 3 * num_channels)
        self.proj = nn.Linear(num_channels, num_channels)
        around = torch.ones(4, *WINDOW)
        for corner, (y, x) in zip(
            around,
            (
                (slice(None, -_EXPAND[0]), slice(None, -_EXPAND[1])),
                (slice(None, -_EXPAND[0]), slice(_EXPAND[1], None)),
                (slice(_EXPAND[0], None), slice(None, -_EXPAND[1])),
                (slice(_EXPAND[0], None), slice(_EXPAND[1], None)),
            ),
            strict=True,
        ):
            corner[y, x] = 0  # in the window itself
        self.register_buffer("valid_ind_rolled", around.flatten().nonzero().flatten())

    def forward(self, tokens: Tensor, pooled: Tensor) -> Tensor:
        """Return [B, T, H, W, C] of such tokens and one pooled token a window [B, T, windows, C]."""
        num_batch, num_frames, rows, columns, num_channels = tokens.shape
        near, far = _places(rows, columns, tokens.device)
        near = torch.cat((near[:, :45], near[:, 45:][:, self.valid_ind_rolled]), 1)
        qkv = self.qkv(tokens).flatten(2, 3)
        query, key, value = qkv.chunk(3, -1)
        pooled_kv = F.linear(
            pooled, self.qkv.weight[num_channels:], self.qkv.bias[num_channels:]
        )
        pooled_kv = F.pad(pooled_kv, (0, 0, 0, 1))  # a zero for what is beyond the grid
        pooled_key, pooled_value = pooled_kv.chunk(2, -1)
        keys, values = (
            torch.cat((here[:, :, near], there[:, :, far]), 3)
            for here, there in ((key, pooled_key), (value, pooled_value))
        )
        bias = torch.zeros(len(near), num_frames, near.shape[1] + far.shape[1], device=tokens.device, dtype=tokens.dtype)
        bias[:, :, near.shape[1] :] = (far == len(far))[:, None] * _FAR
        attended = F.scaled_dot_product_attention(
            _by_head(query[:, :, near[:, :45]]),
            _by_head(keys),
            _by_head(values),
            bias.flatten(1)[:, None, None].repeat(num_batch, 1, 1, 1),
        )
        attended = attended.unflatten(2, (num_frames, 45)).unflatten(0, (num_batch, -1))
        attended = attended.permute(0, 3, 1, 4, 2, 5).flatten(2, 3).flatten(3)
        back = near[:, :45].flatten().argsort()
        result: Tensor = self.proj(attended[:, :, back]).view_as(tokens)
        return result


def _by_head(windows: Tensor) -> Tensor:
    """[B, T, windows, tokens, C] to [B * windows, heads, T * tokens, C / heads]."""
    heads = windows.unflatten(-1, (_NUM_HEADS, -1)).permute(0, 2, 4, 1, 3, 5)
    return heads.flatten(3, 4).flatten(0, 1)


class Block(nn.Module):
    """Attention, then the feed-forward network, each on what is normalized and added."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.pool_layers = nn.ModuleList([nn.Linear(WINDOW[0] * WINDOW[1], 1)])
        self.norm1 = nn.LayerNorm(num_channels)
        self.attn = _Attention(num_channels)
        self.norm2 = nn.LayerNorm(num_channels)
        self.mlp = _Mlp(num_channels)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """Return [B, T, H, W, C] of such tokens; ``size`` is that of the feature map."""
        normed = self.norm1(tokens)
        windows = partition(normed.permute(0, 1, 4, 2, 3)).transpose(2, 3)
        pooled = self.pool_layers[0](windows)[..., 0]
        tokens = tokens + self.attn(normed, pooled)
        result: Tensor = tokens + self.mlp(self.norm2(tokens), size)
        return result
