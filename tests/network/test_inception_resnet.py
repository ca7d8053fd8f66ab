"""Inception-ResNet-v2: the published size, maps at whole strides, scaled residuals."""

from __future__ import annotations

import pytest
import torch

from network.backbones.inception_resnet import InceptionResnet, InceptionResnetConfig

SMALL = InceptionResnetConfig(repeats=(1, 1, 1))


def test_it_has_the_published_size() -> None:
    """54.3 million parameters without the classifier."""
    with torch.device("meta"):
        network = InceptionResnet()

    assert sum(weight.numel() for weight in network.parameters()) / 1e6 == pytest.approx(54.3, 1e-3)


@pytest.mark.parametrize("size_hw", [(256, 192), (384, 288)])
def test_maps_are_a_whole_part_of_the_crop(size_hw: tuple[int, int]) -> None:
    with torch.device("meta"):
        maps = InceptionResnet()(torch.zeros(2, 3, *size_hw))

    height, width = size_hw
    assert [tuple(each.shape) for each in maps] == [
        (2, 192, height // 4, width // 4),
        (2, 320, height // 8, width // 8),
        (2, 1088, height // 16, width // 16),
        (2, 1536, height // 32, width // 32),
    ]


def test_map_pixels_stand_where_those_of_our_resnet_do() -> None:
    """A dot at picture pixel (16, 24) is strongest at (4, 6) of C2: pixel i on pixel 4 i."""
    network = InceptionResnet(SMALL).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):  # every convolution averages
            torch.nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    image = torch.zeros(1, 3, 64, 64)
    image[:, :, 24, 16] = 1

    with torch.no_grad():
        first = network.conv2d_1a(image)[0, 0]
        c2 = network(image)[0][0, 0]

    assert first.nonzero().flatten().tolist() == [12, 8]
    rows, columns = c2.nonzero(as_tuple=True)
    assert (rows.float().mean(), columns.float().mean()) == (6, 4)


def test_the_last_block_may_answer_below_zero_and_the_others_not() -> None:
    torch.manual_seed(0)
    network = InceptionResnet(SMALL).eval()
    image = torch.randn(1, 3, 64, 64)
    seen = {}
    for name in ("repeat_2", "block8"):
        network.get_submodule(name).register_forward_hook(
            lambda _, __, output, name=name: seen.update({name: float(output.min())})
        )

    with torch.no_grad():
        network(image)

    assert seen["repeat_2"] >= 0 > seen["block8"]


def test_a_residual_block_adds_a_scaled_part() -> None:
    """x + 0.17 of the branches at stride 8, 0.10 at 16, 0.20 at 32 and 1 in the last."""
    torch.manual_seed(0)
    network = InceptionResnet(SMALL).eval()
    for name, channels, scale in (
        ("repeat.0", 320, 0.17),
        ("repeat_1.0", 1088, 0.10),
        ("repeat_2.0", 2080, 0.20),
        ("block8", 2080, 1.0),
    ):
        block = network.get_submodule(name)
        torch.nn.init.zeros_(block.conv2d.weight)  # type: ignore[arg-type, union-attr]
        torch.nn.init.ones_(block.conv2d.bias)  # type: ignore[arg-type, union-attr]
        x = torch.rand(1, channels, 3, 2)

        with torch.no_grad():
            torch.testing.assert_close(block(x), x + scale)
