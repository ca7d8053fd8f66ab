"""Parameters and multiply-accumulates of a network, counted on its convolutions.

The papers of CPN give MACs / 2**30 and call them FLOPs; heads that only training uses are not
counted. Both units are given here, so that no one has to guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class Cost:
    """What one forward pass of one picture costs.

    Attributes:
        macs: Multiply-accumulates of all convolutions.
        parameters: Parameters of the modules that ran.
    """

    macs: int
    parameters: int

    @property
    def paper_g(self) -> float:
        """MACs / 2**30, the unit of the CPN paper and slides."""
        return self.macs / 2**30

    @property
    def giga_macs(self) -> float:
        """MACs / 1e9."""
        return self.macs / 1e9


def cost(network: nn.Module, size_wh: tuple[int, int]) -> Cost:
    """Count one forward pass of `network` on one (1, 3, H, W) picture."""
    macs = 0
    seen: dict[int, int] = {}

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal macs
        for parameter in module.parameters(recurse=False):
            seen[id(parameter)] = parameter.numel()
        if isinstance(module, nn.Conv2d):
            kernel = module.kernel_size[0] * module.kernel_size[1]
            macs += output.numel() * kernel * module.in_channels // module.groups

    # On the meta device shapes are computed and numbers are not: milliseconds for any network.
    probe = deepcopy(network).to("meta").eval()
    with _watched(probe, count), torch.no_grad():
        probe(torch.zeros(1, 3, size_wh[1], size_wh[0], device="meta"))
    return Cost(macs, sum(seen.values()))


@contextmanager
def _watched(network: nn.Module, hook: Any) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module in network.modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
