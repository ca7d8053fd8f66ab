"""Parameters, multiply-accumulates and depth of a network, counted on its convolutions.

The papers of CPN give MACs / 2**30 and call them FLOPs, and MB of 2**20 bytes at 4 bytes per
parameter; heads that only training uses are not counted. Both units are given here, so that no one
has to guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


@dataclass(frozen=True, slots=True)
class Cost:
    """What one forward pass of one picture costs.

    Attributes:
        macs: Multiply-accumulates of all convolutions.
        parameters: Parameters of the modules that ran.
        depth: Convolutions on the longest way from the picture to the answer.
    """

    macs: int
    parameters: int
    depth: int

    @property
    def paper_g(self) -> float:
        """MACs / 2**30, the unit of the CPN paper and slides."""
        return self.macs / 2**30

    @property
    def giga_macs(self) -> float:
        """MACs / 1e9."""
        return self.macs / 1e9

    @property
    def megabytes(self) -> float:
        """Size of the parameters in float32, in 2**20 bytes, as the papers count it."""
        return 4 * self.parameters / 2**20


def cost(network: nn.Module, size_wh: tuple[int, int]) -> Cost:
    """Count one forward pass of `network` on one (1, 3, H, W) picture."""
    macs = 0
    seen: dict[int, int] = {}

    def count(module: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal macs
        for parameter in module.parameters(recurse=False):
            seen[id(parameter)] = parameter.numel()
        if isinstance(module, nn.Conv2d):
            kernel = module.kernel_size[0] * module.kernel_size[1]
            macs += output.numel() * kernel * module.in_channels // module.groups

    # On the meta device shapes are computed and numbers are not: milliseconds for any network.
    probe = deepcopy(network).to("meta").eval()
    depths = _Depths()
    with _watched(probe, count), torch.no_grad(), depths:
        answer = probe(torch.zeros(1, 3, size_wh[1], size_wh[0], device="meta"))
    return Cost(macs, sum(seen.values()), depths.of(answer))


class _Depths(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows every tensor of a pass: how many convolutions lie behind it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # The tensor is kept beside its depth, or another one could get its id.
        self._behind: dict[int, tuple[int, Tensor]] = {}

    def of(self, values: object) -> int:
        """The deepest tensor among the values, containers of them included; 0 for none."""
        return max(
            (self._behind[id(t)][0] for t in _tensors(values) if id(t) in self._behind), default=0
        )

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        answer = func(*args, **(kwargs or {}))
        depth = self.of(args) + (func is torch.ops.aten.convolution.default)
        for tensor in _tensors(answer):
            self._behind[id(tensor)] = (depth, tensor)
        return answer


def _tensors(values: object) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from _tensors(value)


@contextmanager
def _watched(network: nn.Module, hook: Any) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module in network.modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
