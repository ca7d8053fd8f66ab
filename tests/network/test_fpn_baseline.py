"""The feature pyramid baseline: heatmaps of every level, and the answer from the finest."""

from __future__ import annotations

import pytest
import torch

from network.backbones.resnet import Resnet, ResnetConfig
from network.described import build, describe
from network.fpn_baseline import FpnBaseline, FpnBaselineConfig
from pose.errors import ModelFileError


@pytest.mark.parametrize("levels", [4, 1])
def test_the_answer_is_the_finest_level_at_a_quarter(levels: int) -> None:
    network = FpnBaseline(FpnBaselineConfig(levels=levels)).eval()
    image = torch.randn(1, 3, 64, 96)

    with torch.no_grad():
        output = network.all_heatmaps(image)
        answer = network(image)

    assert [tuple(level.shape) for level in output.levels] == [(1, 17, 16, 24)] * levels
    torch.testing.assert_close(output.levels[0], answer)
    torch.testing.assert_close(output.refined, answer)


def test_levels_are_added_without_a_convolution_between() -> None:
    network = FpnBaseline().eval()
    for level in range(3):
        torch.nn.init.zeros_(network.get_parameter(f"global_net.laterals.{level}.1.weight"))
    coarsest = torch.rand(1, 2048, 1, 1)
    features = [torch.rand(1, 256 * 2**i, 8 // 2**i, 8 // 2**i) for i in range(3)] + [coarsest]

    with torch.no_grad():
        pyramid = network.global_net.pyramid(features)

    for finer in pyramid[:3]:  # one pixel enlarged, and nothing added
        torch.testing.assert_close(finer, pyramid[3].expand_as(finer))


def test_dilation_keeps_the_size_of_the_last_maps() -> None:
    for dilated, strides in ((0, (4, 8, 16, 32)), (1, (4, 8, 16, 16)), (3, (4, 4, 4, 4))):
        backbone = Resnet(ResnetConfig(dilated=dilated)).eval()

        with torch.no_grad():
            maps = backbone(torch.zeros(1, 3, 64, 64))

        assert [64 // each.shape[2] for each in maps] == list(strides)


def test_a_level_that_is_not_there_is_refused() -> None:
    described = {**describe(FpnBaseline()), "levels": 5}

    with pytest.raises(ModelFileError, match="1 to 4 levels"):
        build(described)
