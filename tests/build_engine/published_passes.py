"""The two published forward passes, stated once more from the project's facts, without network/.

Everything is spelled out in float64: each code's own names, order of axes, padding, resize and
BatchNorm. A pass asks its weights for each tensor by name and shape; asked for the first time, they
are random, so one run over an image also makes a whole checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

BLOCKS = (3, 4, 6, 3)  # ResNet-50
LEVELS = (2, 3, 4, 5)  # C2..C5


class Weights:
    """Tensors by name, drawn when they are first asked for."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.tensors: dict[str, np.ndarray] = {}

    def draw(self, name: str, shape: tuple[int, ...], low: float, high: float) -> Tensor:
        """Evenly from `low` to `high`."""
        if name not in self.tensors:
            values = self._random.uniform(low, high, shape).astype(np.float32)
            self.tensors[name] = values
        assert self.tensors[name].shape == shape, name
        return torch.from_numpy(self.tensors[name]).double()

    def convolution(self, name: str, shape: tuple[int, ...], inputs_and_pixels: int) -> Tensor:
        """As loud as what goes in."""
        reach = (6 / inputs_and_pixels) ** 0.5
        return self.draw(name, shape, -reach, reach)


def normalised(x: Tensor, gain: Tensor, shift: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """What BatchNorm does once it is trained; `variance` with its epsilon."""
    columns = (each[None, :, None, None] for each in (gain, shift, mean, variance))
    gain, shift, mean, variance = columns
    return (x - mean) / variance.sqrt() * gain + shift


def resized(x: Tensor, size_hw: Sequence[int], aligned: bool) -> Tensor:
    """Bilinear: corners on corners, or output i at input i * old / new (TensorFlow 1)."""
    for axis, new in ((2, size_hw[0]), (3, size_hw[1])):
        old = x.shape[axis]
        step = (old - 1) / (new - 1) if aligned else old / new
        places = torch.arange(new, dtype=torch.float64) * step
        low = places.floor().clamp(0, old - 1).long()
        high = (low + 1).clamp(max=old - 1)
        part = (places - low).reshape((-1, 1) if axis == 2 else (1, -1))
        x = x.index_select(axis, low) * (1 - part) + x.index_select(axis, high) * part
    return x


def pytorch_cpn(
    weights: Weights, image: Tensor, biased_merges: bool = False
) -> tuple[list[Tensor], Tensor]:
    """(N, 3, H, W) RGB -> GlobalNet's heatmaps, C5's first, and RefineNet's.

    An earlier state of that code gave the convolutions between levels a bias too.
    """

    def conv(x: Tensor, name: str, outputs: int, side: int, stride: int = 1) -> Tensor:
        shape = (outputs, x.shape[1], side, side)
        weight = weights.convolution(f"{name}.weight", shape, x.shape[1] * side * side)
        return F.conv2d(x, weight, None, stride, side // 2)

    def norm(x: Tensor, name: str, last: bool = False) -> Tensor:
        count, quiet = (x.shape[1],), 1e-4 if last else 1.0  # so quiet that epsilon matters
        gain = weights.draw(f"{name}.weight", count, 0.2 * quiet**0.5, 0.6 * quiet**0.5)
        shift = weights.draw(f"{name}.bias", count, -0.2, 0.2)
        mean = weights.draw(f"{name}.running_mean", count, -0.2, 0.2)
        variance = weights.draw(f"{name}.running_var", count, 0.5 * quiet, 1.5 * quiet)
        return normalised(x, gain, shift, mean, variance + 1e-5)

    def bottleneck(
        x: Tensor, name: str, width: int, outputs: int, stride: int, shortcut: bool
    ) -> Tensor:
        y = norm(conv(x, f"{name}.conv1", width, 1), f"{name}.bn1").relu()
        y = norm(conv(y, f"{name}.conv2", width, 3, stride), f"{name}.bn2").relu()
        y = norm(conv(y, f"{name}.conv3", outputs, 1), f"{name}.bn3")
        if shortcut:
            x = conv(x, f"{name}.downsample.0", outputs, 1, stride)
            x = norm(x, f"{name}.downsample.1")
        return (x + y).relu()

    x = norm(conv(image, "resnet.conv1", 64, 7, 2), "resnet.bn1").relu()
    x = F.max_pool2d(x, 3, 2, 1)
    features = []
    for stage, count in enumerate(BLOCKS):
        for index in range(count):
            name, width = f"resnet.layer{stage + 1}.{index}", 64 * 2**stage
            stride = 2 if stage and index == 0 else 1
            x = bottleneck(x, name, width, 4 * width, stride, shortcut=index == 0)
        features.append(x)

    quarter_hw = features[0].shape[2:]
    merged: list[Tensor] = []
    heatmaps = []
    for i, feature in enumerate(reversed(features)):
        x = norm(conv(feature, f"global_net.laterals.{i}.0", 256, 1), f"global_net.laterals.{i}.1")
        x = x.relu()
        if merged:
            up = resized(merged[-1], x.shape[2:], aligned=True)
            up = conv(up, f"global_net.upsamples.{i - 1}.1", 256, 1)
            if biased_merges:
                bias = weights.draw(f"global_net.upsamples.{i - 1}.1.bias", (256,), -0.2, 0.2)
                up = up + bias[None, :, None, None]
            x = x + norm(up, f"global_net.upsamples.{i - 1}.2")
        merged.append(x)
        name = f"global_net.predict.{i}"
        y = norm(conv(x, f"{name}.0", 256, 1), f"{name}.1").relu()
        y = resized(conv(y, f"{name}.3", 17, 3), quarter_hw, aligned=True)
        heatmaps.append(norm(y, f"{name}.5"))

    joined = []
    for i, x in enumerate(merged):
        for j in range(3 - i):
            x = bottleneck(x, f"refine_net.cascade.{i}.{j}", 128, 256, 1, shortcut=True)
        joined.append(resized(x, quarter_hw, aligned=True))
    x = torch.cat(joined, dim=1)  # the coarsest first
    x = bottleneck(x, "refine_net.final_predict.0", 128, 256, 1, shortcut=True)
    x = conv(x, "refine_net.final_predict.1", 17, 3)
    return heatmaps, norm(x, "refine_net.final_predict.2", last=True)


def tf_cpn(weights: Weights, image: Tensor) -> tuple[list[Tensor], Tensor]:
    """(N, 3, H, W) BGR -> GlobalNet's heatmaps, C5's first, and RefineNet's."""

    def conv(
        x: Tensor, name: str, outputs: int, side: int, stride: int = 1, bias: bool = False
    ) -> Tensor:
        shape = (side, side, x.shape[1], outputs)  # height, width, inputs, outputs
        weight = weights.convolution(f"{name}/weights", shape, x.shape[1] * side * side)
        shift = weights.draw(f"{name}/biases", (outputs,), -0.2, 0.2) if bias else None
        around = side // 2  # slim pads by hand before a stride
        x = F.pad(x, (around, around, around, around))
        return F.conv2d(x, weight.permute(3, 2, 0, 1), shift, stride)

    def norm(x: Tensor, name: str, last: bool = False) -> Tensor:
        count, quiet = (x.shape[1],), 1e-4 if last else 1.0
        scope = f"{name}/BatchNorm"
        gain = weights.draw(f"{scope}/gamma", count, 0.2 * quiet**0.5, 0.6 * quiet**0.5)
        shift = weights.draw(f"{scope}/beta", count, -0.2, 0.2)
        mean = weights.draw(f"{scope}/moving_mean", count, -0.2, 0.2)
        variance = weights.draw(f"{scope}/moving_variance", count, 0.5 * quiet, 1.5 * quiet)
        return normalised(x, gain, shift, mean, variance + 1e-9)

    def unit(
        x: Tensor, name: str, outputs: int, side: int, stride: int = 1, last: bool = False
    ) -> Tensor:
        return norm(conv(x, name, outputs, side, stride), name, last)

    def bottleneck(x: Tensor, name: str, width: int, outputs: int, stride: int) -> Tensor:
        y = unit(x, f"{name}/conv1", width, 1).relu()
        y = unit(y, f"{name}/conv2", width, 3, stride).relu()
        y = unit(y, f"{name}/conv3", outputs, 1)
        if x.shape[1] != outputs:  # else the input itself
            x = unit(x, f"{name}/shortcut", outputs, 1, stride)
        return (x + y).relu()

    x = unit(image, "resnet_v1_50/conv1", 64, 7, 2).relu()
    x = F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 2)  # zeros: nothing is below them after a ReLU
    features = []
    for block, count in enumerate(BLOCKS, start=1):
        for index in range(1, count + 1):
            name, width = f"resnet_v1_50/block{block}/unit_{index}/bottleneck_v1", 32 * 2**block
            x = bottleneck(x, name, width, 4 * width, 2 if block > 1 and index == 1 else 1)
        features.append(x)

    quarter_hw = features[0].shape[2:]
    merged: list[Tensor] = []
    heatmaps = []
    for level, feature in zip(reversed(LEVELS), reversed(features), strict=True):
        x = unit(feature, f"lateral/res{level}", 256, 1).relu()
        if merged:
            up = resized(merged[-1], x.shape[2:], aligned=False)
            x = x + conv(up, f"merge/res{level}", 256, 1, bias=True)
        merged.append(x)
        y = unit(x, f"tmp/res{level}", 256, 1).relu()
        y = unit(y, f"pyramid/res{level}", 17, 3)
        heatmaps.append(resized(y, quarter_hw, aligned=False))

    joined = []  # the finest first
    for level, x in zip(LEVELS, reversed(merged), strict=True):
        for index in range(level - 2):
            x = bottleneck(x, f"res{level}/refine_conv{index}", 128, 256, 1)
        joined.append(resized(x, quarter_hw, aligned=False))
    x = bottleneck(torch.cat(joined, dim=1), "final_bottleneck", 128, 256, 1)
    return heatmaps, unit(x, "refine_out", 17, 3, last=True)
