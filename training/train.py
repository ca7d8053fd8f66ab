"""Train a network by a recipe.

Example:
    main.py train --recipe pose-base --data ../shared/data
    torchrun --nproc-per-node 8 main.py train --recipe cpn50-256x192 --data coco --init resnet50.pth
"""

from __future__ import annotations

import logging
import re
import sys

import torch

from pose.errors import OutputError, UnavailableError, UsageError
from training import distributed
from training.recipes import Config, learns_in_parallel, recipe_named

__all__ = ["Config", "run"]


def run(config: Config) -> None:
    """Train, and say where the weights are and what comes next."""
    train = recipe_named(config.recipe)
    alone = not distributed.started_by_torchrun()
    if not alone and not learns_in_parallel(config.recipe):
        raise UsageError(
            f"the recipe {config.recipe} runs in one process; start it without torchrun"
        )
    device_of(config)
    try:
        config.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"expected a folder for the run at {config.folder}, got: {error.strerror}; "
            "give another --run-dir"
        ) from error
    if alone or distributed.local_rank() == 0:
        _log_to(config)
    if config.threads:
        torch.set_num_threads(config.threads)
    weights = train(config)
    if alone or distributed.local_rank() == 0:
        sys.stdout.write(f"{weights}\n")


def device_of(config: Config) -> torch.device:
    """The device to train on.

    Raises:
        UsageError: No such word.
        UnavailableError: It is not here.
    """
    name = config.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise UsageError(f"expected --device of cpu, cuda, cuda:1 or auto, got {name!r}")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        here = torch.cuda.device_count()
        raise UnavailableError(
            f"--device {name}: torch sees {here or 'no'} GPUs here; use --device cpu or auto"
        )
    if name == "cuda" and distributed.started_by_torchrun():
        torch.cuda.set_device(distributed.local_rank())
        name = f"cuda:{distributed.local_rank()}"
    return torch.device(name)


def _log_to(config: Config) -> None:
    """Everything that is said goes into the run's folder too."""
    lines = logging.FileHandler(config.folder / "train.log")
    lines.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(lines)
    root.setLevel(min(root.level, logging.INFO) or logging.INFO)
