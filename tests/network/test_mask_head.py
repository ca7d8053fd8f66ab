"""The mask head, and the narrow backbone of its trial: shapes, N = 0, description."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from network.backbones.small_resnet import SmallResnet, SmallResnetConfig
from network.cpn import Cpn, CpnConfig
from network.described import build, describe
from network.mask_head import MaskHead, MaskHeadConfig

SMALL = CpnConfig(backbone=SmallResnetConfig(widths=(8, 8, 8, 8)), mask_head=MaskHeadConfig(4))


@pytest.mark.parametrize("count", [0, 2])
def test_all_levels_answer_at_the_finest_ones_size(count: int) -> None:
    levels = [torch.zeros(count, 6, 16 >> n, 12 >> n) for n in range(4)]

    logits = MaskHead((6,) * 4, MaskHeadConfig(channels=5)).eval()(levels)

    assert tuple(logits.shape) == (count, 16, 12)


def test_a_cpn_has_a_mask_only_if_asked() -> None:
    image = torch.zeros(1, 3, 64, 64)
    masked, plain = Cpn(SMALL).eval(), Cpn(replace(SMALL, mask_head=None)).eval()

    mask = masked.all_heatmaps(image).mask
    assert mask is not None and tuple(mask.shape) == (1, 16, 16)
    assert plain.all_heatmaps(image).mask is None and plain.mask_head is None
    assert tuple(masked(image).shape) == (1, 17, 16, 16)


def test_a_description_from_before_masks_still_builds() -> None:
    description = describe(Cpn(replace(SMALL, mask_head=None)))
    assert description.pop("mask_head") is None

    network = build(description)

    assert isinstance(network, Cpn) and network.mask_head is None
    assert describe(build(describe(Cpn(SMALL)))) == describe(Cpn(SMALL))


@pytest.mark.parametrize("size_hw", [(64, 48), (128, 96)])
def test_the_small_backbone_has_the_strides_of_all(size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    config = SmallResnetConfig(widths=(8, 12, 16, 20), blocks=(1, 2, 1, 1))

    with torch.no_grad():
        features = SmallResnet(config).eval()(torch.zeros(1, 3, height, width))

    shapes = [tuple(f.shape[1:]) for f in features]
    wanted = [
        (c, -(-height // s), -(-width // s))
        for c, s in zip(config.widths, (4, 8, 16, 32), strict=True)
    ]
    assert shapes == wanted
