"""Count every network of the papers and print it beside the figure they published.

Parameters, MB (4 bytes each, 2**20), convolutions on the longest way, and multiply-accumulates
twice: divided by 2**30, which the CPN slides and paper call G, and by 1e9. `=` stands before a
published figure that ours is when rounded or cut off to its digits, `#` before one that it is not,
with the difference. Only what runs when the network is deployed is counted.

Example:
    main.py networks
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from network.backbones.inception_resnet import InceptionResnetConfig
from network.backbones.resnet import ResnetConfig
from network.cpn import Cpn, CpnConfig
from network.fpn_baseline import FpnBaseline, FpnBaselineConfig
from network.hourglass import HourglassConfig, StackedHourglass
from network.macs import Cost, cost
from network.published import pytorch_cpn, tf_cpn
from network.refine_net import RefineNetConfig

SMALL, LARGE, SQUARE = (192, 256), (288, 384), (256, 256)  # width, height

# what is counted -> its column's heading, and the digits that are printed
COLUMNS: Mapping[str, tuple[str, int]] = {
    "millions": ("parameters, 1e6", 3),
    "megabytes": ("MB", 1),
    "depth": ("conv depth", 0),
    "g": ("G: MACs / 2^30", 3),
    "giga_macs": ("MACs / 1e9", 3),
}
_WIDTHS = (36, 8, 16, 18, 11, 24, 11)


@dataclass(frozen=True)
class Config:
    """What to print."""

    json: bool = False
    """Print one JSON array instead of a table."""


@dataclass(frozen=True, slots=True)
class Published:
    """One row of a published table; figures stand as they were printed.

    Attributes:
        table: Where it was published.
        name: What it is called there.
        make: Builds the network.
        size_wh: Input, width and height.
        figures: Column of `COLUMNS` -> published figure.
    """

    table: str
    name: str
    make: Callable[[], nn.Module]
    size_wh: tuple[int, int] = SMALL
    figures: Mapping[str, str] = field(default_factory=dict)


def _hourglass(stages: int) -> Callable[[], nn.Module]:
    return lambda: StackedHourglass(HourglassConfig(stages=stages))


def _resnet_alone(dilated: int = 0) -> Callable[[], nn.Module]:
    backbone = ResnetConfig(dilated=dilated)
    return lambda: FpnBaseline(FpnBaselineConfig(backbone, levels=1))


def _refined(*bottlenecks: int) -> Callable[[], nn.Module]:
    inputs = (256,) * len(bottlenecks)
    return lambda: Cpn(CpnConfig(refine_net=RefineNetConfig(inputs, bottlenecks=bottlenecks)))


def _cpn(backbone: object) -> Callable[[], nn.Module]:
    return lambda: Cpn(CpnConfig(backbone))


def _public(make: Callable[[int], CpnConfig], depth: int) -> Callable[[], nn.Module]:
    return lambda: Cpn(make(depth))


_SLIDES = "slides: baselines"
_BASELINES = "paper: baselines"
_REFINE = "paper: design of RefineNet"
_LEVELS = "paper: levels that RefineNet takes"
_OURS = "not published: what is deployed"
_INCEPTION = InceptionResnetConfig()

ROWS: tuple[Published, ...] = (
    Published(
        _SLIDES, "hourglass, 1 stage", _hourglass(1), SMALL,
        {"g": "3.9", "millions": "3", "megabytes": "12", "depth": "38"},
    ),
    Published(_SLIDES, "hourglass, 2 stages", _hourglass(2), SMALL, {"g": "6.1"}),
    Published(_SLIDES, "hourglass, 3 stages", _hourglass(3), SMALL, {"g": "8.3"}),
    Published(_SLIDES, "hourglass, 4 stages", _hourglass(4), SMALL, {"g": "10.5"}),
    Published(
        _SLIDES, "ResNet-50-FPN", FpnBaseline, SMALL,
        {"g": "3.9", "millions": "24", "megabytes": "93", "depth": "51"},
    ),
    Published(
        _BASELINES, "hourglass, 1 stage", _hourglass(1), SMALL, {"g": "3.92", "megabytes": "12"}
    ),
    Published(
        _BASELINES, "hourglass, 2 stages", _hourglass(2), SMALL, {"g": "6.14", "megabytes": "23"}
    ),
    Published(
        _BASELINES, "hourglass, 8 stages", _hourglass(8), SMALL, {"g": "19.48", "megabytes": "89"}
    ),
    Published(_BASELINES, "hourglass, 8 stages", _hourglass(8), SQUARE, {"g": "25.9"}),
    Published(_BASELINES, "ResNet-50", _resnet_alone(), SMALL, {"g": "3.54"}),
    Published(_BASELINES, "ResNet-50, dilated res5", _resnet_alone(1), SMALL, {"g": "5.62"}),
    Published(_BASELINES, "ResNet-50, dilated res4-5", _resnet_alone(2), SMALL, {"g": "17.71"}),
    Published(_BASELINES, "ResNet-50, dilated res3-5", _resnet_alone(3), SMALL, {"g": "68.70"}),
    Published(
        _BASELINES, "GlobalNet only (ResNet-50)", FpnBaseline, SMALL,
        {"g": "3.90", "megabytes": "94"},
    ),
    Published(
        _BASELINES, "CPN (ResNet-50)", Cpn, SMALL,
        {"g": "6.20", "millions": "27", "megabytes": "102"},
    ),
    Published(_BASELINES, "CPN (ResNet-50)", Cpn, LARGE, {"g": "13.9"}),
    Published(_REFINE, "GlobalNet + concat", _refined(0, 0, 0, 0), SMALL, {"g": "5.87"}),
    Published(_REFINE, "+ 1 bottleneck each + concat", _refined(1, 1, 1, 1), SMALL, {"g": "6.92"}),
    Published(_REFINE, "CPN: 0, 1, 2, 3 bottlenecks", Cpn, SMALL, {"g": "6.20"}),
    Published(_LEVELS, "C2", _refined(0), SMALL, {"g": "5.02"}),
    Published(_LEVELS, "C2-C3", _refined(0, 1), SMALL, {"g": "5.50"}),
    Published(_LEVELS, "C2-C4", _refined(0, 1, 2), SMALL, {"g": "5.88"}),
    Published(_LEVELS, "C2-C5", _refined(0, 1, 2, 3), SMALL, {"g": "6.20"}),
    *(
        Published(_OURS, name, make, size)
        for name, make in (
            ("CPN, ResNet-101", _cpn(ResnetConfig(depth=101))),
            ("CPN, Inception-ResNet-v2", _cpn(_INCEPTION)),
            ("tf-cpn, ResNet-50", _public(tf_cpn, 50)),
            ("tf-cpn, ResNet-101", _public(tf_cpn, 101)),
            ("pytorch-cpn, ResNet-50", _public(pytorch_cpn, 50)),
            ("pytorch-cpn, ResNet-101", _public(pytorch_cpn, 101)),
        )
        for size in (SMALL, LARGE)
    ),
)  # fmt: skip


def run(config: Config) -> None:
    """Count all rows and print them."""
    counted = [(row, counts(row)) for row in ROWS]
    if config.json:
        text = json.dumps([_as_object(row, found) for row, found in counted]) + "\n"
    else:
        text = as_text(counted)
    sys.stdout.write(text)


def counts(row: Published) -> dict[str, float]:
    """The row's network counted, by the names of `COLUMNS`."""
    with torch.device("meta"):  # shapes are enough, weights would take seconds
        found: Cost = cost(row.make(), row.size_wh)
    return {
        "millions": found.parameters / 1e6,
        "megabytes": found.megabytes,
        "depth": found.depth,
        "g": found.paper_g,
        "giga_macs": found.giga_macs,
    }


def reproduces(ours: float, published: str) -> bool:
    """Whether a figure is the published one when rounded or cut off to its digits."""
    digits = len(published.partition(".")[2])
    cut_off = math.floor(ours * 10**digits) / 10**digits
    return published in (f"{cut_off:.{digits}f}", f"{ours:.{digits}f}")


def as_text(counted: list[tuple[Published, dict[str, float]]]) -> str:
    """The tables one below the other, and how many figures are met."""
    lines, table, met, all_figures = [], "", 0, 0
    for row, found in counted:
        if row.table != table:
            table = row.table
            heads = [heading for heading, _ in COLUMNS.values()]
            lines += ["", _line([table, "input", *heads])]
        cells = []
        for column, (_, digits) in COLUMNS.items():
            cell, published = f"{found[column]:.{digits}f}", row.figures.get(column)
            if published is not None:
                same = reproduces(found[column], published)
                met, all_figures = met + same, all_figures + 1
                away = 100 * (found[column] / float(published) - 1)
                cell += f" = {published}" if same else f" # {published} ({away:+.1f} %)"
            cells.append(cell)
        lines.append(_line([row.name, f"{row.size_wh[1]}x{row.size_wh[0]}", *cells]))
    summary = (
        f"{met} of {all_figures} published figures are met: rounded or cut off to their digits"
    )
    return "\n".join([*lines[1:], "", summary]) + "\n"


def _line(cells: list[str]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
    return "  ".join(padded).rstrip()


def _as_object(row: Published, found: Mapping[str, float]) -> dict[str, object]:
    return {
        "table": row.table,
        "network": row.name,
        "input_wh": row.size_wh,
        **found,
        "published": row.figures,
        "met": {column: reproduces(found[column], text) for column, text in row.figures.items()},
    }
