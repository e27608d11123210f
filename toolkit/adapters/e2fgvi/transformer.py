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
_SHIFTS = ((-2, -4), (-2, 4), (2, -4), (2, 4))
"""How the grid is rolled, so that the tokens around a window come to lie in it."""

_NUM_HEADS = 4


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
        return self.bias_conv(maps) if self._is_hq else maps + self.bias


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
        return self.conv2(columns.transpose(1, 2)).view_as(tokens)


def partition(grid: Tensor) -> Tensor:
    """Cut [..., H, W] into windows: [..., num_windows, 45]."""
    rows, columns = grid.shape[-2] // WINDOW[0], grid.shape[-1] // WINDOW[1]
    tiles = grid.unflatten(-1, (columns, WINDOW[1])).unflatten(-3, (rows, WINDOW[0]))
    return tiles.transpose(-3, -2).flatten(-2).flatten(-3, -2)


def _outside_window() -> Tensor:
    """Return which places of the window, in four rolled grids one after the other, are outside."""
    outside = torch.ones(len(_SHIFTS), *WINDOW, device="cpu")
    for corner, (dy, dx) in zip(outside, _SHIFTS, strict=True):
        corner[max(0, dy) : WINDOW[0] + dy, max(0, dx) : WINDOW[1] + dx] = 0
    return outside.flatten().nonzero().flatten()


@cache
def _places(rows: int, columns: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return which tokens of a grid are keys of each of its windows.

    A token that lies in two rolled grids counts twice: log 2 is added to its score. Pooled tokens
    beyond the grid, whose scores training lowered by 100, are left out.

    Returns:
        [windows, 45] places of a window's own tokens; [windows, keys] places of its keys, in the
        grid and, from rows * columns on, among the pooled tokens; [windows, keys] what is added to
        their scores.
    """
    grid_HW = torch.arange(rows * columns).view(rows, columns)
    own = partition(grid_HW)
    rolled = torch.cat([partition(grid_HW.roll(shift, (0, 1))) for shift in _SHIFTS], 1)
    near = torch.cat((own, rolled[:, _outside_window()]), 1)
    down, across = rows // WINDOW[0], columns // WINDOW[1]
    places, biases = [], []
    for index, window in enumerate(near):
        place, count = window.unique(return_counts=True)
        y, x = torch.meshgrid(torch.arange(down), torch.arange(across), indexing="ij")
        is_near = (y - index // across).abs() <= WINDOW[0] // 2
        is_near &= (x - index % across).abs() <= WINDOW[1] // 2
        pooled = rows * columns + torch.arange(down * across)
        places.append(torch.cat((place, pooled)))
        far = torch.where(is_near.flatten(), 0.0, -torch.inf)
        biases.append(torch.cat((count.log(), far)))
    keys, bias = torch.stack(places), torch.stack(biases)
    used = bias.isfinite().any(0)
    return own.to(device), keys[:, used].to(device), bias[:, used].to(device)


class _Attention(nn.Module):
    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(num_channels, 3 * num_channels)
        self.proj = nn.Linear(num_channels, num_channels)
        self.register_buffer("valid_ind_rolled", _outside_window())  # an entry of the weights

    def forward(self, tokens: Tensor, pooled: Tensor, num_wanted: int) -> Tensor:
        """Attend from the first ``num_wanted`` frames to all.

        Args:
            tokens: [B, T, H, W, C].
            pooled: [B, T, windows, C], one token a window.
            num_wanted: how many frames are wanted.

        Returns:
            [B, num_wanted, H, W, C].
        """
        num_channels = tokens.shape[-1]
        own, keys, bias = _places(*tokens.shape[2:4], tokens.device)
        everything = torch.cat((tokens.flatten(2, 3), pooled), 2)
        weight, bias_q = self.qkv.weight, self.qkv.bias
        query = F.linear(
            everything[:, :num_wanted, own], weight[:num_channels], bias_q[:num_channels]
        )
        key_value = F.linear(everything, weight[num_channels:], bias_q[num_channels:])
        by_head = key_value.unflatten(-1, (2, _NUM_HEADS, -1)).permute(3, 0, 4, 1, 2, 5)
        by_head = by_head.flatten(3, 4)  # [2, B, heads, T * tokens, C / heads]
        starts = torch.arange(tokens.shape[1], device=keys.device) * everything.shape[2]
        chosen = (keys[:, None] + starts[:, None]).flatten(1)  # [windows, T * keys]
        key, value = by_head[:, :, :, chosen]
        attended = F.scaled_dot_product_attention(
            query.unflatten(-1, (_NUM_HEADS, -1)).permute(0, 4, 2, 1, 3, 5).flatten(3, 4),
            key,
            value,
            bias.to(query.dtype).repeat(1, tokens.shape[1])[:, None],
        )
        attended = attended.unflatten(3, (num_wanted, -1))  # [B, heads, windows, T, 45, C / heads]
        attended = attended.permute(0, 3, 2, 4, 1, 5).flatten(2, 3).flatten(3)
        return (self.proj(attended[:, :, own.flatten().argsort()])).view(
            -1, num_wanted, *tokens.shape[2:]
        )


class Block(nn.Module):
    """Attention, then the feed-forward network, each on what is normalized and added."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.pool_layers = nn.ModuleList([nn.Linear(WINDOW[0] * WINDOW[1], 1)])
        self.norm1 = nn.LayerNorm(num_channels)
        self.attn = _Attention(num_channels)
        self.norm2 = nn.LayerNorm(num_channels)
        self.mlp = _Mlp(num_channels)

    def forward(self, tokens: Tensor, size: tuple[int, int], num_wanted: int) -> Tensor:
        """Return the first ``num_wanted`` frames [B, num_wanted, H, W, C] of such tokens.

        ``size`` is that of the feature map.
        """
        normed = self.norm1(tokens)
        windows = partition(normed.permute(0, 1, 4, 2, 3)).transpose(2, 3)
        pooled = self.pool_layers[0](windows)[..., 0]
        tokens = tokens[:, :num_wanted] + self.attn(normed, pooled, num_wanted)
        return tokens + self.mlp(self.norm2(tokens), size)
