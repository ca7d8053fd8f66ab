"""Inception-ResNet-v2, feature maps at strides 4, 8, 16 and 32, as the challenge's entry used it.

Source: Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on
Learning", AAAI 2017, with the widths of the published Inception-ResNet-v2. That network pads
nothing where it shrinks, so that 256x192 gives 60x44 and no whole strides. Here everything pads to
the size of TensorFlow's SAME: a quarter, an eighth and so on. The padding lies on all four sides
(TensorFlow puts an odd column at the far end), so that map pixel i stands on picture pixel 4 i, as
with our ResNet. Modules are called as in the widespread PyTorch version: its ImageNet weights load
by name.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class InceptionResnetConfig:
    """Depth and normalisation.

    Attributes:
        repeats: Residual blocks at strides 8, 16 and 32; the last lacks its final one, which
            always follows without a ReLU.
        bn_epsilon: Added to the variance in every BatchNorm.
    """

    repeats: tuple[int, int, int] = (10, 20, 9)
    bn_epsilon: float = 1e-3


class ConvUnit(nn.Module):
    """Convolution, BatchNorm, ReLU; the size changes by the stride alone."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_hw: tuple[int, int],
        epsilon: float,
        stride: int = 1,
    ) -> None:
        super().__init__()
        sides = (kernel_hw[0] // 2, kernel_hw[1] // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel_hw, stride, sides, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=epsilon)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def shrink() -> nn.Module:
    """3x3 maximum at stride 2."""
    return nn.MaxPool2d(3, 2, 1)


class Branches(nn.Module):
    """Several ways through the same input, joined along the channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self._count = len(branches)
        for index, branch in enumerate(branches):
            self.add_module(f"branch{index}", branch)

    def joined(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> all branches' answers, concatenated."""
        return torch.cat([self.get_submodule(f"branch{i}")(x) for i in range(self._count)], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.joined(x)


class ResidualBranches(Branches):
    """x + scale * (1x1 convolution of the joined branches), then ReLU unless it is the last."""

    def __init__(
        self, channels: int, joined: int, scale: float, *branches: nn.Module, relu: bool = True
    ) -> None:
        super().__init__(*branches)
        self._scale, self._relu = scale, relu
        self.conv2d = nn.Conv2d(joined, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self._scale * self.conv2d(self.joined(x))
        return F.relu(y) if self._relu else y


class InceptionResnet(nn.Module):
    """(N, 3, H, W) normalised image -> C2..C5, finest first: 192, 320, 1088, 1536 channels."""

    out_channels = (192, 320, 1088, 1536)

    def __init__(self, config: InceptionResnetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or InceptionResnetConfig()
        epsilon = config.bn_epsilon

        def unit(inputs: int, outputs: int, height: int, width: int, stride: int = 1) -> ConvUnit:
            return ConvUnit(inputs, outputs, (height, width), epsilon, stride)

        def chain(*steps: nn.Module) -> nn.Sequential:
            return nn.Sequential(*steps)

        self.conv2d_1a = unit(3, 32, 3, 3, 2)
        self.conv2d_2a = unit(32, 32, 3, 3)
        self.conv2d_2b = unit(32, 64, 3, 3)
        self.maxpool_3a = shrink()
        self.conv2d_3b = unit(64, 80, 1, 1)
        self.conv2d_4a = unit(80, 192, 3, 3)
        self.maxpool_5a = shrink()
        self.mixed_5b = Branches(
            unit(192, 96, 1, 1),
            chain(unit(192, 48, 1, 1), unit(48, 64, 5, 5)),
            chain(unit(192, 64, 1, 1), unit(64, 96, 3, 3), unit(96, 96, 3, 3)),
            chain(nn.AvgPool2d(3, 1, 1, count_include_pad=False), unit(192, 64, 1, 1)),
        )
        self.repeat = chain(
            *(
                ResidualBranches(
                    320,
                    128,
                    0.17,
                    unit(320, 32, 1, 1),
                    chain(unit(320, 32, 1, 1), unit(32, 32, 3, 3)),
                    chain(unit(320, 32, 1, 1), unit(32, 48, 3, 3), unit(48, 64, 3, 3)),
                )
                for _ in range(config.repeats[0])
            )
        )
        self.mixed_6a = Branches(
            unit(320, 384, 3, 3, 2),
            chain(unit(320, 256, 1, 1), unit(256, 256, 3, 3), unit(256, 384, 3, 3, 2)),
            shrink(),
        )
        self.repeat_1 = chain(
            *(
                ResidualBranches(
                    1088,
                    384,
                    0.10,
                    unit(1088, 192, 1, 1),
                    chain(unit(1088, 128, 1, 1), unit(128, 160, 1, 7), unit(160, 192, 7, 1)),
                )
                for _ in range(config.repeats[1])
            )
        )
        self.mixed_7a = Branches(
            chain(unit(1088, 256, 1, 1), unit(256, 384, 3, 3, 2)),
            chain(unit(1088, 256, 1, 1), unit(256, 288, 3, 3, 2)),
            chain(unit(1088, 256, 1, 1), unit(256, 288, 3, 3), unit(288, 320, 3, 3, 2)),
            shrink(),
        )

        def block8(scale: float, relu: bool) -> ResidualBranches:
            return ResidualBranches(
                2080,
                448,
                scale,
                unit(2080, 192, 1, 1),
                chain(unit(2080, 192, 1, 1), unit(192, 224, 1, 3), unit(224, 256, 3, 1)),
                relu=relu,
            )

        self.repeat_2 = chain(*(block8(0.20, relu=True) for _ in range(config.repeats[2])))
        self.block8 = block8(1.0, relu=False)
        self.conv2d_7b = unit(2080, 1536, 1, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> list[Tensor]:
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(image)))
        c2 = self.conv2d_4a(self.conv2d_3b(self.maxpool_3a(x)))
        c3 = self.repeat(self.mixed_5b(self.maxpool_5a(c2)))
        c4 = self.repeat_1(self.mixed_6a(c3))
        c5 = self.conv2d_7b(self.block8(self.repeat_2(self.mixed_7a(c4))))
        return [c2, c3, c4, c5]
