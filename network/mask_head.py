"""The person-mask head: segmentation supervision of GlobalNet's features, for training only.

The slides of the 2017 challenge name the technique and its gain (0.2 to 0.6 AP) and nothing else;
tf-cpn has only an empty hook. This design is ours: every level of the pyramid says where the person
is, as in panoptic feature pyramids (Kirillov et al., CVPR 2019, section 3), so that the gradient
reaches all of it. `Cpn.forward` never comes here, so an exported graph knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.resize import ResizeRule, enlarged


@dataclass(frozen=True, slots=True)
class MaskHeadConfig:
    """Width of the head, and how coarse levels are enlarged."""

    channels: int = 64
    resize: ResizeRule = "align_corners"


class MaskHead(nn.Module):
    """P2..P5 -> (N, h, w) logits of the person's mask, at the size of P2.

    Args:
        in_channels: Of each level, finest first.
        config: Width and resize rule.
    """

    def __init__(self, in_channels: Sequence[int], config: MaskHeadConfig) -> None:
        super().__init__()
        self.config = config
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs, config.channels, 1, bias=False), nn.BatchNorm2d(config.channels)
            )
            for inputs in in_channels
        )
        self.predict = nn.Conv2d(config.channels, 1, 3, 1, 1)

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        size_hw = (int(pyramid[0].shape[2]), int(pyramid[0].shape[3]))
        seen = [
            enlarged(level(x), size_hw, self.config.resize)
            for level, x in zip(self.levels, pyramid, strict=True)
        ]
        logits: Tensor = self.predict(F.relu(torch.stack(seen).sum(dim=0)))
        return logits[:, 0]
