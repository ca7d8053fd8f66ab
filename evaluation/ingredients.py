"""Leave one ingredient of the pose recipe out at a time, and say what it had given.

Every row trains the small pose network (`pose-lite`) from the same start, on the same crops in the
same order, for the same few steps; all are asked about the same held-in people, as the photographs
show them and as spoiled as training would show them. Differences are paired, person by person.
Rows that are finished are kept: the same command goes on where it was stopped, or only prints.

Example:
    main.py ingredients --data ../shared/data --out runs/ingredients
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from evaluation import bootstrap
from evaluation.budget import remember
from network import checkpoint
from pose.errors import InputError, UsageError
from pose.types import ByteArray
from training import distill, recipes
from training.augment import Camera
from training.distill_exam import hits_of_each, oks_of_each
from training.distill_job import DistillConfig, DistillJob
from training.distill_view import Framing
from training.loop import LoopConfig, run_loop
from training.pose_card import LITE_CARD
from training.pose_recipe import SHARES, cut_out_people, started
from training.progress import Progress
from training.teacher import PoseTeacher

ALL = "all"
SIZE_WH = (112, 144)  # small, so that a row takes minutes
_CARD = replace(LITE_CARD, input_size_wh=SIZE_WH)
FIGURES = ("OKS", "OKS spoiled", "PCK")
_STILL = Camera(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Row:
    """One training.

    Attributes:
        about: What is different, in a few words.
        learning: What is different in how is learned.
        ema: Whether the weights' running mean is taken.
        one_teacher: Targets of one pass of one teacher instead of the mean.
    """

    about: str
    learning: Mapping[str, Any] = field(default_factory=dict)
    ema: bool = True
    one_teacher: bool = False


def _framing(**changes: Any) -> dict[str, Any]:
    return {"framing": replace(Framing(), **changes)}


ROWS: Mapping[str, Row] = {
    ALL: Row("everything"),
    "mean": Row("one teacher, one pass, for a mean of four", one_teacher=True),
    "hand": Row("no hand labels", {"hand_share": 0.0, "exact_share": 0.0}),
    "cleaning": Row("hand labels as they are", {"agree_px": 1e6}),
    "turning": Row("turned by 12 degrees only, none upside down", _framing(any_turn_chance=0.0)),
    "cutting": Row("nobody cut off by the frame", _framing(cut_chance=0.0)),
    "scale": Row("always the same distance", _framing(scale=(1.0, 1.0), shift=0.0)),
    "pasting": Row("nobody in front", {"paste_chance": 0.0}),
    "camera": Row("no colour, blur, noise, compression", {"camera": _STILL}),
    "mixture": Row("sources as they come", {"source_share": {}}),
    "hardest": Row("no hard keypoints mining", {"hardest": 17}),
    "unfrozen": Row("backbone frozen", {"backbone_rate": 0.0}),
    "ema": Row("no mean of the weights", ema=False),
}


@dataclass(frozen=True)
class Config:
    """What the rows share.

    Attributes:
        data: Folder with `people/` and `teachers/`.
        out: Where finished rows are kept.
        cache: Crops and targets of `main.py train --recipe pose-base`.
        init: Where every row starts: a checkpoint, an ONNX file of ours or a name of the zoo.
        crops: So many of the cache are learned from, the first ones.
        steps: Optimiser steps of each row.
        batch: Crops per step.
        rate: Highest learning rate.
        rows: Train only these; all if none is named.
        threads: CPU threads.
        only_print: Train nothing; print what is finished.
        json: Print one JSON object instead of a table.
    """

    data: Path = Path("../shared/data")
    out: Path = Path("runs/ingredients")
    cache: Path = Path("runs/pose-base/cache")
    init: Path = Path("pose")
    crops: int = 4096
    steps: int = 240
    batch: int = 24
    rate: float = 1e-3
    rows: tuple[str, ...] = ()
    threads: int = 1
    only_print: bool = False
    json: bool = False


def run(config: Config) -> None:
    """Train what is missing, and print everything that is finished.

    Raises:
        UsageError: The options do not fit together, or the folder was made with others.
        InputError: Labels, photographs or weights cannot be used.
        OutputError: A checkpoint could not be written.
    """
    unknown = [name for name in config.rows if name not in ROWS]
    if unknown:
        raise UsageError(f"--rows: expected some of {', '.join(ROWS)}, got {unknown[0]!r}")
    if min(config.crops, config.steps, config.batch, config.threads) < 1:
        raise UsageError("expected --crops, --steps, --batch and --threads of 1 or more")
    cv2.setNumThreads(1)
    torch.set_num_threads(config.threads)
    budget = {name: getattr(config, name) for name in ("crops", "steps", "batch", "rate")}
    remember(config.out, {**budget, "init": str(config.init)}, config.only_print)
    missing = [name for name in config.rows or ROWS if not _answers(config, name).is_file()]
    if missing and not config.only_print:
        recipe = recipes.Config("pose-base", config.data, init=config.init)
        cache = distill.open_cache(config.cache)
        people = cut_out_people(recipe)
        for name in missing:
            _train(config, name, recipe, cache, people)
    found = {name: _read(config, name) for name in ROWS if _answers(config, name).is_file()}
    if ALL not in found:
        raise InputError(f"{config.out}: the row {ALL!r} is not finished; train it first")
    gains = {name: differences(found[ALL], each) for name, each in found.items()}
    if config.json:
        sys.stdout.write(json.dumps(_as_json(found, gains)) + "\n")
        return
    Console(file=sys.stdout, width=110).print(_table(found, gains))


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a row's network said of N held-in people.

    Attributes:
        values: By figure (N,), NaN for people whom it does not apply to.
        photographs: (N,) int64 which photograph each is in.
    """

    values: Mapping[str, np.ndarray]
    photographs: np.ndarray

    def mean(self, figure: str) -> float:
        """Over the people to whom it applies."""
        return float(np.nanmean(self.values[figure]))


def differences(whole: Answers, part: Answers) -> dict[str, tuple[float, float, float]]:
    """What the whole recipe gives over a part of it: difference and 95 % interval by figure."""
    weights = bootstrap.draw(int(whole.photographs.max(initial=0)) + 1)[:, whole.photographs]
    gains = {}
    for figure in FIGURES:
        gap = whole.values[figure].astype(np.float64) - part.values[figure]
        known = np.isfinite(gap)
        counts = weights[:, known].sum(1)
        draws = (weights[:, known] @ gap[known]) / np.maximum(counts, 1)
        draws = np.where(counts > 0, draws, np.nan)
        gains[figure] = (float(gap[known].mean()), *bootstrap.interval(draws))
    return gains


def _train(
    config: Config,
    name: str,
    recipe: recipes.Config,
    cache: distill.Cache,
    people: list[ByteArray],
) -> None:
    row = ROWS[name]
    network = started(config.init, cache)
    lesson = _first(cache, config.crops)
    if row.one_teacher:
        lesson = replace(lesson, targets=_of_one_teacher(config, lesson))
    base = DistillConfig(
        "image", config.batch, backbone_rate=1.0, size_wh=SIZE_WH, source_share=SHARES
    )
    job = DistillJob(network, lesson, _CARD, replace(base, **row.learning), people=people)
    loop = LoopConfig(
        steps=config.steps,
        rate=config.rate,
        warmup_steps=min(40, config.steps),
        ema_decay=0.985 if row.ema else 0.0,
        clip_norm=1.0,
        validate_every=config.steps + 1,
        save_every=100,
    )
    torch.manual_seed(0)
    weights = run_loop(job, loop, config.out / name)
    network.load_state_dict(checkpoint.load(weights)["network"])
    judge = DistillJob(network, cache, _CARD, DistillConfig("image", size_wh=SIZE_WH))
    asked = judge.ask(network, judge.held_in)
    spoiled = judge.ask(network, judge.held_in, spoiled=True)
    values = (oks_of_each(asked), oks_of_each(spoiled), hits_of_each(asked))
    files = [cache.files[i] for i in judge.held_in]
    numbers = {file: i for i, file in enumerate(dict.fromkeys(files))}
    kept: dict[str, Any] = dict(zip(FIGURES, values, strict=True))
    kept["photographs"] = np.array([numbers[file] for file in files], np.int64)
    np.savez(_answers(config, name), **kept)


def _first(cache: distill.Cache, count: int) -> distill.Cache:
    """A cache of the first crops, none of them to be judged on."""
    return replace(cache, done=cache.done & (np.arange(len(cache.done)) < count))


def _of_one_teacher(config: Config, cache: distill.Cache) -> np.ndarray:
    """(n, K, h, w) uint8 as `Cache.targets`: one teacher's single pass, kept on disk."""
    path, mark = config.out / "one_teacher.npy", config.out / "one_teacher.txt"
    shape = (min(config.crops, len(cache.done)), *cache.targets.shape[1:])
    begun = path.is_file()
    targets = np.lib.format.open_memmap(path, "r+" if begun else "w+", np.uint8, shape)
    done = int(mark.read_text()) if mark.is_file() else 0
    teacher = PoseTeacher([config.data / "teachers" / "tinypose_256x192_A.onnx"], views=0)
    with Progress("one teacher", total=shape[0], done=done) as bar:
        for number in range(done, shape[0]):
            maps = teacher.once(cache.crops[number])
            targets[number] = (maps.clip(0, 1) * 255).round().astype(np.uint8)
            mark.write_text(str(number + 1))
            bar.advance()
    return targets


def _answers(config: Config, name: str) -> Path:
    return config.out / name / "answers.npz"


def _read(config: Config, name: str) -> Answers:
    with np.load(_answers(config, name)) as kept:
        return Answers({figure: kept[figure] for figure in FIGURES}, kept["photographs"])


def _table(
    found: Mapping[str, Answers], gains: Mapping[str, dict[str, tuple[float, float, float]]]
) -> Table:
    heads = [head for figure in FIGURES for head in (figure, "it gave (95 %)")]
    table = Table("row", "what is left out", *heads, box=None, pad_edge=False)
    for name, answers in found.items():
        cells = []
        for figure in FIGURES:
            cells.append(f"{100 * answers.mean(figure):.2f}")
            gain = "{:+.2f} ({:+.2f} to {:+.2f})".format(*(100 * v for v in gains[name][figure]))
            cells.append("" if name == ALL else gain)
        table.add_row(name, ROWS[name].about, *cells)
    return table


def _as_json(
    found: Mapping[str, Answers], gains: Mapping[str, dict[str, tuple[float, float, float]]]
) -> dict[str, Any]:
    return {
        name: {
            figure: {
                "value": round(answers.mean(figure), 6),
                "gave": [round(value, 6) for value in gains[name][figure]],
            }
            for figure in FIGURES
        }
        for name, answers in found.items()
    }
