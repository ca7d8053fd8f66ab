"""A Lite-HRNet CPN with fewer exchange modules, out of one with all: where a small model starts.

Modules add to what the branches know and exchange it; what is left without some of them has to be
trained, but from everything else that was learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from network.cpn import LiteCpn


def thinned(network: LiteCpn, kept: Sequence[Sequence[int]]) -> LiteCpn:
    """A new network with the modules that are kept, and all else as it is.

    Args:
        network: Stays as it is.
        kept: For each of the three stages the numbers of its modules, in order.
    """
    backbone = replace(network.config.backbone, modules=(len(kept[0]), len(kept[1]), len(kept[2])))
    thin = LiteCpn(replace(network.config, backbone=backbone))
    state = network.state_dict()
    for name in thin.state_dict():
        parts = name.split(".")
        if parts[:2] == ["backbone", "stages"]:
            stage, module = int(parts[2]), int(parts[3])
            source = ".".join([*parts[:3], str(kept[stage][module]), *parts[4:]])
            state[name] = network.state_dict()[source]
    thin.load_state_dict({name: state[name] for name in thin.state_dict()})
    return thin
