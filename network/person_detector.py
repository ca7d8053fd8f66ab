"""Person detector: CSPNeXt trunk, PAFPN, and a centre head on strides 8, 16 and 32.

Every cell of a level says whether it is the centre of a person, how far away that centre is, and
how large the person is (after "Objects as Points", Zhou et al. 2019, with a pyramid for size and
two separable convolutions per branch as in RTMDet, Lyu et al. 2022). The ONNX file needs no NMS
operator: `export()` gives plain boxes and scores.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from network.backbones.cspnext import (
    CspNext,
    CspNextConfig,
    CspPafpn,
    Separable,
    Weights,
    convolutions_of,
    load_in_order,
)
from pose.card import LONGEST_SIDE
from pose.errors import ModelFileError

STRIDES = (8, 16, 32)
# Offset x, offset y, width, height -> left, top, right, bottom from the cell.
CORNERS = np.array([[1, 0, -0.5, 0], [0, 1, 0, -0.5], [1, 0, 0.5, 0], [0, 1, 0, 0.5]], np.float32)


@dataclass(frozen=True)
class PersonDetectorConfig:
    """Enough to build the network again.

    Attributes:
        trunk: Widths and depths of the trunk.
        head_channels: Channels of both branches of the head.
        prior: Score of every cell before training, unless weights are loaded.
    """

    trunk: CspNextConfig = field(default_factory=CspNextConfig)
    head_channels: int = 64
    prior: float = 0.01


@dataclass(frozen=True)
class LevelMaps:
    """What the head says on one level; all in the cells of that level.

    Attributes:
        centre: (N, 1, h, w) logits of the centre score.
        offset: (N, 2, h, w) x and y from the cell to the box's centre, in strides.
        size: (N, 2, h, w) width and height of the box, in strides. Linear and not a logarithm:
            the teacher's four sides are linear, so its weights carry over exactly, and the IoU
            loss sees large and small people alike.
        stride: Input pixels per cell.
    """

    centre: Tensor
    offset: Tensor
    size: Tensor
    stride: int


class CentreLevel(nn.Module):
    """The head of one level."""

    def __init__(self, inputs: int, channels: int, prior: float) -> None:
        super().__init__()
        # registered in the order of the teacher's graph
        self.lateral = Separable(inputs, channels)
        self.score_branch = nn.Sequential(
            Separable(channels, channels), Separable(channels, channels)
        )
        self.centre = nn.Conv2d(channels, 1, 1)
        self.box_branch = nn.Sequential(
            Separable(channels, channels), Separable(channels, channels)
        )
        self.box = nn.Conv2d(channels, 4, 1)
        self.centre.bias = nn.Parameter(torch.tensor([prior]).logit())
        nn.init.normal_(self.box.weight, std=0.01)
        # a box of four strides at the cell: an overlap of zero would teach nothing
        bias = torch.tensor([0.0, 0.0, 4.0, 4.0])
        self.box.bias = nn.Parameter(bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, h, w) -> centre logits (N, 1, h, w), offset and size (N, 4, h, w)."""
        x = self.lateral(features)
        return self.centre(self.score_branch(x)), self.box(self.box_branch(x))


class PersonDetector(nn.Module):
    """Frames to centre, offset and size maps on three levels."""

    def __init__(self, config: PersonDetectorConfig | None = None) -> None:
        super().__init__()
        self.config = config or PersonDetectorConfig()
        self.backbone = CspNext(self.config.trunk)
        self.neck = CspPafpn(self.config.trunk)
        self.levels = nn.ModuleList(
            CentreLevel(width, self.config.head_channels, self.config.prior)
            for width in self.config.trunk.widths[2:]
        )

    def forward(self, frames: Tensor) -> list[LevelMaps]:
        """Detect.

        Args:
            frames: (N, 3, H, W) float32, normalised as the card says; H and W multiples of 32.

        Returns:
            The maps of strides 8, 16, 32.
        """
        maps = []
        for level, features, stride in zip(
            self.levels, self.neck(self.backbone(frames)), STRIDES, strict=True
        ):
            centre, box = level(features)
            maps.append(LevelMaps(centre, box[:, :2], box[:, 2:], stride))
        return maps

    def export(self) -> ExportedDetector:
        """The same network with boxes and scores as outputs, for the ONNX file."""
        return ExportedDetector(self)


class ExportedDetector(nn.Module):
    """Frames to `xyxy` (N, A, 4) in input pixels and `scores` (N, A): every cell a candidate.

    The last convolutions answer corners in pixels, relative to their cell: what `candidates` does
    to centres and sizes is linear and goes into their weights, but for one thing: a side that came
    out negative stays so. Cells of any input are cut from long rulers; counting them anew in every
    frame takes an operator a step.
    """

    across: Tensor
    down: Tensor

    def __init__(self, detector: PersonDetector) -> None:
        super().__init__()
        self.detector = copy.deepcopy(detector)
        _turn_boxes(self.detector, lambda stride: torch.from_numpy(CORNERS) * stride)
        cells = torch.arange(LONGEST_SIDE // min(STRIDES), dtype=torch.float32)
        is_x = torch.tensor([1.0, 0.0, 1.0, 0.0])[None, :, None, None]
        self.register_buffer("across", cells * is_x, persistent=False)  # (1, 4, 1, cells)
        self.register_buffer(
            "down", cells[:, None] * (1 - is_x), persistent=False
        )  # (1, 4, cells, 1)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) -> (N, A, 4) float32, (N, A) float32, A = HW/64 + HW/256 + HW/1024."""
        detector, corners, logits = self.detector, [], []
        features = detector.neck(detector.backbone(frames))
        for level, some, stride in zip(detector.levels, features, STRIDES, strict=True):
            centre, box = level(some)
            height, width = centre.shape[2:]
            rulers = self.across[..., :width] + self.down[:, :, :height]
            corners.append((box + rulers * stride).flatten(2))
            logits.append(centre.flatten(1))
        return torch.cat(corners, 2).transpose(1, 2), torch.cat(logits, 1).sigmoid()


def from_corners(detector: PersonDetector) -> None:
    """Undo in place what `ExportedDetector` did to the last convolutions."""
    back = torch.from_numpy(np.linalg.inv(CORNERS))
    _turn_boxes(detector, lambda stride: back / stride)


@torch.no_grad()
def _turn_boxes(detector: PersonDetector, turn_of: Callable[[int], Tensor]) -> None:
    for level, stride in zip(detector.levels, STRIDES, strict=True):
        assert isinstance(level, CentreLevel) and level.box.bias is not None
        turn = turn_of(stride)
        level.box.weight.copy_(torch.einsum("os,sikl->oikl", turn, level.box.weight))
        level.box.bias.copy_(turn @ level.box.bias)


def candidates(maps: Sequence[LevelMaps]) -> tuple[Tensor, Tensor]:
    """Boxes and score logits of all cells of all levels, fine level first, rows first.

    Returns:
        (N, A, 4) x1, y1, x2, y2 in input pixels and (N, A) logits.
    """
    boxes, logits = [], []
    for level in maps:
        centre = cell_centres(level) + level.offset * level.stride  # (N, 2, h, w)
        half = level.size.clamp(min=0) * (level.stride / 2)
        boxes.append(torch.cat([centre - half, centre + half], 1).flatten(2))
        logits.append(level.centre.flatten(1))
    return torch.cat(boxes, 2).transpose(1, 2), torch.cat(logits, 1)


def cell_centres(level: LevelMaps) -> Tensor:
    """(1, 2, h, w) x and y of every cell, input pixels: cell i lies on pixel i * stride."""
    height, width = level.centre.shape[2:]
    device, dtype = level.centre.device, level.centre.dtype
    y = torch.arange(height, device=device, dtype=dtype)[:, None].expand(height, width)
    x = torch.arange(width, device=device, dtype=dtype)[None].expand(height, width)
    return torch.stack([x, y])[None] * level.stride


def load_rtmdet(detector: PersonDetector, path: Path) -> None:
    """Start from RTMDet-nano (Apache-2.0): trunk, pyramid and head towers.

    The teacher's last convolution gives the distances to the four sides. Centre offset and size
    are linear in them, (right - left) / 2 and left + right, so that layer carries over too: before
    training the detector says what the teacher says.

    Args:
        detector: Filled in place; must have RTMDet-nano's widths.
        path: `rtmdet_nano_person.onnx`.

    Raises:
        ModelFileError: Not that file, or other widths.
        UnavailableError: The package onnx is not installed.
    """
    load_in_order(detector.backbone, convolutions_of(path, "/backbone/"))
    neck = convolutions_of(path, "/neck/")
    laterals = neck[-2 * len(STRIDES) :]
    load_in_order(detector.neck, neck[: -2 * len(STRIDES)])
    head = convolutions_of(path, "/bbox_head/")
    per_level = len(head) // len(STRIDES)
    for index, level in enumerate(detector.levels):
        towers = head[index * per_level : (index + 1) * per_level]
        if towers[-1][0].shape[0] != 4:
            raise ModelFileError(f"{path}: expected a last convolution with 4 sides per cell")
        load_in_order(
            level, [*laterals[2 * index : 2 * index + 2], *towers[:-1], _sides(towers[-1])]
        )


def _sides(weights: Weights) -> Weights:
    """Left, top, right, bottom -> offset x, offset y, width, height."""
    turn = np.array([[-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5], [1, 0, 1, 0], [0, 1, 0, 1]], np.float32)
    weight, bias = weights
    return np.einsum("os,sikl->oikl", turn, weight), turn @ bias
