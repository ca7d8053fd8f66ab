"""ResNet-50 and ResNet-101, feature maps at strides 4, 8, 16 and 32.

Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016. The stride of a
stage's first block sits on its 1x1 convolution in the paper (v1) and on its 3x3 convolution in
both published CPNs and in torchvision (v1.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

StrideOn = Literal["1x1", "3x3"]
DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


@dataclass(frozen=True, slots=True)
class ResnetConfig:
    """Depth, and the choices in which published ResNets differ.

    Attributes:
        depth: 50 or 101.
        stride_on: Which convolution of a strided block has the stride.
        bn_epsilon: Added to the variance in every BatchNorm.
        dilated: So many of the last three stages keep the size of their maps and spread their 3x3
            convolutions instead (CPN paper, the baselines "+ dilation").
    """

    depth: int = 50
    stride_on: StrideOn = "1x1"
    bn_epsilon: float = 1e-5
    dilated: int = 0


class ResidualBlock(nn.Module):
    """1x1, 3x3, 1x1 around a shortcut."""

    def __init__(
        self, inputs: int, width: int, stride: int, config: ResnetConfig, dilation: int = 1
    ) -> None:
        super().__init__()
        outputs, epsilon = 4 * width, config.bn_epsilon
        first, second = (stride, 1) if config.stride_on == "1x1" else (1, stride)
        self.conv1 = nn.Conv2d(inputs, width, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(width, eps=epsilon)
        self.conv2 = nn.Conv2d(width, width, 3, second, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width, eps=epsilon)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs, eps=epsilon)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs, eps=epsilon),
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Resnet(nn.Module):
    """(N, 3, H, W) normalised image -> C2..C5, finest first: 256, 512, 1024, 2048 channels.

    Their strides are 4, 8, 16 and 32; with `dilated` the last ones stay at that of the map before.
    """

    out_channels = (256, 512, 1024, 2048)

    def __init__(self, config: ResnetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ResnetConfig()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64, eps=config.bn_epsilon)
        inputs, dilation = 64, 1
        for stage, count in enumerate(DEPTHS[config.depth]):
            width = 64 * 2**stage
            spread = stage > 3 - config.dilated
            dilation *= 2 if spread else 1
            blocks = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 and not spread else 1
                blocks.append(ResidualBlock(inputs, width, stride, config, dilation))
                inputs = 4 * width
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> list[Tensor]:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(image))), 3, 2, 1)
        features = []
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
            features.append(x)
        return features
