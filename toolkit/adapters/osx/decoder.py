"""Keypoint-guided deformable decoder of hands and face (OSX, section 3.3; after Poseur, ECCV 2022).

Its queries are joints. Each looks at its own place in three feature maps, fine to coarse.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

WIDTH = 256
_NUM_HEADS, _NUM_LEVELS, _NUM_POINTS, _NUM_LAYERS = 8, 3, 4, 6


class _Level(nn.Module):
    """A 1 x 1 convolution under the key ``conv`` and a group norm under ``gn``."""

    def __init__(self, num_in: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(num_in, WIDTH, 1, bias=False)
        self.gn = nn.GroupNorm(32, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.gn(self.conv(x))


class _Neck(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_Level(width // share) for share in (4, 2, 1))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [conv(one) for conv, one in zip(self.convs, maps, strict=True)]


class _SelfAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(WIDTH, _NUM_HEADS, batch_first=True)

    def forward(self, query: Tensor, place: Tensor) -> Tensor:
        key = query + place
        return query + self.attn(key, key, query, need_weights=False)[0]


class _DeformableAttention(nn.Module):
    """Looks at four points a level and head; all channels are seen, and then projected by head."""

    def __init__(self) -> None:
        super().__init__()
        num_points = _NUM_HEADS * _NUM_LEVELS * _NUM_POINTS
        self.sampling_offsets = nn.Linear(WIDTH, 2 * num_points)
        self.attention_weights = nn.Linear(WIDTH, num_points)
        self.value_proj_weight = nn.Embedding(_NUM_HEADS * WIDTH, WIDTH // _NUM_HEADS)
        self.value_proj_bias = nn.Embedding(_NUM_HEADS, WIDTH // _NUM_HEADS)
        self.output_proj = nn.Linear(WIDTH, WIDTH)

    def forward(
        self, query: Tensor, place: Tensor, maps: list[Tensor], points_BN2: Tensor
    ) -> Tensor:
        asked = query + place
        shape = (_NUM_HEADS, _NUM_LEVELS, _NUM_POINTS)
        offsets = self.sampling_offsets(asked).unflatten(2, (*shape, 2))
        weights = self.attention_weights(asked).unflatten(2, (_NUM_HEADS, -1)).softmax(-1)
        weights = weights.unflatten(3, shape[1:])
        seen = torch.zeros(*weights.shape[:3], WIDTH, device=query.device)  # [B, N, heads, C]
        for level, features in enumerate(maps):
            size = offsets.new_tensor((features.shape[3], features.shape[2]))
            grid = 2 * (points_BN2[:, :, None, None] + offsets[:, :, :, level] / size) - 1
            sampled = F.grid_sample(features, grid.flatten(2, 3), align_corners=False)
            sampled = sampled.unflatten(3, shape[::2])  # [B, C, N, heads, points]
            seen = seen + torch.einsum("bcnhp,bnhp->bnhc", sampled, weights[:, :, :, level])
        by_head = self.value_proj_weight.weight.view(_NUM_HEADS, WIDTH, -1)
        values = torch.einsum("bnhc,hcd->bnhd", seen, by_head) + self.value_proj_bias.weight
        return query + self.output_proj(values.flatten(2))


class _FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        hidden = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.ReLU())
        self.layers = nn.ModuleList([hidden, nn.Linear(4 * WIDTH, WIDTH)])

    def forward(self, x: Tensor) -> Tensor:
        hidden, last = self.layers
        return x + last(hidden(x))


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attentions = nn.ModuleList([_SelfAttention(), _DeformableAttention()])
        self.ffns = nn.ModuleList([_FeedForward()])
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(3))

    def forward(self, x: Tensor, place: Tensor, maps: list[Tensor], points: Tensor) -> Tensor:
        x = self.norms[0](self.attentions[0](x, place))
        x = self.norms[1](self.attentions[1](x, place, maps, points))
        return self.norms[2](self.ffns[0](x))


class _Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer() for _ in range(_NUM_LAYERS))


class _Transformer(nn.Module):
    def __init__(self, num_joints: int) -> None:
        super().__init__()
        self.level_embeds = nn.Parameter(torch.zeros(4, WIDTH))
        self.decoder = _Layers()
        self.pos_embed = nn.Embedding(num_joints, WIDTH)


class _Head(nn.Module):
    def __init__(self, num_joints: int) -> None:
        super().__init__()
        self.transformer = _Transformer(num_joints)


class Decoder(nn.Module):
    """Features of joints, refined by what is around them."""

    def __init__(self, width: int, num_joints: int) -> None:
        super().__init__()
        self.neck = _Neck(width)
        self.keypoint_head = _Head(num_joints)

    def forward(self, maps: list[Tensor], points_BN2: Tensor, features_BNC: Tensor) -> Tensor:
        """Return features [B, N, 256].

        Args:
            maps: fine to coarse, of width / 4, / 2 and / 1 channels.
            points_BN2: where the joints are, x y in 0..1 of the maps.
            features_BNC: what is there in the middle map.
        """
        transformer = self.keypoint_head.transformer
        placed = [
            features + place_code(*features.shape[2:]).to(features) + level[:, None, None]
            for features, level in zip(self.neck(maps), transformer.level_embeds, strict=False)
        ]
        for layer in transformer.decoder.layers:
            features_BNC = layer(features_BNC, transformer.pos_embed.weight, placed, points_BN2)
        return features_BNC


def place_code(height: int, width: int) -> Tensor:
    """Return the sine code of each place of a map, [256, H, W]: y, then x."""
    num_each = WIDTH // 2
    wave = 10000 ** (2 * (torch.arange(num_each) // 2) / num_each)
    codes = []
    for side in (height, width):
        angle = (torch.arange(side) + 0.5) / (side + 1e-6) * 2 * math.pi
        angle = angle[:, None] / wave
        codes.append(torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), 2).flatten(1).T)
    y, x = codes
    return torch.cat((y[:, :, None].expand(-1, -1, width), x[:, None].expand(-1, height, -1)))
