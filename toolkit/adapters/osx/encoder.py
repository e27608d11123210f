"""The image encoder of OSX: a vision transformer with task tokens beside the patches."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

NUM_TASK_TOKENS = 31
GRID_HW = (16, 12)
_DEPTHS = {1024: (24, 16), 768: (12, 12)}
"""Width to the numbers of blocks and heads: ViT-L and ViT-B."""


class _Attention(nn.Module):
    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self._num_heads = num_heads

    def forward(self, x_BNC: Tensor) -> Tensor:
        heads = self.qkv(x_BNC).unflatten(2, (3, self._num_heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(*heads.unbind(0))
        return self.proj(attended.transpose(1, 2).flatten(2))


class _Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class _Block(nn.Module):
    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = _Attention(width, num_heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = _Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class _PatchEmbed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, 16, 16, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class Encoder(nn.Module):
    """Images of 256 x 192 px to a feature map and task tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        depth, num_heads = _DEPTHS[width]
        self.task_tokens = nn.Parameter(torch.zeros(1, NUM_TASK_TOKENS, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, GRID_HW[0] * GRID_HW[1] + 1, width))
        self.patch_embed = _PatchEmbed(width)
        self.blocks = nn.ModuleList(_Block(width, num_heads) for _ in range(depth))
        self.last_norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map [B, width, 16, 12] and the tokens [B, 31, width] of [B, 3, 256, 192]."""
        patches = self.patch_embed(images) + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        x = torch.cat((self.task_tokens.expand(len(images), -1, -1), patches), 1)
        for block in self.blocks:
            x = block(x)
        x = self.last_norm(x)
        maps = x[:, NUM_TASK_TOKENS:].transpose(1, 2).unflatten(2, GRID_HW)
        return maps, x[:, :NUM_TASK_TOKENS]
