"""Which tokens are masked in pre-training: tubes, so that no frame shows what another one hides."""

import torch
from torch import Tensor

from toolkit.errors import ConfigError


def draw_tube_mask(
    grid: tuple[int, int, int], mask_ratio: float, generator: torch.Generator | None = None
) -> Tensor:
    """Return a mask [N] of bool over tokens, the same places in all frames (VideoMAE, section 3.2).

    Args:
        grid: tokens along time, height and width.
        mask_ratio: share of the places that is masked, rounded down to whole places.
        generator: of the draw; torch's own where there is none.

    Raises:
        ConfigError: nothing would be masked, or nothing visible.
    """
    num_times, num_places = grid[0], grid[1] * grid[2]
    num_masked = int(mask_ratio * num_places)
    if not 0 < num_masked < num_places:
        raise ConfigError(
            f"mask_ratio {mask_ratio} masks {num_masked} of {num_places} places: some must be "
            "masked and some visible; try 0.9"
        )
    masked_S = torch.zeros(num_places, dtype=torch.bool)
    masked_S[torch.randperm(num_places, generator=generator)[:num_masked]] = True
    return masked_S.repeat(num_times)


def split_mask(masked_BN: Tensor) -> tuple[Tensor, Tensor]:
    """Return the indices of visible [B, V] and of masked tokens [B, M], ascending.

    Raises:
        ConfigError: samples have different numbers of masked tokens.
    """
    num_masked, *others = sorted(set(masked_BN.sum(1).tolist()))
    if others:
        raise ConfigError(
            f"samples of a batch mask {num_masked} and {others[0]} tokens: the number must be the "
            "same in all"
        )
    order_BN = masked_BN.to(torch.uint8).argsort(dim=1, stable=True)
    num_visible = masked_BN.shape[1] - num_masked
    return order_BN[:, :num_visible], order_BN[:, num_visible:]
