"""The recipe `person-320`: RTMDet-nano's weights, fine-tuned as our centre detector.

About half an hour on two cores of a server CPU. `--init person` goes on from what ships; its frozen
teacher stays RTMDet-nano.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from model_zoo.zoo import MODELS, model_path
from network import checkpoint
from network.shipped import load_shipped
from training.blend import best_mixture
from training.loop import LoopConfig, run_loop
from training.person_job import PersonJob, PersonTraining
from training.recipes import Config
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
    training = PersonTraining()
    if config.batch:
        training = replace(training, batch=config.batch)
    loop = replace(LOOP, steps=config.steps or LOOP.steps, rate=config.rate or LOOP.rate)
    job = PersonJob(config.data, training, config.annotations, config.images)
    if config.init:
        fill(job.network, config.init)
    job.network.to(device_of(config))
    before = deepcopy(job.network)
    run_loop(job, loop, config.folder)
    best, out = config.folder / "best.pt", config.folder / "blend.pt"
    return best_mixture(before, best, out, job.validate, job.describe, SHARES)


def fill(network: nn.Module, init: Path) -> None:
    """Fill a detector with the weights of a checkpoint, an ONNX file of ours or one of the zoo."""
    if init.suffix == ".onnx" or str(init) in MODELS:
        load_shipped(network, model_path(str(init)), torch.zeros(1, 3, 64, 64))
    else:
        network.load_state_dict(checkpoint.load(init)["network"])
