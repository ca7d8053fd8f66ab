"""The folded Lite-HRNet answers what the network answers that was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from network.backbones.lite_hrnet import LiteHrnet, LiteHrnetConfig
from network.backbones.lite_hrnet_folded import FoldedUnits, folded
from network.cpn import LiteCpn
from network.refine_net import RefineNet


def _image(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.normal(size=(2, 3, 96, 64)).astype(np.float32))


@pytest.mark.parametrize(
    "config",
    [
        LiteHrnetConfig(modules=(1, 1, 1), units=1),
        LiteHrnetConfig(modules=(1, 1, 1), units=3),
        LiteHrnetConfig(modules=(1, 1, 1), channels=(42, 84, 160, 320)),
        LiteHrnetConfig(),
    ],
    ids=["nothing to pair", "one left over", "halves that are odd", "as shipped"],
)
def test_every_level_is_the_same(config: LiteHrnetConfig, rng: np.random.Generator) -> None:
    network = LiteHrnet(config).eval()
    image = _image(rng)

    with torch.no_grad():
        for found, expected in zip(folded(network)(image), network(image), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_the_network_that_was_folded_stays_as_it_was() -> None:
    network = LiteHrnet(LiteHrnetConfig(modules=(1, 1, 1)))
    before = {name: value.clone() for name, value in network.state_dict().items()}

    folded(network)

    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], atol=0, rtol=0)


def test_an_exported_lite_cpn_is_folded_and_answers_the_same(rng: np.random.Generator) -> None:
    network = LiteCpn().eval()
    assert isinstance(network.refine_net, RefineNet)
    *_, last_norm = network.refine_net.predict.children()
    assert isinstance(last_norm, nn.BatchNorm2d)
    nn.init.ones_(last_norm.weight)
    image = _image(rng)
    deployed = network.export()

    assert any(isinstance(part, FoldedUnits) for part in deployed.modules())
    with torch.no_grad():
        torch.testing.assert_close(deployed(image), network(image), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size_hw", [(144, 112), (80, 48), (64, 64)])
def test_inputs_need_not_be_multiples_of_32(
    size_hw: tuple[int, int], rng: np.random.Generator
) -> None:
    network = LiteHrnet(LiteHrnetConfig(modules=(1, 1, 1))).eval()
    image = torch.from_numpy(rng.standard_normal((2, 3, *size_hw)).astype(np.float32))

    with torch.no_grad():
        for stride, found, expected in zip(
            (4, 8, 16, 32), folded(network)(image), network(image), strict=True
        ):
            assert found.shape[2:] == (-(-size_hw[0] // stride), -(-size_hw[1] // stride))
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
