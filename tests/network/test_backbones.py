"""What holds for every backbone in the table; a newcomer is picked up here."""

from __future__ import annotations

import json
from dataclasses import is_dataclass

import pytest
import torch

from network.backbones import BACKBONES, backbone_name, make_backbone
from network.cpn import Cpn, CpnConfig
from network.described import build, describe

every_backbone = pytest.mark.parametrize("name", BACKBONES)


@every_backbone
@pytest.mark.parametrize("size_hw", [(64, 64), (128, 96)])
def test_a_backbone_answers_four_maps_finest_first(name: str, size_hw: tuple[int, int]) -> None:
    backbone, widths = make_backbone(BACKBONES[name][0]())

    with torch.no_grad():
        maps = backbone.eval()(torch.zeros(2, 3, *size_hw))

    height, width = size_hw
    assert [tuple(each.shape) for each in maps] == [
        (2, channels, height // stride, width // stride)
        for channels, stride in zip(widths, (4, 8, 16, 32), strict=True)
    ]


@every_backbone
def test_a_cpn_stands_on_it_and_is_built_again_from_its_description(name: str) -> None:
    config = BACKBONES[name][0]()
    network = Cpn(CpnConfig(backbone=config))

    again = build(json.loads(json.dumps(describe(network))))

    assert is_dataclass(config)
    assert isinstance(again, Cpn) and again.config == network.config
    assert list(again.state_dict()) == list(network.state_dict())


def test_a_configuration_of_no_backbone_is_a_mistake_in_the_program() -> None:
    with pytest.raises(TypeError, match="lite_hrnet"):
        backbone_name(object())
