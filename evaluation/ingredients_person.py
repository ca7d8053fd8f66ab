"""The detector's recipe taken apart: RTMDet-nano fine-tuned with one ingredient left out.

Every row trains from the same start for the same few steps; all are asked about the same held-in
photographs, through the application's own suppression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from evaluation import bootstrap
from evaluation.annotations import Annotations, People
from evaluation.annotations import Photograph as Judged
from evaluation.ingredient_study import ALL, Config, Gain, Study
from evaluation.kept_arrays import write_arrays
from evaluation.matches import Matches, average_precision, box_matches
from network import checkpoint
from pose.skeleton import COCO_17
from pose.types import Boxes
from training.augment import Camera
from training.loop import LoopConfig, run_loop
from training.person_dataset import Photograph
from training.person_job import PersonJob, PersonTraining
from training.person_recipe import some_pictures
from training.person_scene import Framing
from training.start import start_from

FIGURES = ("AP50", "AP", "AP50 in groups")
GROUP = 4  # people in a photograph
_STILL = Camera(0, 0, 0, 0, 0, 0)
_BATCH, _RATE = 16, 2e-4


@dataclass(frozen=True, slots=True)
class Row:
    """One training.

    Attributes:
        about: What is different, in a few words.
        training: What is different in the scenes.
        ema: Whether the weights' running mean is taken.
    """

    about: str
    training: Mapping[str, Any] = field(default_factory=dict)
    ema: bool = True


def _framing(**changes: Any) -> dict[str, Any]:
    return {"framing": replace(Framing(), **changes)}


ROWS: Mapping[str, Row] = {
    ALL: Row("everything"),
    "pasting": Row("nobody pasted in", _framing(paste_chance=0.0)),
    "mosaic": Row("no four photographs in one", _framing(mosaic_chance=0.0)),
    "zoom": Row("always the same distance and shape", _framing(zoom=(1.0, 1.0), stretch=1.0)),
    "camera": Row("no colour, blur, noise, compression", _framing(camera=_STILL)),
    "others": Row("only photographs labelled by hand", {"hand_share": 1.0}),
    "ema": Row("no mean of the weights", ema=False),
}

_KEPT = ("photograph", "hit", "counted", "people")  # of `Matches`


def _budget(config: Config) -> dict[str, int | float | str]:
    return {
        "of": config.of,
        "steps": config.steps,
        "batch": config.batch or _BATCH,
        "rate": config.rate or _RATE,
        "init": str(config.init or "teacher"),
    }


def _open(config: Config) -> Callable[[str], None]:
    return lambda name: _train(config, name)


def _train(config: Config, name: str) -> None:
    row = ROWS[name]
    training = replace(PersonTraining(batch=config.batch or _BATCH), **row.training)
    job = PersonJob(config.data, training)
    if config.init:
        start_from(job.network, config.init, some_pictures)
    loop = LoopConfig(
        steps=config.steps,
        rate=config.rate or _RATE,
        warmup_steps=min(40, config.steps),
        ema_decay=0.985 if row.ema else 0.0,
        clip_norm=10.0,
        validate_every=config.steps + 1,
        save_every=100,
    )
    torch.manual_seed(0)
    weights = run_loop(job, loop, config.folder / name)
    job.network.load_state_dict(checkpoint.load(weights)["network"])
    keep(config.answers(name), job.held_in, job.found(job.network.eval()))


def keep(path: Path, photographs: Sequence[Photograph], found: Sequence[Boxes]) -> None:
    """Write down which boxes of a row are right, photograph by photograph."""
    matches = box_matches(as_annotations(photographs), found)
    write_arrays(path, {field: getattr(matches, field) for field in _KEPT})


def as_annotations(photographs: Sequence[Photograph]) -> Annotations:
    """Photographs of the training, as evaluation knows them; boxes only."""
    judged = []
    for number, photograph in enumerate(photographs):
        xyxy = np.concatenate([photograph.xyxy, photograph.crowds]).astype(np.float32)
        crowd: npt.NDArray[np.bool_] = np.arange(len(xyxy)) >= len(photograph.xyxy)
        nothing = np.full((len(xyxy), len(COCO_17), 2), np.nan, np.float32)
        unknown = np.full(len(xyxy), np.nan, np.float32)
        people = People(np.arange(len(xyxy)), xyxy, nothing, unknown, crowd, unknown)
        judged.append(Judged(number, photograph.file, photograph.size_wh, people))
    return Annotations(tuple(judged), COCO_17, frozenset(range(len(judged))))


def _gains(config: Config, names: Sequence[str]) -> dict[str, dict[str, Gain]]:
    found = {}
    for name in names:
        with np.load(config.answers(name)) as kept:
            found[name] = Matches(*(kept[field] for field in _KEPT))
    return differences(found)


def differences(found: Mapping[str, Matches]) -> dict[str, dict[str, Gain]]:
    """What the whole recipe gives over each row; `found` holds `ALL`."""
    people = found[ALL].people
    once = np.ones((1, len(people)), np.int64)
    draws = np.concatenate([once, bootstrap.draw(len(people))])
    values = {}
    for name, matches in found.items():
        precision = average_precision(matches, draws)
        groups = average_precision(matches, draws * (people >= GROUP))
        values[name] = dict(
            zip(FIGURES, (precision[:, 0], precision.mean(1), groups[:, 0]), strict=True)
        )
    gains: dict[str, dict[str, Gain]] = {}
    for name, figures in values.items():
        gains[name] = {}
        for figure, drawn in figures.items():
            gap = values[ALL][figure] - drawn
            gains[name][figure] = Gain(float(drawn[0]), float(gap[0]), *bootstrap.interval(gap[1:]))
    return gains


STUDY = Study({name: row.about for name, row in ROWS.items()}, FIGURES, _budget, _open, _gains)
