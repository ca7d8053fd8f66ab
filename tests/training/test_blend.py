"""Mixing the weights before and after: the best share is kept, and only once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from network import checkpoint
from network.cpn import LiteCpn
from training import blend
from training.distill_exam import Asked
from training.distill_job import DistillJob


class _Judge:
    """Knows people at the place that the weight says, and wants them at 7."""

    def __init__(self) -> None:
        self.held_in = np.arange(3)
        self.asked: list[float] = []

    def ask(self, network: nn.Module, numbers: np.ndarray, spoiled: bool = False) -> Asked:
        at = float(next(network.parameters()).detach())
        self.asked.append(at)
        wanted = np.full((len(numbers), 17, 2), 7, np.float32)
        found = np.full_like(wanted, at)
        return Asked(found, wanted, wanted * np.nan, np.zeros(len(numbers), np.float32))

    def describe(self) -> dict[str, Any]:
        return {}


def test_only_the_shares_asked_for_are_tried_and_the_best_score_wins(tmp_path: Path) -> None:
    before = nn.Linear(1, 1, bias=False)
    nn.init.constant_(before.weight, 0.0)
    checkpoint.save(tmp_path / "best.pt", {"network": {"weight": torch.full((1, 1), 10.0)}})
    tried: list[float] = []

    def judge(network: nn.Module) -> dict[str, float]:
        assert not network.training
        tried.append(float(next(network.parameters()).detach()))
        return {"score": -abs(tried[-1] - 6)}

    out = blend.best_mixture(
        before, tmp_path / "best.pt", tmp_path / "blend.pt", judge, dict, (0.35, 0.6, 1.0)
    )

    assert tried == pytest.approx([3.5, 6.0, 10.0])
    assert checkpoint.load(out)["network"]["weight"].item() == pytest.approx(6.0)
    assert float(before.weight.detach()) == 0, "what it began with stays"


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_the_best_mixture_is_kept(tmp_path: Path) -> None:
    before, judge = nn.Linear(1, 1, bias=False), _Judge()
    nn.init.constant_(before.weight, 0.0)
    after = {"weight": torch.full((1, 1), 10.0)}
    checkpoint.save(tmp_path / "after.pt", {"network": after})
    job, start = cast(DistillJob, judge), cast(LiteCpn, before)

    out = blend.blended(job, start, tmp_path / "after.pt", tmp_path / "blend.pt")

    assert sorted(set(judge.asked)) == pytest.approx([10 * share for share in blend.BLENDS])
    state = checkpoint.load(out)
    assert state["network"]["weight"].item() == pytest.approx(7.0)
    assert state["figures"]["share"] == pytest.approx(0.7)
    assert float(before.weight.detach()) == 0, "what it began with stays"
    judge.asked.clear()
    assert blend.blended(job, start, tmp_path / "after.pt", out) == out
    assert not judge.asked


def test_the_mean_of_trainings_is_that_of_their_weights(tmp_path: Path) -> None:
    files = []
    for number, value in enumerate((1.0, 4.0)):
        weights = {"weight": torch.full((2,), value), "seen": torch.tensor(number + 5)}
        files.append(tmp_path / f"{number}.pt")
        checkpoint.save(files[-1], {"network": weights, "describe": {"run": number}})

    out = checkpoint.load(blend.averaged(files, tmp_path / "mean.pt"))

    assert out["network"]["weight"].tolist() == [2.5, 2.5]
    assert int(out["network"]["seen"]) == 6, "a counter is the last one's"
    assert out["describe"] == {"run": 1}


def test_of_equally_good_mixtures_the_most_trained_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody held in: no share is better than another."""
    before = nn.Linear(1, 1, bias=False)
    checkpoint.save(tmp_path / "after.pt", {"network": {"weight": torch.full((1, 1), 10.0)}})

    def equal(_: nn.Module) -> dict[str, float]:
        return {"score": 0.0}

    def unknown(_: nn.Module) -> dict[str, float]:
        return {"score": math.nan}

    for judge in (equal, unknown):
        out = tmp_path / judge.__name__
        blend.best_mixture(before, tmp_path / "after.pt", out, judge, dict)
        assert checkpoint.load(out)["network"]["weight"].item() == 10.0
    assert caplog.text.count("nothing held in tells the mixtures apart") == 2


def test_a_mixing_that_was_stopped_leaves_nothing_that_could_be_taken_for_its_end(
    tmp_path: Path,
) -> None:
    before = nn.Linear(1, 1, bias=False)
    checkpoint.save(tmp_path / "after.pt", {"network": {"weight": torch.full((1, 1), 10.0)}})
    asked: list[nn.Module] = []

    def judge(network: nn.Module) -> dict[str, float]:
        asked.append(network)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return {"score": 1.0}

    with pytest.raises(KeyboardInterrupt):
        blend.best_mixture(before, tmp_path / "after.pt", tmp_path / "blend.pt", judge, dict)

    assert not (tmp_path / "blend.pt").exists()
