"""What training and evaluation see of a frame."""

import pytest

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("timm", reason="needs the extra train")
pytest.importorskip("torchvision", reason="needs the extra train")

import torch

from benchmarks.transforms import (
    crop_multi_scale,
    crop_views,
    make_augmentation,
    normalise,
)
from benchmarks.videomae import MEAN_RGB, STD_RGB


def paint_slope(num_frames: int = 3, height: int = 60, width: int = 108) -> torch.Tensor:
    """Return frames [T, C, H, W] that grow brighter to the right in red, and downwards in green."""
    red = torch.arange(width).expand(height, width)
    green = torch.arange(height)[:, None].expand(height, width)
    frame = torch.stack([red * 2, green * 4, torch.zeros(height, width)]).to(torch.uint8)
    return frame.expand(num_frames, -1, -1, -1).clone()


def test_nothing_is_mirrored():
    """In a hundred crops of each kind the right is brighter, and so is what lies lower."""
    torch.manual_seed(0)
    video = paint_slope()
    crop = make_augmentation(32, 0.08, 0, 7, 0.0)
    for index in range(100):
        seen = (crop_multi_scale(video, 32) if index % 2 else crop(video)).float()
        assert seen[:, 0, :, -1].mean() > seen[:, 0, :, 0].mean()
        assert seen[:, 1, -1].mean() > seen[:, 1, 0].mean()


def test_all_frames_of_a_clip_are_changed_alike():
    """Frames that were equal are equal after crops, RandAugment and erasing."""
    torch.manual_seed(0)
    augment = make_augmentation(32, 0.5, 4, 7, 1.0)
    for _ in range(20):
        seen = augment(paint_slope())
        assert seen.shape == (3, 3, 32, 32)
        assert seen.dtype == torch.uint8
        assert (seen == seen[0]).all()


def test_multi_scale_crops_have_four_scales():
    """From all of the shorter side to 66% of it; and both ends of the picture are seen."""
    torch.manual_seed(0)
    video = paint_slope(1, 100, 100)
    seen = [crop_multi_scale(video, 100)[0, 0, 50] / 2 for _ in range(200)]
    widths = {round(float(row[-1] - row[0])) for row in seen}
    assert min(widths) in range(63, 68)
    assert max(widths) == 99
    assert min(float(row[0]) for row in seen) == 0
    assert max(float(row[-1]) for row in seen) == 99


def test_the_seed_decides_what_is_drawn():
    """The same crop for the same seed."""
    video, augment = paint_slope(), make_augmentation(32, 0.08, 4, 7, 0.25)
    seen = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        seen.append(augment(video))
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


def test_views_are_left_middle_and_right():
    """Of the shorter side's length, in wide frames; in high ones from top to bottom."""
    wide = crop_views(paint_slope(), 60)
    assert wide.shape == (3, 3, 3, 60, 60)
    assert [int(view[0, 0, 0, 0]) // 2 for view in wide] == [0, 24, 48]
    high = crop_views(paint_slope().transpose(2, 3), 60)
    assert [int(view[0, 0, 0, 0]) // 2 for view in high] == [0, 24, 48]
    assert int(crop_views(paint_slope(), 60, 1)[0, 0, 0, 0, 0]) // 2 == 24


def test_pixels_are_normalised_as_models_expect():
    """The mean colour becomes 0, and white what it is by the deviation."""
    white = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    expected = (1 - torch.tensor(MEAN_RGB)) / torch.tensor(STD_RGB)
    assert torch.allclose(normalise(white)[0, :, 0, 0], expected)
