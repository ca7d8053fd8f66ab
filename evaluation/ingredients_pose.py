"""The pose recipe taken apart: the small network trained with one ingredient left out.

Every row trains from the same start, on the same crops in the same order, for the same few steps;
all are asked about the same held-in people, as the photographs show them and as spoiled as training
would show them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evaluation import bootstrap
from evaluation.ingredient_study import ALL, Config, Gain, Study
from evaluation.kept_arrays import write_arrays
from network import checkpoint
from pose.types import ByteArray
from training import distill, recipes
from training.augment import Camera
from training.distill_exam import hits_of_each, oks_of_each
from training.distill_job import DistillConfig, DistillJob
from training.distill_view import Framing
from training.loop import LoopConfig, run_loop
from training.pose_card import LITE_CARD
from training.pose_phases import SHARES
from training.pose_recipe import cut_out_people, started
from training.progress import Progress
from training.teacher import PoseTeacher

FIGURES = ("OKS", "OKS spoiled", "PCK")
SIZE_WH = (112, 144)  # small, so that a row takes minutes
_CARD = replace(LITE_CARD, input_size_wh=SIZE_WH)
_STILL = Camera(0, 0, 0, 0, 0, 0)
_START, _BATCH, _RATE = Path("pose"), 24, 1e-3


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


def differences(whole: Answers, part: Answers) -> dict[str, Gain]:
    """What the whole recipe gives over a part of it, by figure."""
    weights = bootstrap.draw(int(whole.photographs.max(initial=0)) + 1)[:, whole.photographs]
    gains = {}
    for figure in FIGURES:
        gap = whole.values[figure].astype(np.float64) - part.values[figure]
        known = np.isfinite(gap)
        counts = weights[:, known].sum(1)
        draws = (weights[:, known] @ gap[known]) / np.maximum(counts, 1)
        draws = np.where(counts > 0, draws, np.nan)
        gains[figure] = Gain(
            part.mean(figure), float(gap[known].mean()), *bootstrap.interval(draws)
        )
    return gains


def _budget(config: Config) -> dict[str, int | float | str]:
    return {
        "crops": config.crops,
        "steps": config.steps,
        "batch": config.batch or _BATCH,
        "rate": config.rate or _RATE,
        "init": str(config.init or _START),
    }


def _open(config: Config) -> Callable[[str], None]:
    cache = distill.open_cache(config.cache)
    people = cut_out_people(recipes.Config("pose-base", config.data))
    return lambda name: _train(config, name, cache, people)


def _train(config: Config, name: str, cache: distill.Cache, people: list[ByteArray]) -> None:
    row = ROWS[name]
    network = started(config.init or _START, cache)
    lesson = _first(cache, config.crops)
    if row.one_teacher:
        lesson = replace(lesson, targets=_of_one_teacher(config, lesson))
    base = DistillConfig(
        "image", config.batch or _BATCH, backbone_rate=1.0, size_wh=SIZE_WH, source_share=SHARES
    )
    job = DistillJob(network, lesson, _CARD, replace(base, **row.learning), people=people)
    loop = LoopConfig(
        steps=config.steps,
        rate=config.rate or _RATE,
        warmup_steps=min(40, config.steps),
        ema_decay=0.985 if row.ema else 0.0,
        clip_norm=1.0,
        validate_every=config.steps + 1,
        save_every=100,
    )
    torch.manual_seed(0)
    weights = run_loop(job, loop, config.folder / name)
    network.load_state_dict(checkpoint.load(weights)["network"])
    judge = DistillJob(network, cache, _CARD, DistillConfig("image", size_wh=SIZE_WH))
    asked = judge.ask(network, judge.held_in)
    spoiled = judge.ask(network, judge.held_in, spoiled=True)
    values = (oks_of_each(asked), oks_of_each(spoiled), hits_of_each(asked))
    files = [cache.files[i] for i in judge.held_in]
    numbers = {file: i for i, file in enumerate(dict.fromkeys(files))}
    kept: dict[str, Any] = dict(zip(FIGURES, values, strict=True))
    kept["photographs"] = np.array([numbers[file] for file in files], np.int64)
    write_arrays(config.answers(name), kept)


def _first(cache: distill.Cache, count: int) -> distill.Cache:
    """A cache of the first crops, none of them to be judged on."""
    return replace(cache, done=cache.done & (np.arange(len(cache.done)) < count))


def _of_one_teacher(config: Config, cache: distill.Cache) -> np.ndarray:
    """(n, K, h, w) uint8 as `Cache.targets`: one teacher's single pass, kept on disk."""
    path, mark = config.folder / "one_teacher.npy", config.folder / "one_teacher.txt"
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


def _gains(config: Config, names: Sequence[str]) -> dict[str, dict[str, Gain]]:
    found = {}
    for name in names:
        with np.load(config.answers(name)) as kept:
            values = {figure: kept[figure] for figure in FIGURES}
            found[name] = Answers(values, kept["photographs"])
    return {name: differences(found[ALL], answers) for name, answers in found.items()}


STUDY = Study({name: row.about for name, row in ROWS.items()}, FIGURES, _budget, _open, _gains)
