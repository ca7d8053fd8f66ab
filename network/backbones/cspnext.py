"""CSPNeXt-nano and its PAFPN: the trunk of RTMDet (Lyu et al., arXiv 2212.07784, section 3.2).

A feature pyramid for any input whose sides are multiples of 32. There is no BatchNorm: it is folded
into the convolutions' biases, as in the file that the weights start from, so training keeps it
folded too. It knows nothing of boxes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pose.errors import ModelFileError, UnavailableError


@dataclass(frozen=True)
class CspNextConfig:
    """Widths and depths; the defaults are RTMDet-nano's.

    Attributes:
        widths: Channels after the stem and after each of the four stages (strides 2 to 32).
        depths: Residual blocks per stage.
    """

    widths: tuple[int, int, int, int, int] = (16, 32, 64, 128, 256)
    depths: tuple[int, int, int, int] = (1, 2, 2, 1)


class ConvAct(nn.Sequential):
    """Convolution with bias, then SiLU; keeps the size at stride 1."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
        super().__init__(conv, nn.SiLU(inplace=True))


class Separable(nn.Sequential):
    """Depthwise, then 1x1 convolution, SiLU after both."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            ConvAct(inputs, inputs, kernel, stride, groups=inputs), ConvAct(inputs, outputs)
        )


class Block(nn.Module):
    """3x3, then separable 5x5 convolution, with a shortcut inside the backbone."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.conv1 = Separable(channels, channels, 3)
        self.conv2 = Separable(channels, channels, 5)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> the same shape."""
        y: Tensor = self.conv2(self.conv1(x))
        return x + y if self.shortcut else y


class ChannelAttention(nn.Module):
    """Scale each channel by what its mean over the picture says."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> the same shape."""
        return x * functional.hardsigmoid(self.fc(functional.adaptive_avg_pool2d(x, 1)))


class CspLayer(nn.Module):
    """Half of the channels through blocks, half past them (cross-stage partial layer)."""

    def __init__(
        self, inputs: int, outputs: int, depth: int, shortcut: bool, attention: bool
    ) -> None:
        super().__init__()
        half = outputs // 2
        self.short_conv = ConvAct(inputs, half)
        self.main_conv = ConvAct(inputs, half)
        self.blocks = nn.Sequential(*(Block(half, shortcut) for _ in range(depth)))
        self.attention = ChannelAttention(outputs) if attention else nn.Identity()
        self.final_conv = ConvAct(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) -> (N, outputs, h, w)."""
        short = self.short_conv(x)
        joined = torch.cat([self.blocks(self.main_conv(x)), short], 1)
        out: Tensor = self.final_conv(self.attention(joined))
        return out


class PyramidPooling(nn.Module):
    """Maxima over 5, 9 and 13 pixels beside the features themselves (SPP)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvAct(channels, channels // 2)
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.conv2 = ConvAct(channels * 2, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> the same shape."""
        one = self.conv1(x)
        five = self.pool(one)
        nine = self.pool(five)  # a maximum of maxima: the same as a window of 9, and cheaper
        out: Tensor = self.conv2(torch.cat([one, five, nine, self.pool(nine)], 1))
        return out


class CspNext(nn.Module):
    """The backbone: a frame to features of strides 8, 16 and 32."""

    def __init__(self, config: CspNextConfig | None = None) -> None:
        super().__init__()
        config = config or CspNextConfig()
        widths, depths = config.widths, config.depths
        self.stem = nn.Sequential(
            ConvAct(3, widths[0] // 2, 3, stride=2),
            ConvAct(widths[0] // 2, widths[0] // 2, 3),
            ConvAct(widths[0] // 2, widths[0], 3),
        )
        self.stages = nn.ModuleList()
        for level in range(4):
            inputs, outputs, last = widths[level], widths[level + 1], level == 3
            stage: list[nn.Module] = [Separable(inputs, outputs, 3, stride=2)]
            stage += [PyramidPooling(outputs)] if last else []
            stage += [CspLayer(outputs, outputs, depths[level], not last, attention=True)]
            self.stages.append(nn.Sequential(*stage))

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Extract features.

        Args:
            frames: (N, 3, H, W) float32, normalised as the card says; H and W multiples of 32.

        Returns:
            (N, C, H/8, W/8), (N, 2C, H/16, W/16), (N, 4C, H/32, W/32).
        """
        x = self.stem(frames)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features[1], features[2], features[3]


class CspPafpn(nn.Module):
    """The neck: deep features go up to the fine levels, then down again (PAFPN)."""

    def __init__(self, config: CspNextConfig | None = None) -> None:
        super().__init__()
        _, _, fine, middle, deep = (config or CspNextConfig()).widths
        # registered in the order of the forward pass: `load_in_order` counts on it
        self.reduce_deep = ConvAct(deep, middle)
        self.top_down_middle = CspLayer(2 * middle, middle, 1, shortcut=False, attention=False)
        self.reduce_middle = ConvAct(middle, fine)
        self.top_down_fine = CspLayer(2 * fine, fine, 1, shortcut=False, attention=False)
        self.down_fine = Separable(fine, fine, 3, stride=2)
        self.bottom_up_middle = CspLayer(2 * fine, middle, 1, shortcut=False, attention=False)
        self.down_middle = Separable(middle, middle, 3, stride=2)
        self.bottom_up_deep = CspLayer(2 * middle, deep, 1, shortcut=False, attention=False)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Mix the levels of `CspNext`; shapes stay as they are."""
        fine, middle, deep = features
        deep_lateral = self.reduce_deep(deep)
        middle = self.top_down_middle(torch.cat([_twice(deep_lateral), middle], 1))
        middle_lateral = self.reduce_middle(middle)
        fine = self.top_down_fine(torch.cat([_twice(middle_lateral), fine], 1))
        middle = self.bottom_up_middle(torch.cat([self.down_fine(fine), middle_lateral], 1))
        deep = self.bottom_up_deep(torch.cat([self.down_middle(middle), deep_lateral], 1))
        return fine, middle, deep


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


Weights = tuple[np.ndarray, np.ndarray]


def convolutions_of(path: Path, prefix: str) -> list[Weights]:
    """Read an ONNX file's convolutions whose node names start with a prefix, in graph order.

    Args:
        path: ONNX file with readable node names and folded BatchNorm.
        prefix: `/backbone/`, `/neck/`, …

    Returns:
        One (weight (O, I, k, k), bias (O,)) pair of float32 per convolution.

    Raises:
        UnavailableError: The package onnx is not installed.
        ModelFileError: No such file, not ONNX, or no such convolutions.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise UnavailableError(
            "reading ONNX weights needs onnx: pip install -e .[train]"
        ) from error
    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # OSError, or protobuf's own, which has no stubs
        raise ModelFileError(f"{path}: expected an ONNX file to start from, {error}") from error
    stored = {tensor.name: tensor for tensor in graph.initializer}
    nodes = [n for n in graph.node if n.op_type == "Conv" and n.name.startswith(prefix)]
    if not nodes:
        raise ModelFileError(f"{path}: expected convolutions named {prefix}…, found none")
    return [
        (numpy_helper.to_array(stored[n.input[1]]), numpy_helper.to_array(stored[n.input[2]]))
        for n in nodes
    ]


def load_in_order(module: nn.Module, weights: Sequence[Weights]) -> None:
    """Fill a module's convolutions, in the order of registration, and check every shape.

    Raises:
        ModelFileError: The number of convolutions or a shape differs.
    """
    convolutions = list(_convolutions(module))
    if len(convolutions) != len(weights):
        raise ModelFileError(
            f"expected {len(convolutions)} convolutions, got {len(weights)}: another architecture"
        )
    with torch.no_grad():
        for (name, conv), (weight, bias) in zip(convolutions, weights, strict=True):
            if conv.weight.shape != weight.shape or conv.bias is None:
                raise ModelFileError(
                    f"{name}: expected {tuple(conv.weight.shape)}, got {weight.shape}"
                )
            conv.weight.copy_(torch.from_numpy(weight.copy()))
            conv.bias.copy_(torch.from_numpy(bias.copy()))


def _convolutions(module: nn.Module) -> Iterator[tuple[str, nn.Conv2d]]:
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d):
            yield name, part
