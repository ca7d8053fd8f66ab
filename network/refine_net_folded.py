"""RefineNet as it is deployed: the same answers, with less to do at the finest level.

The last bottleneck begins with two 1x1 convolutions over all levels, enlarged and joined. Such a
convolution may as well come before a map is enlarged, where there are fewer pixels; then the levels
need not be joined, only added up. BatchNorm goes into the weights.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.refine_net import RefineNet
from network.resize import enlarged


class FoldedRefineNet(nn.Module):
    """As `RefineNet.forward`; made of one whose levels are enlarged with aligned corners."""

    def __init__(self, network: RefineNet) -> None:
        super().__init__()
        final = network.final
        assert final.projection is not None
        self.cascade = copy.deepcopy(network.cascade)
        self.conv2, self.bn2 = copy.deepcopy(final.conv2), copy.deepcopy(final.bn2)
        self.conv3, self.bn3 = copy.deepcopy(final.conv3), copy.deepcopy(final.bn3)
        self.predict = copy.deepcopy(network.predict)
        self._sizes = [int(final.conv1.out_channels), int(final.conv3.out_channels)]
        projection, norm = final.projection
        assert isinstance(projection, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        narrow, wide = _without_norm(final.conv1, final.bn1), _without_norm(projection, norm)
        weight = torch.cat([narrow[0], wide[0]])
        self.levels = nn.ModuleList()
        first = 0
        for inputs, blocks in zip(network.config.in_channels, self.cascade, strict=True):
            channels = network.config.level_channels if len(list(blocks.children())) else inputs
            level = nn.Conv2d(channels, len(weight), 1, bias=first == 0)
            with torch.no_grad():
                level.weight.copy_(weight[:, first : first + channels])
                if level.bias is not None:
                    level.bias.copy_(torch.cat([narrow[1], wide[1]]))
            self.levels.append(level)
            first += channels

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        size_hw = (int(pyramid[0].shape[2]), int(pyramid[0].shape[3]))
        total: Tensor | None = None
        for level, blocks, x in zip(self.levels, self.cascade, pyramid, strict=True):
            part = enlarged(level(blocks(x)), size_hw, "matrices")
            total = part if total is None else total + part
        assert total is not None
        narrow, wide = torch.split(total, self._sizes, dim=1)
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(F.relu(narrow))))))
        refined: Tensor = self.predict(F.relu(y + wide))
        return refined


def _without_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that does its BatchNorm's work as well."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
    weight = conv.weight.detach() * scale[:, None, None, None]
    return weight, norm.bias.detach() - norm.running_mean * scale
