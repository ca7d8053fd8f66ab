"""The recipe's phases: one with two trainings ends in a mixture of their mean with its start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from network import checkpoint
from network.cpn import LiteCpn
from tests.training.small_cache import SMALL
from training.distill import Cache
from training.distill_job import DistillConfig
from training.loop import LoopConfig
from training.pose_phases import PHASES, Phase
from training.pose_recipe import run_phase
from training.recipes import Config

ONE_STEP = LoopConfig(1, warmup_steps=1)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_two_trainings_end_in_a_mixture_of_their_mean_with_the_start(
    tmp_path: Path, cache: Cache
) -> None:
    torch.manual_seed(0)
    network = LiteCpn(SMALL)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    phase = Phase(DistillConfig("image", batch=3, own_share=0.5), ONE_STEP, runs=2)
    config = Config(recipe="pose-base", run_dir=tmp_path)

    weights = run_phase(phase, network, cache, [], config, 6)

    folder = tmp_path / "phase6_image"
    runs = [checkpoint.load(folder / f"run{n}" / "final.pt")["network"] for n in (1, 2)]
    mean, mixed = checkpoint.load(folder / "mean.pt"), checkpoint.load(weights)
    name = "heads.0.weight"
    assert not torch.equal(runs[0][name], runs[1][name]), "each has its own order of the data"
    torch.testing.assert_close(mean["network"][name], (runs[0][name] + runs[1][name]) / 2)
    share = mixed["figures"]["share"]
    torch.testing.assert_close(
        mixed["network"][name], before[name].lerp(mean["network"][name], share)
    )
    assert (folder / "own.npy").exists()


def test_only_the_last_phase_asks_the_network_itself_and_trains_twice() -> None:
    alone = [replace(phase.lesson, own_share=0) == phase.lesson for phase in PHASES]

    assert alone == [True] * 5 + [False]
    assert [phase.runs for phase in PHASES] == [1] * 5 + [2]
