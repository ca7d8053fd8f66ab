"""Lite-HRNet as it is deployed: the same answers from fewer operators.

A shuffle unit splits, concatenates, and interleaves channels; on a CPU these copies cost a third of
the network's time. Two units in a row can do with half of them: what the second unit changes is
never picked out, because its 1x1 convolution also takes what the first unit made and only passes,
with weights of zero, and has its inputs in whatever order is cheap.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.backbones.lite_hrnet import ExchangeModule, LiteHrnet, ShuffleUnit, repeated


class FoldedUnits(nn.Module):
    """Two shuffle units: (N, C, h, w), not negative -> the same; C a multiple of 4."""

    order: Tensor

    def __init__(self, first: ShuffleUnit, second: ShuffleUnit) -> None:
        super().__init__()
        self.first, self.second = copy.deepcopy(first), copy.deepcopy(second)
        half = int(first.expand.weight.shape[0])
        quarter = half // 2
        # The second unit changes passed and new channels in turn.
        weight, bias = self.second.expand.weight.detach(), self.second.expand.bias
        assert bias is not None
        self.again = nn.Conv2d(quarter + half, half, 1)
        assert self.again.bias is not None
        with torch.no_grad():
            self.again.weight.zero_()
            self.again.weight[:, :quarter] = weight[:, 0::2]
            self.again.weight[:, 2 * quarter :] = weight[:, 1::2]
            self.again.bias.copy_(bias)
        del self.second.expand
        # Where the answer's channels lie in (passed twice, new, newest).
        passed = torch.stack([torch.arange(quarter), quarter + torch.arange(quarter)], 1).flatten()
        order = torch.stack([passed, quarter + half + torch.arange(half)], 1).flatten()
        self.register_buffer("order", order, persistent=False)
        self._sizes = [quarter, quarter, half]

    def forward(self, x: Tensor) -> Tensor:
        twice, once, changed = torch.split(x, self._sizes, dim=1)
        new = self.first.mix(F.relu(self.first.expand(changed)))
        newest = self.second.mix(F.relu(self.again(torch.cat([once, new], dim=1))))
        return torch.index_select(torch.cat([twice, new, newest], dim=1), 1, self.order)


class FoldedExchange(nn.Module):
    """An exchange module whose coarse maps are enlarged once, after they were added up.

    Enlarging by nearest pixels in two steps is the same as in one, so what comes from stride 32
    joins what comes from stride 16 before both grow. Branch 0, which counts twice, has the factor
    in its weights.
    """

    def __init__(self, module: ExchangeModule) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*_pairs(list(branch.children()))) for branch in module.branches
        )
        self.fuse = copy.deepcopy(module.fuse)
        for target in range(1, len(self.branches)):
            *_, last = (m for m in self.fuse[f"{target}_0"].modules() if isinstance(m, nn.Conv2d))
            assert last.bias is not None
            last.weight.data *= 2
            last.bias.data *= 2

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        fused: list[Tensor] = []
        for target in range(len(maps)):
            total = maps[target] * 2 if target == 0 else maps[target]
            for source in range(target):
                total = total + self.fuse[f"{target}_{source}"](maps[source])
            coarse: Tensor | None = None
            for source in range(len(maps) - 1, target, -1):
                part = self.fuse[f"{target}_{source}"](maps[source])
                coarse = part if coarse is None else part + _doubled(coarse, part)
            if coarse is not None:
                total = total + _doubled(coarse, total)
            if target == 0:
                maps = [total, *maps[1:]]
            fused.append(total)
        return [F.relu(x) for x in fused]


def _doubled(x: Tensor, like: Tensor) -> Tensor:
    return repeated(x, 2, (int(like.shape[2]), int(like.shape[3])))


def folded(network: LiteHrnet) -> LiteHrnet:
    """A copy of the network in its folded form; for inference only."""
    deployed = copy.deepcopy(network)
    deployed.resize = "matrices"
    for number, stage in enumerate(deployed.stages):
        modules = [m for m in stage.children() if isinstance(m, ExchangeModule)]
        deployed.stages[number] = nn.Sequential(*(FoldedExchange(m) for m in modules))
    return deployed.eval()


def _pairs(units: list[nn.Module]) -> list[nn.Module]:
    made: list[nn.Module] = []
    while units:
        first, *rest = units
        second = rest[0] if rest else None
        if isinstance(first, ShuffleUnit) and isinstance(second, ShuffleUnit) and _even(first):
            made.append(FoldedUnits(first, second))
            units = rest[1:]
        else:
            made.append(first)
            units = rest
    return made


def _even(unit: ShuffleUnit) -> bool:
    return int(unit.expand.weight.shape[0]) % 2 == 0
