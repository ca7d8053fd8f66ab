"""The recipe `person-320`: RTMDet-nano's weights, fine-tuned as our centre detector.

About half an hour on two cores of a server CPU. `--init person` goes on from what ships; its frozen
teacher stays RTMDet-nano.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from model_zoo.zoo import MODELS, model_path
from network import checkpoint
from network.shipped import load_shipped
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


def train(config: Config) -> Path:
    """Fine-tune the person detector; returns the path of the final weights."""
    training = PersonTraining()
    if config.batch:
        training = replace(training, batch=config.batch)
    loop = replace(LOOP, steps=config.steps or LOOP.steps, rate=config.rate or LOOP.rate)
    job = PersonJob(config.data, training, config.annotations, config.images)
    if config.init and (config.init.suffix == ".onnx" or str(config.init) in MODELS):
        shipped = model_path(str(config.init))
        load_shipped(job.network, shipped, torch.zeros(1, 3, 64, 64))
    elif config.init:
        job.network.load_state_dict(checkpoint.load(config.init)["network"])
    job.network.to(device_of(config))
    return run_loop(job, loop, config.folder)
