"""RefineNet: integrates all levels of the pyramid and settles the hard keypoints.

Source: Chen et al., CPN, CVPR 2018, section 3.2.2: coarser levels pass more bottlenecks, all are
enlarged to the finest level and concatenated, and one more bottleneck predicts. (The challenge
slides call this part GlobalNet.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.resize import ResizeRule, enlarged

Shortcut = Literal["projection", "identity"]


@dataclass(frozen=True, slots=True)
class RefineNetConfig:
    """Widths, and the choices in which the public codes differ.

    Attributes:
        in_channels: Channels of P2..P5, finest first.
        level_channels: Channels of each level after its bottlenecks.
        final_channels: Channels after the last bottleneck.
        squeeze: A bottleneck is this much narrower inside than `level_channels`.
        final_squeeze: Channels inside the last bottleneck.
        bottlenecks: How many each level passes, finest first.
        keypoints: Heatmaps.
        shortcut: Bottlenecks of equal width add their input as it is, or through a 1x1
            convolution (the paper's cost is only met with `projection`).
        resize: How maps are enlarged.
        bn_epsilon: Of every BatchNorm.
    """

    in_channels: tuple[int, ...] = (256, 256, 256, 256)
    level_channels: int = 256
    final_channels: int = 256
    squeeze: int = 2
    final_squeeze: int = 128
    bottlenecks: tuple[int, ...] = (0, 1, 2, 3)
    keypoints: int = 17
    shortcut: Shortcut = "projection"
    resize: ResizeRule = "align_corners"
    bn_epsilon: float = 1e-5


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 around a shortcut, at stride 1."""

    def __init__(
        self, inputs: int, width: int, outputs: int, shortcut: Shortcut, epsilon: float
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width, eps=epsilon)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width, eps=epsilon)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs, eps=epsilon)
        self.projection: nn.Sequential | None = None
        if shortcut == "projection" or inputs != outputs:
            self.projection = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs, eps=epsilon)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.projection is None else self.projection(x)))


class RefineNet(nn.Module):
    """P2..P5 -> heatmaps (N, K, h, w) at the size of P2.

    With fewer `in_channels` only the finest levels are used (paper, table 5).
    """

    def __init__(self, config: RefineNetConfig) -> None:
        super().__init__()
        self.config = config
        wide, epsilon = config.level_channels, config.bn_epsilon
        self.cascade = nn.ModuleList()
        joined = 0
        for inputs, count in zip(config.in_channels, config.bottlenecks, strict=True):
            blocks: list[nn.Module] = []
            channels = inputs
            for _ in range(count):
                blocks.append(
                    Bottleneck(channels, wide // config.squeeze, wide, config.shortcut, epsilon)
                )
                channels = wide
            self.cascade.append(nn.Sequential(*blocks))
            joined += channels
        self.final = Bottleneck(
            joined, config.final_squeeze, config.final_channels, config.shortcut, epsilon
        )
        self.predict = nn.Sequential(
            nn.Conv2d(config.final_channels, config.keypoints, 3, 1, 1, bias=False),
            nn.BatchNorm2d(config.keypoints, eps=epsilon),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        size_hw = (int(pyramid[0].shape[2]), int(pyramid[0].shape[3]))
        levels = [
            enlarged(blocks(x), size_hw, self.config.resize)
            for blocks, x in zip(self.cascade, pyramid[: len(self.cascade)], strict=True)
        ]
        refined: Tensor = self.predict(self.final(torch.cat(levels, dim=1)))
        return refined
