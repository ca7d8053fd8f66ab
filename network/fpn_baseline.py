"""The ResNet-50-FPN baseline of the slides, and the ResNet-50 of the paper without any pyramid.

Source: Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017, on top of a
backbone: laterals and sums, no convolution where two levels meet; a 3x3 convolution gives each
level its heatmaps. The finest level's are the answer. `docs/cpn.md` says which of its published
costs that meets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from network.backbones import make_backbone
from network.backbones.resnet import ResnetConfig
from network.cpn import CpnOutput
from network.global_net import GlobalNet, GlobalNetConfig
from network.resize import enlarged

_STRIDE = 4  # of heatmaps, as everywhere in CPN


def _plain_pyramid() -> GlobalNetConfig:
    return GlobalNetConfig(merge="none", head_squeeze=False)


@dataclass(frozen=True, slots=True)
class FpnBaselineConfig:
    """Everything that is needed to build a `FpnBaseline` again.

    Attributes:
        backbone: Configuration of any of `network.backbones.BACKBONES`.
        global_net: Of the pyramid.
        levels: How many of C2..C5 it has, from C5 on; 1 leaves a backbone with one head.
    """

    backbone: Any = field(default_factory=ResnetConfig)
    global_net: GlobalNetConfig = field(default_factory=_plain_pyramid)
    levels: int = 4


class FpnBaseline(nn.Module):
    """(N, 3, H, W) image -> heatmaps (N, K, H/4, W/4); `all_heatmaps` adds those of all levels."""

    def __init__(self, config: FpnBaselineConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or FpnBaselineConfig()
        self.backbone, widths = make_backbone(config.backbone)
        if not 1 <= config.levels <= len(widths):
            raise ValueError(f"expected 1 to {len(widths)} levels, got {config.levels}")
        self.global_net = GlobalNet(widths[-config.levels :], config.global_net)

    def all_heatmaps(self, image: Tensor) -> CpnOutput:
        """Heatmaps of every level, for the loss; the finest are the answer."""
        pyramid = self._pyramid(image)
        levels = [
            self._quarter(head(x), image)
            for head, x in zip(self.global_net.heads, pyramid, strict=True)
        ]
        return CpnOutput(levels, levels[0])

    def forward(self, image: Tensor) -> Tensor:
        return self._quarter(self.global_net.heads[0](self._pyramid(image)[0]), image)

    def _pyramid(self, image: Tensor) -> list[Tensor]:
        return self.global_net.pyramid(self.backbone(image)[-self.config.levels :])

    def _quarter(self, heatmaps: Tensor, image: Tensor) -> Tensor:
        size_hw = (int(image.shape[2]) // _STRIDE, int(image.shape[3]) // _STRIDE)
        return enlarged(heatmaps, size_hw, self.config.global_net.resize)
