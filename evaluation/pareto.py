"""Compare models by accuracy and milliseconds, ours and others', as a table and a picture.

Pose models are judged by AP in people's true boxes, detectors by AP50 of their boxes. Times are of
the network alone, with each number of threads; of pose networks also for several people at once.
Rounds take turns, so that what else the machine does hits all; peers' files are given with --peers.

Example:
    main.py pareto --annotations person_keypoints_val2017.json --images val2017 --out pareto.png
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from app.machine import machine_name
from app.pipeline.progress import TALK
from evaluation import bootstrap
from evaluation.annotations import Annotations, read_annotations
from evaluation.contenders import PERSON, POSE, Contender, contenders
from evaluation.pareto_plot import Point, draw, front, write
from evaluation.place import check_place
from evaluation.scores import score
from pose.errors import InputError, UsageError

FIGURES = {POSE: "AP", PERSON: "detector_AP50"}


@dataclass(frozen=True)
class Config:
    """What to compare, and on what.

    Attributes:
        annotations: COCO annotations of people: keypoints for pose models, boxes for detectors.
        images: Folder of the photographs.
        models: Models of ours: names of the model zoo or files; a detector's longest side may
            follow, as in `person@416`.
        peers: Folder with the networks of others that `evaluation/peers.py` knows.
        threads: Numbers of threads to time with.
        people: Pose networks are also timed with so many people in one run; 1 for no more.
        rounds: How often each network is timed; the median counts.
        runs: Runs of a network in each round.
        limit: Only so many photographs, spread evenly over the file; 0 for all.
        out: Picture to draw; none if empty.
        json: Print one JSON object instead of tables.
    """

    annotations: Path
    images: Path
    models: tuple[str, ...] = (POSE, "pose-lite", PERSON, f"{PERSON}@416")
    peers: Path | None = None
    threads: tuple[int, ...] = (1, 2)
    people: int = 4
    rounds: int = 5
    runs: int = 10
    limit: int = 0
    out: Path | None = None
    json: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one."""

    name: str
    task: str
    ours: bool
    runtime: str
    accuracy: float
    interval: tuple[float, float]
    ms: dict[int, float]
    ms_together: dict[int, float]


def run(config: Config) -> None:
    """Measure, print, draw.

    Raises:
        UsageError: The options cannot be meant.
        InputError: Labels, photographs or models cannot be used.
        UnavailableError: A package or a backend is missing.
        OutputError: The picture cannot be written.
    """
    if not config.threads or min(*config.threads, config.people, config.rounds, config.runs) < 1:
        raise UsageError("expected --threads, --people, --rounds and --runs of 1 or more")
    if config.limit < 0:
        raise UsageError(f"--limit: expected a number of photographs, got {config.limit}")
    if config.out is not None and config.out.suffix.lower() != ".png":
        raise UsageError(f"--out: expected a name that ends in .png, got {config.out}")
    annotations = read_annotations(config.annotations, config.images)
    photographs = [photo.path for photo in annotations.photographs]
    check_place("--out", config.out, [config.annotations, *photographs])
    annotations = annotations.spread(config.limit or len(annotations.photographs))
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        everybody = contenders(config.models, config.peers, Path(folder))
        rows = _measured(everybody, annotations, config)
    if not rows:
        raise InputError(f"{config.annotations}: its labels fit none of these models")
    if config.out is not None:
        write(config.out, _pictures(rows, config.threads))
    if config.json:
        sys.stdout.write(json.dumps(_as_json(rows, config)) + "\n")
        return
    console = Console(file=sys.stdout, width=130)
    console.print(Text(f"{config.annotations.name}, {machine_name()}"))
    for task in (POSE, PERSON):
        some = [row for row in rows if row.task == task]
        if some:
            console.print(_table(some, task, config))


# ---- measuring -------------------------------------------------------------------------------


def _measured(
    everybody: Sequence[Contender], annotations: Annotations, config: Config
) -> list[Row]:
    ms = _milliseconds(everybody, config, 1)
    together = _milliseconds(everybody, config, config.people) if config.people > 1 else {}
    weights = bootstrap.draw(len(annotations.photographs))
    rows = []
    for number, each in enumerate(
        track(everybody, "models", console=TALK, disable=not TALK.is_terminal)
    ):
        if each.task == POSE and not annotations.people_with_keypoints:
            continue
        found = each.judge(annotations)
        pose = each.task == POSE
        scores = score(annotations, found, each.skeleton, weights, pose, not pose)
        figure = FIGURES[each.task]
        if figure not in scores.figures:
            continue
        times = {threads: ms[threads][number] for threads in config.threads}
        span = bootstrap.interval(scores.draws[figure])
        accuracy = scores.figures[figure]
        several = {threads: spent[number] for threads, spent in together.items() if pose}
        rows.append(
            Row(each.name, each.task, each.ours, each.runtime, accuracy, span, times, several)
        )
    return rows


def _milliseconds(
    everybody: Sequence[Contender], config: Config, count: int
) -> dict[int, list[float]]:
    """For each number of threads the median time of each contender, in ms; all take turns.

    With `count` above 1 only pose networks run, on so many pictures; the others get NaN.
    """
    medians = {}
    for threads in config.threads:
        spent: list[list[float]] = [[] for _ in everybody]
        with ExitStack() as stack:
            once = [each.runner(threads, stack) for each in everybody]
            able = [n for n, each in enumerate(everybody) if count == 1 or each.task == POSE]
            for number in able:
                once[number](count)  # the first run allocates
            for _ in range(config.rounds):
                for number in able:
                    each = once[number]
                    each(count)  # its weights come back into the cache, as they stay in a video
                    for _ in range(config.runs):
                        started = time.perf_counter()
                        each(count)
                        spent[number].append(1e3 * (time.perf_counter() - started))
        medians[threads] = [statistics.median(times or [math.nan]) for times in spent]
    return medians


# ---- saying it -------------------------------------------------------------------------------


def _points(rows: Sequence[Row], threads: int) -> list[Point]:
    return [Point(row.name, row.ms[threads], row.accuracy, row.ours) for row in rows]


def _pictures(rows: Sequence[Row], threads: Sequence[int]) -> list[list[Any]]:
    """A row of pictures for each task, one for each number of threads."""
    titles = {POSE: "Pose in true boxes", PERSON: "Person detectors"}
    pictures = []
    for task, title in titles.items():
        some = [row for row in rows if row.task == task]
        figure = FIGURES[task].removeprefix("detector_")
        if some:
            pictures.append(
                [
                    draw(_points(some, count), f"{title}, {_threads(count)}: ours blue", figure)
                    for count in threads
                ]
            )
    return pictures


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _table(rows: Sequence[Row], task: str, config: Config) -> Table:
    figure, threads = FIGURES[task].removeprefix("detector_"), config.threads
    heads = [f"ms, {_threads(count)}" for count in threads]
    several = task == POSE and config.people > 1
    if several:
        heads += [f"{config.people} people, {_threads(count)}" for count in threads]
    table = Table(
        "model", figure, "95 %", *heads, "runs on", "nobody better with", box=None, pad_edge=False
    )
    for row in sorted(rows, key=lambda each: each.ms[threads[0]]):
        best = [
            _threads(count)
            for count in threads
            if row.name in {each.name for each in front(_points(rows, count))}
        ]
        table.add_row(
            Text(row.name),
            f"{row.accuracy:.3f}",
            "{:.3f} to {:.3f}".format(*row.interval),
            *(f"{row.ms[count]:.1f}" for count in threads),
            *(f"{row.ms_together[count]:.1f}" for count in threads if several),
            row.runtime,
            ", ".join(best),
        )
    return table


def _as_json(rows: Sequence[Row], config: Config) -> dict[str, Any]:
    return {
        "machine": machine_name(),
        "annotations": config.annotations.name,
        "people_together": config.people,
        "models": [
            {
                "name": row.name,
                "task": row.task,
                "ours": row.ours,
                "runtime": row.runtime,
                FIGURES[row.task]: round(row.accuracy, 6),
                "interval": [round(end, 6) for end in row.interval],
                "ms": {str(count): round(value, 3) for count, value in row.ms.items()},
                "ms_together": {str(n): round(value, 3) for n, value in row.ms_together.items()},
            }
            for row in rows
        ],
    }
