"""The stacked hourglass, one to eight stages: the baseline of the CPN slides and paper.

Source: Newell et al., "Stacked Hourglass Networks for Human Pose Estimation", ECCV 2016: residual
modules with normalisation first, four halvings, every stage predicts and the next one corrects.
The widths and counts are those that meet the costs which the CPN slides and paper publish
(docs/cpn.md); Newell's own network costs less.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from network.cpn import CpnOutput

MOST_STAGES = 8


@dataclass(frozen=True, slots=True)
class HourglassConfig:
    """Everything that is needed to build a `StackedHourglass` again.

    Attributes:
        stages: 1 to 8 hourglasses, one after the other.
        channels: Width of the hourglasses; a residual module is half as wide inside.
        halvings: How often an hourglass halves its maps before it enlarges them again.
        keypoints: Heatmaps per stage.
        bn_epsilon: Of every BatchNorm.
    """

    stages: int = 1
    channels: int = 256
    halvings: int = 4
    keypoints: int = 17
    bn_epsilon: float = 1e-5

    def __post_init__(self) -> None:
        if not 1 <= self.stages <= MOST_STAGES:
            raise ValueError(f"expected 1 to {MOST_STAGES} hourglass stages, got {self.stages}")


class ResidualModule(nn.Module):
    """1x1, 3x3, 1x1, each after BatchNorm and ReLU, around a shortcut."""

    def __init__(self, inputs: int, outputs: int, epsilon: float) -> None:
        super().__init__()
        half = outputs // 2
        self.bn1 = nn.BatchNorm2d(inputs, eps=epsilon)
        self.conv1 = nn.Conv2d(inputs, half, 1)
        self.bn2 = nn.BatchNorm2d(half, eps=epsilon)
        self.conv2 = nn.Conv2d(half, half, 3, 1, 1)
        self.bn3 = nn.BatchNorm2d(half, eps=epsilon)
        self.conv3 = nn.Conv2d(half, outputs, 1)
        self.projection = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.bn1(x)))
        y = self.conv2(F.relu(self.bn2(y)))
        y = self.conv3(F.relu(self.bn3(y)))
        total: Tensor = y + (x if self.projection is None else self.projection(x))
        return total


class Hourglass(nn.Module):
    """(N, C, h, w) -> the same, by way of maps that are halved and enlarged again."""

    def __init__(self, config: HourglassConfig) -> None:
        super().__init__()
        width, epsilon = config.channels, config.bn_epsilon

        def per_level() -> nn.ModuleList:
            return nn.ModuleList(
                ResidualModule(width, width, epsilon) for _ in range(config.halvings)
            )

        self.beside, self.down, self.up = per_level(), per_level(), per_level()

    def forward(self, x: Tensor) -> Tensor:
        skipped = []
        for beside, down in zip(self.beside, self.down, strict=True):
            skipped.append(beside(x))
            x = down(F.max_pool2d(x, 2))
        for up in self.up:
            wide = skipped.pop()
            height, width = int(wide.shape[2]), int(wide.shape[3])
            x = wide + F.interpolate(up(x), size=(height, width), mode="nearest")
        return x


class Stage(nn.Module):
    """An hourglass, what it predicts, and what it hands to the next stage."""

    def __init__(self, config: HourglassConfig, last: bool) -> None:
        super().__init__()
        width, keypoints = config.channels, config.keypoints
        self.hourglass = Hourglass(config)
        self.residual = ResidualModule(width, width, config.bn_epsilon)
        self.predict = nn.Conv2d(width, keypoints, 1)
        self.links = None
        if not last:
            self.links = nn.ModuleList(
                nn.Conv2d(inputs, width, 1) for inputs in (width, width, keypoints)
            )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.residual(self.hourglass(x))
        heatmaps = self.predict(features)
        if self.links is None:
            return heatmaps, features
        parts = (x, features, heatmaps)
        first, *rest = [link(part) for link, part in zip(self.links, parts, strict=True)]
        return heatmaps, first + rest[0] + rest[1]


class StackedHourglass(nn.Module):
    """(N, 3, H, W) image -> heatmaps (N, K, H/4, W/4) of the last stage."""

    def __init__(self, config: HourglassConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or HourglassConfig()
        width, epsilon = config.channels, config.bn_epsilon
        half = width // 2
        self.conv1 = nn.Conv2d(3, half, 7, 2, 3)
        self.bn1 = nn.BatchNorm2d(half, eps=epsilon)
        self.stem = nn.Sequential(
            ResidualModule(half, half, epsilon),
            ResidualModule(half, half, epsilon),
            nn.MaxPool2d(2),
            ResidualModule(half, width, epsilon),
        )
        self.stages = nn.ModuleList(
            Stage(config, last=index == config.stages - 1) for index in range(config.stages)
        )

    def all_heatmaps(self, image: Tensor) -> CpnOutput:
        """Heatmaps of every stage, for the loss on each (intermediate supervision)."""
        x = self.stem(F.relu(self.bn1(self.conv1(image))))
        heatmaps = []
        for stage in self.stages:
            found, x = stage(x)
            heatmaps.append(found)
        return CpnOutput(heatmaps, heatmaps[-1])

    def forward(self, image: Tensor) -> Tensor:
        return self.all_heatmaps(image).refined
