"""VideoMAE (Tong et al., NeurIPS 2022, arXiv:2203.12602) on timm's blocks, and a classifier.

Parameters have the names of the official checkpoints, so these load as they are
(``benchmarks.checkpoints``). There is no class token: what a clip is, is the mean of its tokens.

Shape suffixes: B samples, C colours, T frames, H, W, N tokens of a clip (frame by frame, row by
row), V visible and M masked ones, P pixels of a patch, D numbers of a token, K classes.
"""

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody knows it by
from timm.layers.norm import LayerNorm
from timm.models.beit import Block
from torch import Tensor, nn

from toolkit.errors import ConfigError

MEAN_RGB, STD_RGB = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, what clips in [0, 1] are normalised by."""


@dataclass(frozen=True)
class Size:
    """How large a VideoMAE is, and what it looks at.

    Attributes:
        dim, depth, num_heads: of the encoder.
        decoder_dim, decoder_depth, decoder_num_heads: of the decoder, for pre-training only.
        side_px: height and width of a frame.
        num_frames: of a clip.
        patch_px, tubelet: a token is a square of ``patch_px`` in ``tubelet`` frames.

    Raises:
        ConfigError: something does not divide as it must.
    """

    dim: int = 768
    depth: int = 12
    num_heads: int = 12
    decoder_dim: int = 384
    decoder_depth: int = 4
    decoder_num_heads: int = 6
    side_px: int = 224
    num_frames: int = 16
    patch_px: int = 16
    tubelet: int = 2

    def __post_init__(self) -> None:
        for whole, part in (
            ("dim", "num_heads"),
            ("decoder_dim", "decoder_num_heads"),
            ("side_px", "patch_px"),
            ("num_frames", "tubelet"),
        ):
            if getattr(self, whole) % getattr(self, part):
                raise ConfigError(
                    f"{whole} {getattr(self, whole)} must be a multiple of {part} "
                    f"{getattr(self, part)}: change one of them"
                )

    @property
    def grid(self) -> tuple[int, int, int]:
        """Tokens along time, height and width."""
        num_rows = self.side_px // self.patch_px
        return self.num_frames // self.tubelet, num_rows, num_rows

    @property
    def num_tokens(self) -> int:
        """Tokens of a clip."""
        return math.prod(self.grid)

    @property
    def num_patch_pixels(self) -> int:
        """Pixels of a token, over its frames."""
        return self.tubelet * self.patch_px**2


VITB = Size()
"""ViT-B as in the paper: 1,568 tokens."""

TINY = Size(
    dim=96, depth=4, num_heads=3, decoder_dim=48, decoder_depth=1, decoder_num_heads=3, side_px=64
)
"""For tests and for CPUs: 128 tokens."""


def cut_patches(video_BCTHW: Tensor, size: Size) -> Tensor:
    """Return the pixels [B, N, P, C] of each token.

    Raises:
        ConfigError: the video is not of this size.
    """
    expected = (3, size.num_frames, size.side_px, size.side_px)
    if tuple(video_BCTHW.shape[1:]) != expected:
        raise ConfigError(
            f"a clip must be [C, T, H, W] = {expected}, not {tuple(video_BCTHW.shape[1:])}: "
            "sample and crop it to the size of the model"
        )
    num_times, num_rows, num_columns = size.grid
    cut = video_BCTHW.reshape(
        -1, 3, num_times, size.tubelet, num_rows, size.patch_px, num_columns, size.patch_px
    )
    return cut.permute(0, 2, 4, 6, 3, 5, 7, 1).reshape(
        -1, size.num_tokens, size.num_patch_pixels, 3
    )


def make_positions(num_tokens: int, dim: int) -> Tensor:
    """Return the fixed position codes [1, N, D]: sine in even, cosine in odd places."""
    position_N1 = torch.arange(num_tokens, dtype=torch.float64)[:, None]
    place_D = torch.arange(dim)
    angle_ND = position_N1 / 10000 ** (2 * (place_D // 2) / dim).double()
    return torch.where(place_D % 2 == 0, angle_ND.sin(), angle_ND.cos()).float()[None]


def take_tokens(tokens_BNX: Tensor, index_BV: Tensor) -> Tensor:
    """Return some of the tokens of each sample; what follows the second dimension stays."""
    index = index_BV.reshape(*index_BV.shape, *(1,) * (tokens_BNX.ndim - 2))
    return tokens_BNX.gather(1, index.expand(-1, -1, *tokens_BNX.shape[2:]))


def _make_blocks(dim: int, depth: int, num_heads: int, drop_path: float) -> nn.ModuleList:
    """Pre-norm blocks, with biases for queries and values, none for keys; epsilon 1e-6."""
    rates = [drop_path * index / max(depth - 1, 1) for index in range(depth)]
    return nn.ModuleList(Block(dim, num_heads, qkv_bias=True, drop_path=rate) for rate in rates)


def _init_linear(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class _PatchEmbed(nn.Module):
    """A linear map of a patch, with the weights of the convolution that it is."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        kernel = (size.tubelet, size.patch_px, size.patch_px)
        self.proj = nn.Conv3d(3, size.dim, kernel, kernel)

    def forward(self, patches_BNPC: Tensor) -> Tensor:
        """Return tokens [B, N, D]."""
        weight = self.proj.weight.flatten(2).transpose(1, 2).flatten(1)  # [D, P C]
        return F.linear(patches_BNPC.flatten(2), weight, self.proj.bias)


class Trunk(nn.Module):
    """Patches to tokens, and blocks on them; only those tokens that it is given are worked on."""

    positions_1ND: Tensor

    def __init__(self, size: Size, drop_path: float = 0.0) -> None:
        super().__init__()
        self.size = size
        self.patch_embed = _PatchEmbed(size)
        self.blocks = _make_blocks(size.dim, size.depth, size.num_heads, drop_path)
        positions = make_positions(size.num_tokens, size.dim)
        self.register_buffer("positions_1ND", positions, persistent=False)

    def encode(self, patches_BNPC: Tensor, visible_BV: Tensor | None = None) -> Tensor:
        """Return the tokens [B, V, D] after the last block; all of them without ``visible_BV``."""
        positions_BND = self.positions_1ND.expand(len(patches_BNPC), -1, -1)
        if visible_BV is not None:
            patches_BNPC = take_tokens(patches_BNPC, visible_BV)
            positions_BND = take_tokens(positions_BND, visible_BV)
        tokens_BVD: Tensor = self.patch_embed(patches_BNPC) + positions_BND
        for block in self.blocks:
            tokens_BVD = block(tokens_BVD)
        return tokens_BVD


class Encoder(Trunk):
    """The trunk as pre-training has it, with a norm at its end."""

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        self.norm = LayerNorm(size.dim)

    def forward(self, patches_BNPC: Tensor, visible_BV: Tensor) -> Tensor:
        """Return the visible tokens [B, V, D]."""
        return cast("Tensor", self.norm(self.encode(patches_BNPC, visible_BV)))


class Decoder(nn.Module):
    """Visible and mask tokens to the pixels of the masked ones."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        dim = size.decoder_dim
        self.blocks = _make_blocks(dim, size.decoder_depth, size.decoder_num_heads, 0.0)
        self.norm = LayerNorm(dim)
        self.head = nn.Linear(dim, 3 * size.num_patch_pixels)

    def forward(self, tokens_BND: Tensor, num_masked: int) -> Tensor:
        """Return pixels [B, M, P C] of the last ``num_masked`` tokens."""
        for block in self.blocks:
            tokens_BND = block(tokens_BND)
        return cast("Tensor", self.head(self.norm(tokens_BND[:, -num_masked:])))


class VideoMAE(nn.Module):
    """The masked autoencoder that pre-training trains.

    Videos are [B, C, T, H, W], normalised by ``MEAN_RGB`` and ``STD_RGB``. ``visible_BV`` and
    ``masked_BM`` are indices of tokens, ascending (``benchmarks.masking.split_mask``).
    """

    std_C: Tensor
    positions_1ND: Tensor

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.encoder = Encoder(size)
        self.encoder_to_decoder = nn.Linear(size.dim, size.decoder_dim, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, size.decoder_dim))
        self.decoder = Decoder(size)
        positions = make_positions(size.num_tokens, size.decoder_dim)
        self.register_buffer("positions_1ND", positions, persistent=False)
        self.register_buffer("std_C", torch.tensor(STD_RGB), persistent=False)
        self.apply(_init_linear)
        nn.init.trunc_normal_(self.mask_token, std=0.02)

    def forward(self, video_BCTHW: Tensor, visible_BV: Tensor, masked_BM: Tensor) -> Tensor:
        """Return the loss [B] of each sample: mean square error over its masked tokens only."""
        patches_BNPC = cut_patches(video_BCTHW, self.size)
        predicted_BMX = self._predict(patches_BNPC, visible_BV, masked_BM).float()
        target_BMX = self.make_targets(patches_BNPC, masked_BM)
        return F.mse_loss(predicted_BMX, target_BMX, reduction="none").mean((1, 2))

    def predict(self, video_BCTHW: Tensor, visible_BV: Tensor, masked_BM: Tensor) -> Tensor:
        """Return the normalised pixels [B, M, P C] that are predicted of the masked tokens."""
        return self._predict(cut_patches(video_BCTHW, self.size), visible_BV, masked_BM)

    def _predict(self, patches_BNPC: Tensor, visible_BV: Tensor, masked_BM: Tensor) -> Tensor:
        tokens_BVD = self.encoder_to_decoder(self.encoder(patches_BNPC, visible_BV))
        positions_BND = self.positions_1ND.expand(len(patches_BNPC), -1, -1)
        seen = tokens_BVD + take_tokens(positions_BND, visible_BV)
        unseen = self.mask_token + take_tokens(positions_BND, masked_BM)
        tokens_BND = torch.cat([seen, unseen.to(seen.dtype)], 1)
        return cast("Tensor", self.decoder(tokens_BND, masked_BM.shape[1]))

    @torch.no_grad()
    def make_targets(self, patches_BNPC: Tensor, masked_BM: Tensor) -> Tensor:
        """Return pixels [B, M, P C] of masked tokens, each colour of a patch with mean 0 and std 1.

        Section 3.1 with the normalisation of MAE (arXiv:2111.06377, section 4.1): unbiased
        variance, and an epsilon of 1e-6 on the standard deviation of pixels in [0, 1]. Pixels that
        are normalised by ``STD_RGB`` already give the same with an epsilon that is divided by it.
        """
        pixels_BMPC = take_tokens(patches_BNPC, masked_BM).float()
        variance, mean = torch.var_mean(pixels_BMPC, 2, keepdim=True)
        return pixels_BMPC.sub_(mean).div_(variance.sqrt_().add_(1e-6 / self.std_C)).flatten(2)


class Classifier(Trunk):
    """The trunk with a linear head on the mean of all tokens: alignment, fine-tuning, probing."""

    def __init__(self, size: Size, num_classes: int, drop_path: float = 0.0) -> None:
        super().__init__(size, drop_path)
        self.fc_norm = LayerNorm(size.dim)
        self.head = nn.Linear(size.dim, num_classes)
        self.apply(_init_linear)
        nn.init.trunc_normal_(self.head.weight, std=2e-5)  # 0.02, scaled by 0.001 as officially

    def embed(self, video_BCTHW: Tensor) -> Tensor:
        """Return the features [B, D] of clips: the norm of the mean over tokens."""
        tokens_BND = self.encode(cut_patches(video_BCTHW, self.size))
        return cast("Tensor", self.fc_norm(tokens_BND.mean(1)))

    def forward(self, video_BCTHW: Tensor) -> Tensor:
        """Return logits [B, K]."""
        return cast("Tensor", self.head(self.embed(video_BCTHW)))

    def group_matcher(self, *, coarse: bool = False) -> dict[str, object]:
        """Return which layer a parameter is of, as timm's layer-wise decay asks for it."""
        del coarse
        return {"stem": r"^patch_embed", "blocks": [(r"^blocks\.(\d+)", None)]}
