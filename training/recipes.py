"""Recipes: whole trainings by name, and what may be changed about each from the command line."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from pose.errors import UsageError
from training.cpn_options import CpnOptions

_CPN = "training.cpn_recipe:train"

# name -> "module:function"; each function takes a Config and returns the path of its weights.
RECIPES: Mapping[str, str] = {
    "pose-base": "training.pose_recipe:train",
    "pose-lite": "training.pose_recipe:train_lite",
    "person-320": "training.person_recipe:train",
    "cpn50-256x192": _CPN,
    "cpn50-384x288": _CPN,
    "cpn101-256x192": _CPN,
    "cpn101-384x288": _CPN,
    "cpn-ir-v2-256x192": _CPN,
    "cpn-ir-v2-384x288": _CPN,
    "fpn50-256x192": _CPN,
    "hourglass1-256x192": _CPN,
    "hourglass2-256x192": _CPN,
    "hourglass4-256x192": _CPN,
    "hourglass8-256x192": _CPN,
    "mask-trial": "training.mask_trial:train",
}


@dataclass(frozen=True)
class Config:
    """Train a network: `main.py train --recipe pose-base --data ../shared/data`.

    A run that was stopped goes on when the same command is given again.
    """

    recipe: Annotated[str, tyro.conf.arg(metavar="|".join(RECIPES))] = "pose-base"
    """Which training."""
    data: Path = Path("../shared/data")
    """Folder with `people/` and `teachers/`; for the cpn recipes, COCO 2017 as it is unpacked."""
    annotations: Path | None = None
    """COCO keypoints file to learn from instead of the folder's own; 4 % of its photographs
    are set aside for validation."""
    images: Path | None = None
    """Folder that the annotations' file names start from."""
    init: Path | None = None
    """Weights to start from: for the default models a checkpoint of ours, an ONNX file of ours or a
    name such as `pose`; for the cpn recipes a backbone's (.safetensors, or plain tensors)."""
    run_dir: Path | None = None
    """Where checkpoints and logs go; runs/RECIPE if not given."""
    steps: int = 0
    """Optimiser steps of each phase; 0 takes the recipe's."""
    batch: int = 0
    """Pictures per step and process; 0 takes the recipe's."""
    rate: float = 0.0
    """Learning rate; 0 takes the recipe's. The cpn recipes multiply it for larger batches."""
    workers: int = 2
    """Processes or threads that prepare pictures."""
    threads: int = 0
    """Threads of torch on the CPU; 0 leaves it to torch."""
    device: str = "auto"
    """`cpu`, `cuda`, or `auto`: a GPU where there is one."""
    cpn: CpnOptions = field(default_factory=CpnOptions)
    """Choices of the cpn, fpn and hourglass recipes."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "rate", "workers", "threads"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise UsageError(f"expected --{name} of 0 or more, got {value:g}")
        if self.cpn != CpnOptions() and RECIPES.get(self.recipe) != _CPN:
            raise UsageError(f"the flags --cpn.… are not for the recipe {self.recipe}; leave them")
        self.cpn.check()

    @property
    def folder(self) -> Path:
        """Where this run lives."""
        return self.run_dir or Path("runs") / self.recipe


def learns_in_parallel(name: str) -> bool:
    """Whether a recipe can run in several processes of torchrun."""
    return RECIPES.get(name) == _CPN


def recipe_named(name: str) -> Callable[[Config], Path]:
    """Import the recipe's module; UsageError names the known ones."""
    if name not in RECIPES:
        raise UsageError(f"expected a recipe of {', '.join(RECIPES)}, got {name!r}")
    module, _, function = RECIPES[name].partition(":")
    found: Callable[[Config], Path] = getattr(importlib.import_module(module), function)
    return found
