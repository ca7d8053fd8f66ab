"""CPN and its parts: shapes, published costs, and what the switches change."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn

from network.backbones.resnet import ResnetConfig
from network.cpn import Cpn, CpnConfig, LiteCpn
from network.described import build, describe
from network.global_net import GlobalNetConfig
from network.macs import cost
from network.person_detector import PersonDetector
from network.refine_net import RefineNetConfig
from network.resize import enlarged
from pose.errors import ModelFileError


@pytest.mark.parametrize(
    ("bottlenecks", "levels", "paper_g"),
    [
        ((0, 1, 2, 3), 4, 6.204),
        ((0, 1, 2), 3, 5.886),
        ((0, 1), 2, 5.505),
        ((0,), 1, 5.024),
    ],
)
def test_cpn_costs_what_the_paper_says(
    bottlenecks: tuple[int, ...], levels: int, paper_g: float
) -> None:
    """Paper, table 5: 6.20, 5.88, 5.50 and 5.02 G for the levels C2-5, C2-4, C2-3 and C2."""
    network = Cpn(
        CpnConfig(refine_net=RefineNetConfig(in_channels=(256,) * levels, bottlenecks=bottlenecks))
    )

    assert cost(network, (192, 256)).paper_g == pytest.approx(paper_g, abs=5e-4)


@pytest.mark.parametrize(
    ("depth", "stride_on", "size_wh", "paper_g", "millions"),
    [
        (50, "1x1", (192, 256), 6.204, 26.985),
        (50, "1x1", (288, 384), 13.960, 26.985),
        (50, "3x3", (192, 256), 6.888 * 1e9 / 2**30, 26.985),
        (101, "3x3", (192, 256), 10.53 * 1e9 / 2**30, 45.98),
    ],
)
def test_macs_and_parameters_are_those_of_the_facts(
    depth: int, stride_on: str, size_wh: tuple[int, int], paper_g: float, millions: float
) -> None:
    network = Cpn(CpnConfig(backbone=ResnetConfig(depth=depth, stride_on=stride_on)))  # type: ignore[arg-type]

    found = cost(network, size_wh)

    assert found.paper_g == pytest.approx(paper_g, rel=1e-3)
    assert found.parameters / 1e6 == pytest.approx(millions, rel=2e-4)


@pytest.mark.parametrize("people", [1, 2])
@pytest.mark.parametrize("family", [Cpn, LiteCpn])
def test_heatmaps_are_a_quarter_of_the_crop(family: type[nn.Module], people: int) -> None:
    network = family().eval()
    image = torch.zeros(people, 3, 128, 96)

    with torch.no_grad():
        output = network.all_heatmaps(image)  # type: ignore[operator]
        answer = network(image)

    assert [tuple(level.shape) for level in output.levels] == [(people, 17, 32, 24)] * 4
    assert tuple(answer.shape) == (people, 17, 32, 24)
    torch.testing.assert_close(answer, output.refined)


def test_a_network_is_built_again_from_its_json() -> None:
    config = CpnConfig(
        backbone=ResnetConfig(depth=101, stride_on="3x3", bn_epsilon=1e-9),
        global_net=GlobalNetConfig(merge="bias", resize="asymmetric"),
        refine_net=RefineNetConfig(shortcut="identity", resize="asymmetric"),
    )
    for network in (Cpn(config), LiteCpn(), PersonDetector()):
        text = json.dumps(describe(network))

        again = build(json.loads(text))

        assert describe(again) == describe(network)
        assert list(again.state_dict()) == list(network.state_dict())


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({}, "expected a network of"),
        ({"family": "vgg"}, "expected a network of"),
        ({"family": "cpn"}, "does not fit"),
        ({"family": "lite_cpn", "backbone": {"width": 3}}, "does not fit"),
    ],
)
def test_a_description_that_means_nothing_is_refused(
    description: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelFileError, match=message):
        build(description)


def test_identity_shortcuts_leave_the_projections_away() -> None:
    identity = Cpn(CpnConfig(refine_net=RefineNetConfig(shortcut="identity")))
    projection = Cpn()

    fewer = cost(projection, (192, 256)).parameters - cost(identity, (192, 256)).parameters

    assert fewer == 6 * (256 * 256 + 2 * 256)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_asymmetric_enlarging_looks_at_output_over_factor(factor: int) -> None:
    """TensorFlow 1: source = output / factor, held at the last pixel."""
    row = torch.tensor([0.0, 1.0, 4.0])
    x = row.view(1, 1, 1, 3).expand(1, 1, 3, 3)

    found = enlarged(x, (3 * factor, 3 * factor), "asymmetric")[0, 0, 0]

    place = torch.arange(3 * factor) / factor
    low = place.floor().long()
    high = (low + 1).clamp(max=2)
    torch.testing.assert_close(found, row[low] + (row[high] - row[low]) * (place - low))
