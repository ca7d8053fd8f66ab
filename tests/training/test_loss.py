"""Losses of CPN: what counts, and what does not."""

from __future__ import annotations

import pytest
import torch

from network.cpn import CpnOutput
from training.loss import cpn_losses, distillation_losses, hard_keypoint_loss, keypoint_errors
from training.schedule import cosine, halved_every


def test_nobody_gives_no_errors() -> None:
    nothing = torch.zeros(0, 17, 8, 6)

    assert keypoint_errors(nothing, nothing, torch.zeros(0, 17)).shape == (0, 17)


@pytest.mark.parametrize(("hardest", "wanted"), [(1, 9.0), (2, 6.5), (3, 14 / 3), (99, 14 / 3)])
def test_only_the_hardest_keypoints_count(hardest: int, wanted: float) -> None:
    found = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    target = torch.zeros(1, 3, 4, 4)

    loss = hard_keypoint_loss(found, target, torch.ones(1, 3), hardest)

    assert float(loss) == pytest.approx(wanted)


def test_an_unlabelled_keypoint_is_never_hard() -> None:
    found = torch.full((1, 2, 4, 4), 5.0)
    weight = torch.tensor([[1.0, 0.0]])

    loss = hard_keypoint_loss(found, torch.zeros(1, 2, 4, 4), weight, hardest=2)

    assert float(loss) == pytest.approx(25 / 2)


def test_global_net_is_taught_zero_where_a_keypoint_is_hidden() -> None:
    """tf-cpn multiplies the target, not the loss, and halves the mean over the levels."""
    target = torch.ones(1, 2, 4, 4)
    output = CpnOutput([torch.zeros(1, 2, 4, 4)] * 4, target.clone())

    losses = cpn_losses(output, [target] * 4, target, torch.tensor([[1.0, 0.0]]), torch.ones(1, 2))

    assert float(losses["global"]) == pytest.approx(0.5 / 2)
    assert float(losses["refine"]) == 0


def test_distillation_is_zero_only_at_the_target() -> None:
    target = torch.rand(2, 17, 8, 6)
    weight = torch.ones(2, 17)
    right = CpnOutput([target] * 4, target)
    wrong = CpnOutput([target] * 4, target + 0.1)

    assert all(float(v) == 0 for v in distillation_losses(right, target, weight).values())
    losses = distillation_losses(wrong, target, weight)
    assert float(losses["all"]) == pytest.approx(0.01, rel=1e-3)
    assert float(losses["global"]) == 0


@pytest.mark.parametrize(
    ("step", "wanted"), [(0, 0.1), (9, 1.0), (10, 1.0), (60, 0.51), (110, 0.02), (500, 0.02)]
)
def test_cosine_warms_up_and_falls_to_its_floor(step: int, wanted: float) -> None:
    assert cosine(110, 10)(step) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("step", "wanted"), [(0, 0.5), (1, 1), (99, 1), (100, 0.5), (250, 0.25)])
def test_cpns_rate_is_halved_after_each_period(step: int, wanted: float) -> None:
    assert halved_every(100, warmup_steps=2)(step) == pytest.approx(wanted)
