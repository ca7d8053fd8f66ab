"""Lite-HRNet with its top-down pyramid: four resolutions side by side, made of shuffle units.

Source: Yu et al., "Lite-HRNet: A Lightweight High-Resolution Network", CVPR 2021, section 3.1
("wider naive Lite-HRNet"), in the form that PaddleDetection's PP-TinyPose trains. BatchNorm is
folded: every convolution has a bias, because the weights that this network starts from
(PP-TinyPose, Apache-2.0) come that way. Works at any input size that is a multiple of 16.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.resize import ResizeRule, enlarged


@dataclass(frozen=True, slots=True)
class LiteHrnetConfig:
    """Widths and depths; the defaults are PP-TinyPose's.

    Attributes:
        stem: Channels after the stem, at stride 4.
        channels: Channels of the branches at strides 4, 8, 16 and 32.
        modules: Exchange modules in the stages of 2, 3 and 4 branches.
        units: Shuffle units per branch and module.
    """

    stem: int = 32
    channels: tuple[int, int, int, int] = (40, 80, 160, 320)
    modules: tuple[int, int, int] = (2, 4, 2)
    units: int = 2


def _depthwise(channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, stride, 1, groups=channels)


def _separable(inputs: int, outputs: int, stride: int = 1, relu: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [_depthwise(inputs, stride), nn.Conv2d(inputs, outputs, 1)]
    return nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)


def _shuffled(x: Tensor) -> Tensor:
    """Interleave the two halves of the channels (ShuffleNet, Zhang et al., CVPR 2018)."""
    # Plain integers: traced sizes would become a dozen shape operators per shuffle in the file.
    channels, height, width = (int(side) for side in x.shape[1:])
    paired = x.view(-1, 2, channels // 2, height, width)
    return paired.transpose(1, 2).reshape(-1, channels, height, width)


def repeated(x: Tensor, factor: int, size_hw: tuple[int, int]) -> Tensor:
    """(N, C, h, w) with every pixel repeated `factor` times each way, cut to (N, C, *size_hw).

    Where the input is no multiple of 32, the coarsest maps reach a little beyond it.
    """
    large = F.interpolate(x, scale_factor=factor, mode="nearest")
    return large if _size_hw(large) == size_hw else large[:, :, : size_hw[0], : size_hw[1]]


def _size_hw(x: Tensor) -> tuple[int, int]:
    return int(x.shape[2]), int(x.shape[3])


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    half = int(x.shape[1]) // 2
    return x[:, :half], x[:, half:]


class ShuffleUnit(nn.Module):
    """Half of the channels pass; the other half goes through 1x1, depthwise 3x3, 1x1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.expand = nn.Conv2d(half, half, 1)
        self.mix = _separable(half, half)

    def forward(self, x: Tensor) -> Tensor:
        kept, changed = _halves(x)
        return _shuffled(torch.cat([kept, self.mix(F.relu(self.expand(changed)))], dim=1))


class Stem(nn.Module):
    """A strided convolution, then one strided shuffle unit: stride 4."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv = nn.Conv2d(3, channels, 3, 2, 1)
        self.left = _separable(half, half, stride=2)
        self.expand = nn.Conv2d(half, channels, 1)
        self.right = _separable(channels, half, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        left, right = _halves(F.relu(self.conv(x)))
        return _shuffled(torch.cat([self.left(left), self.right(F.relu(self.expand(right)))], 1))


class ExchangeModule(nn.Module):
    """Shuffle units on every branch, then every branch adds what all the others know."""

    def __init__(self, channels: tuple[int, ...], units: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(ShuffleUnit(width) for _ in range(units))) for width in channels
        )
        self.fuse = nn.ModuleDict()
        for target, wanted in enumerate(channels):
            for source, width in enumerate(channels):
                if source > target:
                    self.fuse[f"{target}_{source}"] = nn.Conv2d(width, wanted, 1)
                elif source < target:
                    steps = target - source
                    chain = [_separable(width, width, stride=2) for _ in range(steps - 1)]
                    self.fuse[f"{target}_{source}"] = nn.Sequential(
                        *chain, _separable(width, wanted, stride=2, relu=False)
                    )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        fused: list[Tensor] = []
        for target in range(len(maps)):
            total = maps[target]
            for source, x in enumerate(maps):
                if source == target:
                    continue
                part = self.fuse[f"{target}_{source}"](x)
                if source > target:
                    part = repeated(part, 2 ** (source - target), _size_hw(total))
                total = total + part
                if source == 0:
                    total = total + part
            if target == 0:
                # The published networks add branch 0 twice, and hand its sum, not yet through the
                # ReLU, to the other branches. Their weights expect it.
                total = total + maps[0]
                maps = [total, *maps[1:]]
            fused.append(total)
        return [F.relu(x) for x in fused]


class LiteHrnet(nn.Module):
    """Image to the pyramid that CPN's GlobalNet hands on.

    `forward` returns features at strides 4, 8, 16, 32, finest first: (N, 40, H/4, W/4),
    (N, 40, H/8, W/8), (N, 80, H/16, W/16), (N, 160, H/32, W/32) with the default widths.
    """

    def __init__(self, config: LiteHrnetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LiteHrnetConfig()
        self.resize: ResizeRule = "align_corners"
        widths = config.channels
        self.stem = Stem(config.stem)
        self.transitions = nn.ModuleList(
            _separable(source, width, stride)
            for source, width, stride in (
                (config.stem, widths[0], 1),
                (config.stem, widths[1], 2),
                (widths[1], widths[2], 2),
                (widths[2], widths[3], 2),
            )
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(ExchangeModule(widths[:branches], config.units) for _ in range(count)))
            for branches, count in zip((2, 3, 4), config.modules, strict=True)
        )
        self.pyramid = nn.ModuleList(
            _separable(width, out) for width, out in zip(widths, self.out_channels, strict=True)
        )

    @property
    def out_channels(self) -> tuple[int, int, int, int]:
        """Channels of the answer, finest first."""
        first, second, third, _ = self.config.channels
        return first, first, second, third

    def early(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H, W) normalised RGB -> the three branches after the stage of three."""
        x = self.stem(image)
        maps = [self.transitions[0](x), self.transitions[1](x)]
        for stage, branches in zip(self.stages[:2], (2, 3), strict=True):
            if branches > len(maps):
                maps = [*maps, self.transitions[branches - 1](maps[-1])]
            maps = stage(maps)
        return maps

    def late(self, maps: list[Tensor]) -> list[Tensor]:
        """The answer of `early` -> the pyramid, finest first."""
        maps = [*maps, self.transitions[3](maps[-1])]
        maps = self.stages[2](maps)
        pyramid = [self.pyramid[3](maps[3])]
        for level in (2, 1, 0):
            above = enlarged(pyramid[0], _size_hw(maps[level]), self.resize)
            pyramid.insert(0, self.pyramid[level](maps[level] + above))
        return pyramid

    def forward(self, image: Tensor) -> list[Tensor]:
        return self.late(self.early(image))

    def convolutions_in_published_order(self) -> Iterator[nn.Conv2d]:
        """The convolutions in the order in which PP-TinyPose's ONNX file numbers its tensors.

        That order is a depth-first walk from the output: before each branch come the parts of the
        previous module's fusion that feed it.
        """
        yield from _convolutions(self.stem.conv, self.stem.left, self.stem.expand, self.stem.right)
        previous: ExchangeModule | None = None
        for stage in self.stages:
            for module in stage.children():
                assert isinstance(module, ExchangeModule)
                for branch, units in enumerate(module.branches):
                    fresh = previous is None or branch >= len(previous.branches)
                    if fresh:
                        yield from _convolutions(self.transitions[branch])
                    elif branch > 0:
                        yield from _fusion_into(previous, branch)
                    yield from _convolutions(units)
                    if branch > 0:
                        yield from _convolutions(module.fuse[f"0_{branch}"])
                previous = module
        for branch in range(1, len(self.config.channels)):
            yield from _fusion_into(previous, branch)
        for level in reversed(self.pyramid):
            yield from _convolutions(level)


def _fusion_into(module: ExchangeModule | None, target: int) -> Iterator[nn.Conv2d]:
    assert module is not None
    for source in range(len(module.branches)):
        if source != target:
            yield from _convolutions(module.fuse[f"{target}_{source}"])


def _convolutions(*modules: nn.Module) -> Iterator[nn.Conv2d]:
    for module in modules:
        yield from (part for part in module.modules() if isinstance(part, nn.Conv2d))


def load_tinypose(
    network: LiteHrnet, tensors: Mapping[str, npt.NDArray[np.float32]]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Start from PP-TinyPose's weights.

    Args:
        network: Default configuration; its tensors are replaced.
        tensors: Initialisers of the ONNX file by name: weights `P.w<number>`, biases `P.c<number>`.

    Returns:
        Weight (17, 40, 1, 1) and bias (17,) of PP-TinyPose's own last convolution.

    Raises:
        ValueError: Another count or shape of tensors than this network has.
    """
    weights, biases = (
        [tensors[name] for name in sorted(_numbered(tensors, kind), key=lambda name: int(name[3:]))]
        for kind in ("P.w", "P.c")
    )
    targets = list(network.convolutions_in_published_order())
    if len(weights) != len(biases) or len(weights) != len(targets) + 1:
        raise ValueError(
            f"expected {len(targets) + 1} weights and biases, got {len(weights)}, {len(biases)}"
        )
    with torch.no_grad():
        for conv, weight, bias in zip(targets, weights[:-1], biases[:-1], strict=True):
            if conv.bias is None or tuple(conv.weight.shape) != weight.shape:
                raise ValueError(f"expected {tuple(conv.weight.shape)}, got {weight.shape}")
            conv.weight.copy_(torch.from_numpy(weight.copy()))
            conv.bias.copy_(torch.from_numpy(bias.reshape(-1).copy()))
    return weights[-1], biases[-1].reshape(-1)


def _numbered(tensors: Mapping[str, npt.NDArray[np.float32]], kind: str) -> list[str]:
    return [name for name in tensors if name.startswith(kind) and tensors[name].ndim == 4]
