"""Leave one ingredient of a default model's recipe out at a time, and say what it had given.

Rows that are finished are kept: the same command goes on where it was stopped, or only prints.

Example:
    main.py ingredients --data ../shared/data
    main.py ingredients --of person --data ../shared/data --steps 150
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import astuple

import cv2
import torch
from rich.console import Console
from rich.table import Table

from evaluation import ingredients_person, ingredients_pose
from evaluation.budget import remember
from evaluation.ingredient_study import ALL, Config, Gain, Study
from pose.errors import InputError, UsageError

STUDIES: Mapping[str, Study] = {
    "pose": ingredients_pose.STUDY,
    "person": ingredients_person.STUDY,
}
Gains = Mapping[str, Mapping[str, Gain]]


def run(config: Config) -> None:
    """Train what is missing, and print everything that is finished.

    Raises:
        UsageError: The options do not fit together, or the folder was made with others.
        InputError: Labels, photographs or weights cannot be used.
        OutputError: A checkpoint could not be written.
    """
    study = STUDIES[config.of]
    unknown = [name for name in config.rows if name not in study.about]
    if unknown:
        known = ", ".join(study.about)
        raise UsageError(f"--rows: expected some of {known}, got {unknown[0]!r}")
    if min(config.crops, config.steps, config.threads) < 1 or min(config.batch, config.rate) < 0:
        raise UsageError(
            "expected --crops, --steps and --threads of 1 or more, --batch and --rate of 0 or more"
        )
    cv2.setNumThreads(1)
    torch.set_num_threads(config.threads)
    remember(config.folder, study.budget(config), config.only_print)
    missing = [name for name in config.rows or study.about if not config.answers(name).is_file()]
    if missing and not config.only_print:
        train = study.open(config)
        for name in missing:
            train(name)
    finished = [name for name in study.about if config.answers(name).is_file()]
    if ALL not in finished:
        raise InputError(f"{config.folder}: the row {ALL!r} is not finished; train it first")
    gains = study.gains(config, finished)
    if config.json:
        sys.stdout.write(json.dumps(_as_json(gains)) + "\n")
        return
    Console(file=sys.stdout, width=110).print(_table(study, gains))


def _table(study: Study, gains: Gains) -> Table:
    heads = [head for figure in study.figures for head in (figure, "it gave (95 %)")]
    table = Table("row", "what is left out", *heads, box=None, pad_edge=False)
    for name, figures in gains.items():
        cells = []
        for gain in figures.values():
            value, *gave = (100 * number for number in astuple(gain))
            said = "{:+.2f} ({:+.2f} to {:+.2f})".format(*gave)
            cells += [f"{value:.2f}", "" if name == ALL else said]
        table.add_row(name, study.about[name], *cells)
    return table


def _as_json(gains: Gains) -> dict[str, dict[str, dict[str, object]]]:
    return {
        name: {
            figure: {
                "value": round(gain.value, 6),
                "gave": [round(number, 6) for number in (gain.gave, gain.low, gain.high)],
            }
            for figure, gain in figures.items()
        }
        for name, figures in gains.items()
    }
