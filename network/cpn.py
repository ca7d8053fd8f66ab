"""The Cascaded Pyramid Network: backbone, GlobalNet, RefineNet.

Source: Chen et al., "Cascaded Pyramid Network for Multi-Person Pose Estimation", CVPR 2018,
figure 1. `Cpn` is the paper's network on a ResNet; `LiteCpn` stands on Lite-HRNet, whose own
top-down pyramid takes the place of GlobalNet's laterals and merges.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor, nn

from network.backbones import make_backbone
from network.backbones.lite_hrnet import LiteHrnet, LiteHrnetConfig
from network.backbones.lite_hrnet_folded import folded
from network.backbones.resnet import ResnetConfig
from network.global_net import GlobalNet, GlobalNetConfig
from network.mask_head import MaskHead, MaskHeadConfig
from network.refine_net import RefineNet, RefineNetConfig
from network.refine_net_folded import FoldedRefineNet
from network.resize import enlarged


class CpnOutput(NamedTuple):
    """What the loss looks at.

    Attributes:
        levels: GlobalNet's heatmaps of P2..P5, each (N, K, h, w), finest first. Of a stacked
            hourglass: every stage's, in order, the last included.
        refined: The answer (N, K, h, w): RefineNet's heatmaps; without one, one of `levels`.
        mask: Logits of the person's mask (N, h, w), where a head for it trains along.
    """

    levels: list[Tensor]
    refined: Tensor
    mask: Tensor | None = None


@dataclass(frozen=True, slots=True)
class CpnConfig:
    """Everything that is needed to build a `Cpn` again.

    Attributes:
        backbone: Configuration of any of `network.backbones.BACKBONES`.
        global_net: Of the pyramid.
        refine_net: Of what stands on it.
        mask_head: Of the segmentation supervision; None for none. It never costs when answering.
    """

    backbone: Any = field(default_factory=ResnetConfig)
    global_net: GlobalNetConfig = field(default_factory=GlobalNetConfig)
    refine_net: RefineNetConfig = field(default_factory=RefineNetConfig)
    mask_head: MaskHeadConfig | None = None


class Cpn(nn.Module):
    """(N, 3, H, W) image -> heatmaps (N, K, H/4, W/4); `all_heatmaps` adds GlobalNet's."""

    def __init__(self, config: CpnConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or CpnConfig()
        self.backbone, widths = make_backbone(config.backbone)
        self.global_net = GlobalNet(widths, config.global_net)
        self.refine_net = RefineNet(config.refine_net)
        self.mask_head: MaskHead | None = None
        if config.mask_head is not None:
            self.mask_head = MaskHead([config.global_net.channels] * len(widths), config.mask_head)

    def all_heatmaps(self, image: Tensor) -> CpnOutput:
        """Heatmaps of every stage, and the mask where a head for it trains; for the loss."""
        pyramid = self.global_net.pyramid(self.backbone(image))
        mask = None if self.mask_head is None else self.mask_head(pyramid)
        return CpnOutput(self.global_net.heatmaps(pyramid), self.refine_net(pyramid), mask)

    def forward(self, image: Tensor) -> Tensor:
        refined: Tensor = self.refine_net(self.global_net.pyramid(self.backbone(image)))
        return refined


@dataclass(frozen=True, slots=True)
class LiteCpnConfig:
    """Everything that is needed to build a `LiteCpn` again."""

    backbone: LiteHrnetConfig = field(default_factory=LiteHrnetConfig)
    keypoints: int = 17
    level_channels: int = 40
    final_channels: int = 32
    final_squeeze: int = 16
    bottlenecks: tuple[int, int, int, int] = (0, 1, 2, 3)


class LiteCpn(nn.Module):
    """A CPN for CPUs: Lite-HRNet's pyramid as GlobalNet, with our RefineNet on top.

    RefineNet answers a correction of GlobalNet's finest heatmaps, and none at first: a network
    that starts from a teacher's pyramid and head is as good as the teacher before the first step,
    where one that predicts anew needs hours on a CPU to get there.
    """

    def __init__(self, config: LiteCpnConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LiteCpnConfig()
        self.backbone = LiteHrnet(config.backbone)
        channels = self.backbone.out_channels
        self.heads = nn.ModuleList(nn.Conv2d(width, config.keypoints, 1) for width in channels)
        self.refine_net: nn.Module = RefineNet(
            RefineNetConfig(
                in_channels=channels,
                level_channels=config.level_channels,
                final_channels=config.final_channels,
                final_squeeze=config.final_squeeze,
                bottlenecks=config.bottlenecks,
                keypoints=config.keypoints,
            )
        )
        assert isinstance(self.refine_net, RefineNet)
        *_, last_norm = self.refine_net.predict.children()
        assert isinstance(last_norm, nn.BatchNorm2d)
        nn.init.zeros_(last_norm.weight)

    def heatmaps(self, pyramid: list[Tensor]) -> CpnOutput:
        """Heatmaps of every stage from the pyramid; those of coarse levels are for the loss."""
        size_hw = (int(pyramid[0].shape[2]), int(pyramid[0].shape[3]))
        levels = [
            enlarged(head(x), size_hw, "align_corners")
            for head, x in zip(self.heads, pyramid, strict=True)
        ]
        return CpnOutput(levels, levels[0] + self.refine_net(pyramid))

    def all_heatmaps(self, image: Tensor) -> CpnOutput:
        """Heatmaps of every stage, for the loss."""
        return self.heatmaps(self.backbone(image))

    def forward(self, image: Tensor) -> Tensor:
        pyramid = self.backbone(image)
        refined: Tensor = self.heads[0](pyramid[0]) + self.refine_net(pyramid)
        return refined

    def export(self) -> LiteCpn:
        """A copy with its parts folded, for the ONNX file: the same answers in less time."""
        deployed = copy.deepcopy(self).eval()
        deployed.backbone = folded(self.backbone)
        assert isinstance(deployed.refine_net, RefineNet)
        deployed.refine_net = FoldedRefineNet(deployed.refine_net)
        return deployed
