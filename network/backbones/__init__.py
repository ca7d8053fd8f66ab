"""The table of backbones that a CPN can stand on: picture -> C2..C5 at strides 4, 8, 16 and 32.

A backbone is a module made from its configuration (a small frozen dataclass). Its `out_channels`
says how wide each map is, its `forward` answers the four maps, finest first. A new one is a file
beside this one, and a line here. (A detector's trunk, `cspnext.py`, gives other strides.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from network.backbones.inception_resnet import InceptionResnet, InceptionResnetConfig
from network.backbones.lite_hrnet import LiteHrnet, LiteHrnetConfig
from network.backbones.resnet import Resnet, ResnetConfig
from network.backbones.small_resnet import SmallResnet, SmallResnetConfig

# name in descriptions -> configuration, and the module that is made from it
BACKBONES: Mapping[str, tuple[type[Any], Callable[[Any], nn.Module]]] = {
    "resnet": (ResnetConfig, Resnet),
    "inception_resnet": (InceptionResnetConfig, InceptionResnet),
    "lite_hrnet": (LiteHrnetConfig, LiteHrnet),
    "small_resnet": (SmallResnetConfig, SmallResnet),
}


def backbone_name(config: object) -> str:
    """The name of the backbone that a configuration is for."""
    for name, (kind, _) in BACKBONES.items():
        if type(config) is kind:
            return name
    raise TypeError(f"{type(config).__name__} is of none of the backbones {sorted(BACKBONES)}")


def make_backbone(config: object) -> tuple[nn.Module, tuple[int, ...]]:
    """The backbone of a configuration, and how wide its maps are, finest first."""
    backbone: Any = BACKBONES[backbone_name(config)][1](config)
    return backbone, backbone.out_channels
