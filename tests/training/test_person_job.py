"""The fine-tuning of the detector as the loop sees it, on the real photographs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from network.described import build
from pose.card import ModelCard
from training.person_job import PersonJob, PersonTraining
from training.recipes import RECIPES


def test_the_recipe_is_in_the_table() -> None:
    assert RECIPES["person-320"] == "training.person_recipe:train"


@pytest.mark.slow
def test_the_job_starts_from_the_teacher_and_teaches_every_weight(shared: Path) -> None:
    pytest.importorskip("onnx")
    job = PersonJob(
        shared / "data", PersonTraining(batch=4, sizes_wh=((96, 64),), hand_share=0.5, held_in=4)
    )
    head, trunk = job.parameter_groups(1e-3)

    batch = next(job.batches(seed=0))
    losses = job.losses(batch)
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]

    assert batch.frames.shape == (4, 3, 64, 96)
    assert sum(scene.complete for scene in batch.labels) >= 2
    assert trunk["lr"] == pytest.approx(head["lr"] / 4)
    parameters = [*head["params"], *trunk["params"]]
    assert len(parameters) == len(list(job.network.parameters()))
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in parameters)

    again = next(job.batches(seed=0))
    assert torch.equal(again.frames, batch.frames)

    described = job.describe()
    rebuilt = build(json.loads(json.dumps(described["network"])))
    rebuilt.load_state_dict(job.network.state_dict())
    assert ModelCard.from_json(described["card"]).decoder == "centre"
