"""What all studies of ingredients share: the command's choices, and what a row gave.

A study trains rows one by one, each with one ingredient left out, and keeps what its network says
of held-in photographs; differences from the whole recipe are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ALL = "all"


@dataclass(frozen=True)
class Config:
    """What the rows share.

    Attributes:
        of: Whose recipe: `pose`, at a small size, or `person`.
        data: Folder with `people/` and `teachers/`.
        out: Where finished rows are kept; runs/ingredients-OF if not given.
        cache: Crops and targets of `main.py train --recipe pose-base`; for `pose`.
        init: Where every row starts: a checkpoint, an ONNX file of ours or a name of the zoo; if
            not given `pose`, or for `person` its teacher.
        crops: So many of the cache are learned from, the first ones; for `pose`.
        steps: Optimiser steps of each row.
        batch: Crops or scenes per step; 0 takes 24 or 16.
        rate: Highest learning rate; 0 takes 0.001 or 0.0002.
        rows: Train only these; all if none is named.
        threads: CPU threads.
        only_print: Train nothing; print what is finished.
        json: Print one JSON object instead of a table.
    """

    of: Literal["pose", "person"] = "pose"
    data: Path = Path("../shared/data")
    out: Path | None = None
    cache: Path = Path("runs/pose-base/cache")
    init: Path | None = None
    crops: int = 4096
    steps: int = 240
    batch: int = 0
    rate: float = 0.0
    rows: tuple[str, ...] = ()
    threads: int = 1
    only_print: bool = False
    json: bool = False

    @property
    def folder(self) -> Path:
        """Where rows are kept."""
        return self.out or Path("runs") / f"ingredients-{self.of}"

    def answers(self, row: str) -> Path:
        """What a finished row's network said."""
        return self.folder / row / "answers.npz"


@dataclass(frozen=True, slots=True)
class Gain:
    """A figure of a row, 0 to 1, and what the whole recipe has more: difference, 95 % interval."""

    value: float
    gave: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Study:
    """One recipe taken apart.

    Attributes:
        about: Row -> what is left out, in a few words; the first one is `ALL`.
        figures: What rows are judged by.
        budget: What must be equal for rows to stand in one table.
        open: Reads the data once; what it returns trains a row and keeps its answers.
        gains: Finished rows -> figure -> value and gain.
    """

    about: Mapping[str, str]
    figures: tuple[str, ...]
    budget: Callable[[Config], Mapping[str, int | float | str]]
    open: Callable[[Config], Callable[[str], None]]
    gains: Callable[[Config, Sequence[str]], Mapping[str, Mapping[str, Gain]]]
