"""A narrow residual network for trials on a CPU: basic blocks, as many and as wide as asked.

Source of the blocks: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, figure 5
left. The stem is two 3x3 convolutions, which small pictures bear better than 7x7 and pooling.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class SmallResnetConfig:
    """Channels of C2..C5, and blocks that each of them passes."""

    widths: tuple[int, int, int, int] = (24, 48, 96, 128)
    blocks: tuple[int, int, int, int] = (1, 1, 1, 1)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class SmallResnet(nn.Module):
    """(N, 3, H, W) normalised image -> C2..C5 at strides 4, 8, 16 and 32."""

    def __init__(self, config: SmallResnetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SmallResnetConfig()
        self.out_channels = config.widths
        inputs = config.widths[0]
        self.stem = nn.Sequential(
            nn.Conv2d(3, inputs // 2, 3, 2, 1, bias=False),
            nn.BatchNorm2d(inputs // 2),
            nn.ReLU(),
            nn.Conv2d(inputs // 2, inputs, 3, 2, 1, bias=False),
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
        )
        self.stages = nn.ModuleList()
        for stage, (width, count) in enumerate(zip(config.widths, config.blocks, strict=True)):
            blocks = []
            for index in range(count):
                blocks.append(BasicBlock(inputs, width, 2 if stage and index == 0 else 1))
                inputs = width
            self.stages.append(nn.Sequential(*blocks))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> list[Tensor]:
        x = self.stem(image)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
