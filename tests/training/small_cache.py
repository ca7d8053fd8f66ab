"""What the small cache of `conftest` holds, and a network that is quick to train on it."""

from __future__ import annotations

from network.backbones.lite_hrnet import LiteHrnetConfig
from network.cpn import LiteCpnConfig

CROPS = 12
SMALL = LiteCpnConfig(backbone=LiteHrnetConfig(modules=(1, 1, 1), units=1), level_channels=16)
