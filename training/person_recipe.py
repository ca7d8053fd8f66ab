"""The recipe `person-320`: RTMDet-nano's weights, fine-tuned as our centre detector.

About half an hour on two cores of a server CPU. `--init person` goes on from what ships; its frozen
teacher stays RTMDet-nano.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch

from training.blend import best_mixture
from training.loop import LoopConfig, run_loop
from training.person_job import PersonJob, PersonTraining
from training.recipes import Config
from training.start import check_start, start_from
from training.train import device_of

LOOP = LoopConfig(
    steps=600,
    rate=2e-4,
    warmup_steps=100,
    ema_decay=0.995,
    clip_norm=10.0,
    validate_every=150,
    save_every=100,
)
SHARES = (0.35, 0.6, 0.85, 1.0)


def train(config: Config) -> Path:
    """Fine-tune the person detector; returns the path of the weights to ship."""
    check_start(config.init)
    training = PersonTraining()
    if config.batch:
        training = replace(training, batch=config.batch)
    loop = replace(LOOP, steps=config.steps or LOOP.steps, rate=config.rate or LOOP.rate)
    job = PersonJob(config.data, training, config.annotations, config.images)
    if config.init:
        start_from(job.network, config.init, some_pictures)
    job.network.to(device_of(config))
    before = deepcopy(job.network)
    run_loop(job, loop, config.folder)
    best, out = config.folder / "best.pt", config.folder / "blend.pt"
    return best_mixture(before, best, out, job.validate, job.describe, SHARES)


def some_pictures() -> torch.Tensor:
    """(1, 3, 64, 64): a detector has no norms to fit, any picture will do."""
    return torch.zeros(1, 3, 64, 64)
