"""Train a network by a recipe.

Example:
    main.py train --recipe pose-base --data ../shared/data
"""

from __future__ import annotations

import logging
import sys

import torch

from pose.errors import UnavailableError
from training.recipes import Config, recipe_named

__all__ = ["Config", "run"]


def run(config: Config) -> None:
    """Train, and say where the weights are and what comes next."""
    train = recipe_named(config.recipe)
    config.folder.mkdir(parents=True, exist_ok=True)
    _log_to(config)
    if config.threads:
        torch.set_num_threads(config.threads)
    weights = train(config)
    sys.stdout.write(f"{weights}\n")


def device_of(config: Config) -> torch.device:
    """The device to train on; UnavailableError if one was named that is not here."""
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if config.device.startswith("cuda") and not torch.cuda.is_available():
        raise UnavailableError("--device cuda: torch sees no GPU here; use --device cpu or auto")
    return torch.device(config.device)


def _log_to(config: Config) -> None:
    """Everything that is said goes into the run's folder too."""
    lines = logging.FileHandler(config.folder / "train.log")
    lines.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(lines)
    root.setLevel(min(root.level, logging.INFO) or logging.INFO)
