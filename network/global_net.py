"""GlobalNet: the feature pyramid that finds the visible, easy keypoints.

Source: Chen et al., "Cascaded Pyramid Network for Multi-Person Pose Estimation", CVPR 2018,
section 3.2.1. The slides of the 2017 challenge call it VisibleNet (and call RefineNet
"GlobalNet"); this code uses the paper's names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from network.resize import ResizeRule, enlarged

Merge = Literal["bias", "batchnorm", "none"]


@dataclass(frozen=True, slots=True)
class GlobalNetConfig:
    """The choices in which the paper and the two public codes differ (docs/cpn.md).

    Attributes:
        channels: Width of the pyramid.
        keypoints: Heatmaps per head.
        merge: What follows the 1x1 convolution on the enlarged map: its own bias, or BatchNorm;
            with `none` there is no convolution (the plain feature pyramid network).
        head_squeeze: A further 1x1 convolution before the 3x3 of each head (both public codes).
        resize: How maps are enlarged.
        bn_epsilon: Of every BatchNorm.
    """

    channels: int = 256
    keypoints: int = 17
    merge: Merge = "batchnorm"
    head_squeeze: bool = True
    resize: ResizeRule = "align_corners"
    bn_epsilon: float = 1e-5


class GlobalNet(nn.Module):
    """C2..C5 -> pyramid P2..P5, and a set of heatmaps from each level for the loss."""

    def __init__(self, in_channels: tuple[int, ...], config: GlobalNetConfig) -> None:
        super().__init__()
        self.config = config
        width, epsilon = config.channels, config.bn_epsilon
        self.laterals = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs, width, 1, bias=False),
                nn.BatchNorm2d(width, eps=epsilon),
                nn.ReLU(),
            )
            for inputs in in_channels
        )
        self.merges = nn.ModuleList(self._merge() for _ in in_channels[1:])
        self.heads = nn.ModuleList(self._head() for _ in in_channels)

    def _merge(self) -> nn.Module:
        width = self.config.channels
        if self.config.merge == "none":
            return nn.Identity()
        if self.config.merge == "bias":
            return nn.Conv2d(width, width, 1)
        return nn.Sequential(
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width, eps=self.config.bn_epsilon),
        )

    def _head(self) -> nn.Sequential:
        width, epsilon = self.config.channels, self.config.bn_epsilon
        squeeze: list[nn.Module] = [
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width, eps=epsilon),
            nn.ReLU(),
        ]
        return nn.Sequential(
            *(squeeze if self.config.head_squeeze else []),
            nn.Conv2d(width, self.config.keypoints, 3, 1, 1, bias=False),
            nn.BatchNorm2d(self.config.keypoints, eps=epsilon),
        )

    def pyramid(self, features: list[Tensor]) -> list[Tensor]:
        """C2..C5 -> P2..P5, each `channels` wide, finest first."""
        levels = [lateral(x) for lateral, x in zip(self.laterals, features, strict=True)]
        merged = [levels[-1]]
        for level, merge in zip(reversed(levels[:-1]), reversed(self.merges), strict=True):
            size_hw = (int(level.shape[2]), int(level.shape[3]))
            merged.insert(0, level + merge(enlarged(merged[0], size_hw, self.config.resize)))
        return merged

    def heatmaps(self, pyramid: list[Tensor]) -> list[Tensor]:
        """P2..P5 -> heatmaps of every level, all at the size of P2. Only the loss wants them."""
        size_hw = (int(pyramid[0].shape[2]), int(pyramid[0].shape[3]))
        return [
            enlarged(head(x), size_hw, self.config.resize)
            for head, x in zip(self.heads, pyramid, strict=True)
        ]

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return self.pyramid(features)
