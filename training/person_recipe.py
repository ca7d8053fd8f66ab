"""The recipe `person-320`: RTMDet-nano's weights, fine-tuned as our centre detector.

About half an hour on two cores of a server CPU. `--init person` goes on from what ships; its frozen
teacher stays RTMDet-nano.
"""

from __future__ import annotations

import logging
import math
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from model_zoo.zoo import MODELS, model_path
from network import checkpoint
from network.shipped import load_shipped
from training.blend import between
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

log = logging.getLogger(__name__)


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
    return mixed(job, before, config.folder / "best.pt", config.folder / "blend.pt")


def fill(network: nn.Module, init: Path) -> None:
    """Fill a detector with the weights of a checkpoint, an ONNX file of ours or one of the zoo."""
    if init.suffix == ".onnx" or str(init) in MODELS:
        load_shipped(network, model_path(str(init)), torch.zeros(1, 3, 64, 64))
    else:
        network.load_state_dict(checkpoint.load(init)["network"])


def mixed(job: PersonJob, before: nn.Module, after: Path, out: Path) -> Path:
    """Mix what a training began with and its best weights; see `training.blend`.

    Args:
        job: Judges on its held-in photographs.
        before: What the training began with.
        after: The best of its checkpoints.
        out: Where the best mixture goes; one that is there stays.

    Returns:
        `out`.
    """
    if out.exists():
        return out
    old, new = before.state_dict(), checkpoint.load(after)["network"]
    best = -math.inf
    for share in SHARES:
        network = deepcopy(before)
        network.load_state_dict(between(old, new, share))
        figures = job.validate(network.eval())
        log.info("%.2f of the new: %s", share, f"AP {figures['AP']:.4f} AP50 {figures['AP50']:.4f}")
        if figures["score"] > best:
            best = figures["score"]
            state = {"network": network.state_dict(), "figures": figures, "step": 0}
            checkpoint.save(out, {**state, "describe": job.describe()})
    return out
