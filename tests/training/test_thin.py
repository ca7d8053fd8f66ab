"""A thinned network keeps some modules as they are, and everything around them."""

from __future__ import annotations

import torch

from network.backbones.lite_hrnet import LiteHrnetConfig
from network.cpn import LiteCpn, LiteCpnConfig
from training.thin import thinned

WHOLE = LiteCpnConfig(backbone=LiteHrnetConfig(modules=(2, 3, 1), units=1), level_channels=16)


def test_without_anything_left_out_it_is_the_same_network() -> None:
    network = LiteCpn(WHOLE).eval()
    image = torch.rand(1, 3, 64, 64)

    same = thinned(network, ((0, 1), (0, 1, 2), (0,))).eval()

    torch.testing.assert_close(same(image), network(image))


def test_the_kept_modules_come_in_their_order() -> None:
    network = LiteCpn(WHOLE)

    thin = thinned(network, ((1,), (0, 2), (0,)))

    assert thin.config.backbone.modules == (1, 2, 1)
    assert thin(torch.rand(1, 3, 64, 64)).shape == (1, 17, 16, 16)
    ours, theirs = thin.state_dict(), network.state_dict()
    for name, source in (
        ("backbone.stages.0.0.branches.0.0.expand.weight",) * 2,
        ("backbone.stages.1.1.branches.2.0.expand.weight",) * 2,
        ("refine_net.final.conv1.weight",) * 2,
    ):
        moved = source.replace("stages.0.0", "stages.0.1").replace("stages.1.1", "stages.1.2")
        torch.testing.assert_close(ours[name], theirs[moved])
