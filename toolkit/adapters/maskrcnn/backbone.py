"""ResNet-101 with a feature pyramid, with the conventions of detectron2's first baselines.

He et al., "Deep Residual Learning", CVPR 2016; Lin et al., "Feature Pyramid Networks", CVPR 2017.
The stride is in a block's first 1 x 1 convolution, and batch norm is frozen (what was trained with
running statistics gives the same with them frozen).
"""

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name
from torchvision.ops import FrozenBatchNorm2d

_NUM_BLOCKS = {2: 3, 3: 4, 4: 23, 5: 3}
NUM_CHANNELS = 256
STRIDES = (4, 8, 16, 32, 64)


class NormedConv(nn.Conv2d):
    """A convolution without bias, then its frozen batch norm under the key ``norm``."""

    def __init__(self, num_in: int, num_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(num_in, num_out, kernel, stride, kernel // 2, bias=False)
        self.norm = FrozenBatchNorm2d(num_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normed maps."""
        return self.norm(super().forward(x))


def make_conv(num_in: int, num_out: int, kernel: int, *, is_normed: bool) -> nn.Module:
    """Return a convolution with a norm or with a bias."""
    if is_normed:
        return NormedConv(num_in, num_out, kernel)
    return nn.Conv2d(num_in, num_out, kernel, padding=kernel // 2)


class _Bottleneck(nn.Module):
    def __init__(self, num_in: int, num_out: int, stride: int) -> None:
        super().__init__()
        if num_in != num_out:
            self.shortcut = NormedConv(num_in, num_out, 1, stride)
        self.conv1 = NormedConv(num_in, num_out // 4, 1, stride)
        self.conv2 = NormedConv(num_out // 4, num_out // 4, 3)
        self.conv3 = NormedConv(num_out // 4, num_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        past = self.shortcut(x) if hasattr(self, "shortcut") else x
        return F.relu(self.conv3(F.relu(self.conv2(F.relu(self.conv1(x))))) + past)


class _Stem(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = NormedConv(3, 64, 7, 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(F.relu(self.conv1(x)), 3, 2, 1)


class _ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = _Stem()
        for stage, num_blocks in _NUM_BLOCKS.items():
            num_out = 64 * 2**stage
            num_in = 64 if stage == 2 else num_out // 2
            first = _Bottleneck(num_in, num_out, 1 if stage == 2 else 2)
            others = [_Bottleneck(num_out, num_out, 1) for _ in range(num_blocks - 1)]
            self.add_module(f"res{stage}", nn.Sequential(first, *others))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        maps = []
        for stage in _NUM_BLOCKS:
            x = self.get_submodule(f"res{stage}")(x)
            maps.append(x)
        return maps


class Backbone(nn.Module):
    """Images to five maps of 256 channels, of strides 4 to 64; ``is_lsj`` as in ``MaskRCNN``."""

    def __init__(self, *, is_lsj: bool) -> None:
        super().__init__()
        self.bottom_up = _ResNet()
        for stage in _NUM_BLOCKS:
            lateral = make_conv(64 * 2**stage, NUM_CHANNELS, 1, is_normed=is_lsj)
            output = make_conv(NUM_CHANNELS, NUM_CHANNELS, 3, is_normed=is_lsj)
            self.add_module(f"fpn_lateral{stage}", lateral)
            self.add_module(f"fpn_output{stage}", output)

    def forward(self, images_N3HW: Tensor) -> list[Tensor]:
        """Return the maps [N, 256, H / stride, W / stride] of images whose sides 32 divides."""
        pyramid: list[Tensor] = []
        above: Tensor | None = None
        for stage, below in reversed(
            list(zip(_NUM_BLOCKS, self.bottom_up(images_N3HW), strict=True))
        ):
            sum_ = self.get_submodule(f"fpn_lateral{stage}")(below)
            if above is not None:
                sum_ = sum_ + F.interpolate(above, scale_factor=2, mode="nearest")
            pyramid.insert(0, self.get_submodule(f"fpn_output{stage}")(sum_))
            above = sum_
        return [*pyramid, F.max_pool2d(pyramid[-1], 1, 2)]
