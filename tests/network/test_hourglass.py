"""The stacked hourglass: one to eight stages, each of which is taught."""

from __future__ import annotations

import pytest
import torch

from network.described import build, describe
from network.hourglass import HourglassConfig, StackedHourglass
from pose.errors import ModelFileError


@pytest.mark.parametrize("stages", range(1, 9))
def test_every_stage_answers_heatmaps_of_a_quarter(stages: int) -> None:
    network = StackedHourglass(HourglassConfig(stages=stages, channels=8, keypoints=5)).eval()

    with torch.no_grad():
        output = network.all_heatmaps(torch.zeros(2, 3, 64, 96))
        answer = network(torch.zeros(2, 3, 64, 96))

    assert [tuple(level.shape) for level in output.levels] == [(2, 5, 16, 24)] * stages
    torch.testing.assert_close(output.levels[-1], answer)
    torch.testing.assert_close(output.refined, answer)


def test_no_people_are_no_heatmaps() -> None:
    with torch.no_grad():
        found = StackedHourglass(HourglassConfig(channels=8)).eval()(torch.zeros(0, 3, 64, 64))

    assert tuple(found.shape) == (0, 17, 16, 16)


def test_intermediate_supervision_reaches_each_stage() -> None:
    """A stage's own loss moves it and all before it, and none after it."""
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(stages=3, channels=8)).train()
    image = torch.randn(2, 3, 64, 64)

    for stage in range(3):
        network.zero_grad()
        network.all_heatmaps(image).levels[stage].square().mean().backward()  # type: ignore[no-untyped-call]

        moved = [
            any(
                p.grad is not None and p.grad.abs().sum() > 0
                for p in each.get_submodule("hourglass").parameters()
            )
            for each in network.stages
        ]
        assert moved == [index <= stage for index in range(3)]


def test_a_later_stage_corrects_what_the_one_before_predicted() -> None:
    """Its input holds the features, what went in before, and the heatmaps themselves."""
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(stages=2, channels=8)).eval()
    image = torch.randn(1, 3, 64, 64)

    with torch.no_grad():
        before = network(image)
        network.get_parameter("stages.0.predict.bias").add_(1)
        after = network(image)

    assert not torch.allclose(before, after)


@pytest.mark.parametrize("stages", [0, 9])
def test_more_or_fewer_stages_are_refused(stages: int) -> None:
    described = {**describe(StackedHourglass(HourglassConfig(channels=8))), "stages": stages}

    with pytest.raises(ModelFileError, match="1 to 8"):
        build(described)
