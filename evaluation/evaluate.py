"""Measure the models on labelled photographs, through the steps that ship.

Prints COCO's keypoint figures, the person detector's AP, and PCK or PCKh, each where it applies,
with 95 % intervals. `evaluation/annotations.py` says which labels can be read.

Example:
    main.py evaluate --annotations person_keypoints_val2017.json --images val2017 --boxes truth
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import track

from app.pipeline.progress import TALK
from app.steps.detect import PersonDetector
from app.steps.estimate import CropEstimator
from engines.engine import open_engine
from evaluation import bootstrap
from evaluation.annotations import Annotations, Photograph, read_annotations
from evaluation.predict import (
    Predictions,
    detected_boxes,
    given_boxes,
    predict,
    true_boxes,
)
from evaluation.report import Report, as_json, as_text
from evaluation.results import read_results, write_results
from evaluation.scores import Scores, score
from model_zoo.zoo import model_path
from pose.errors import InputError, UsageError
from pose.skeleton import Skeleton

TRUTH, DETECTOR = "truth", "detector"


@dataclass(frozen=True)
class Config:
    """What to measure, and on what.

    Attributes:
        annotations: COCO annotations of people: keypoints, boxes or both.
        images: Folder of the photographs.
        boxes: Where people's boxes come from: `truth` (drawn by hand), `detector`, or a COCO
            results file (.json). A results file with keypoints is judged as it is.
        pose: Pose model, a name of the model zoo or a file.
        person: Person detector, likewise; used with `detector` only.
        flip: Look at every person's mirror image too: slower, more accurate.
        threads: Threads of each network; 0 for one per core.
        limit: Only so many photographs, spread evenly over the file; 0 for all.
        min_score: Detections below are left out; AP wants this low.
        max_people: At most so many detections in a photograph.
        save: Write what was found as a COCO results file.
        against: A COCO results file to compare with: differences with their 95 % intervals.
        json: Print one JSON object instead of a table.
    """

    annotations: Path
    images: Path
    boxes: str = DETECTOR
    pose: str = "pose"
    person: str = "person"
    flip: bool = False
    threads: int = 0
    limit: int = 0
    min_score: float = 0.01
    max_people: int = 100
    save: Path | None = None
    against: Path | None = None
    json: bool = False


def run(config: Config) -> None:
    """Measure and print; errors as in `measure`."""
    report = measure(config)
    sys.stdout.write(as_json(report) + "\n" if config.json else as_text(report))


def measure(config: Config) -> Report:
    """Predict and judge.

    Raises:
        UsageError: The options do not fit together.
        InputError: Labels, photographs or results cannot be used.
        UnavailableError: A package or a backend is missing.
        OutputError: `save` could not be written.
    """
    if config.boxes not in (TRUTH, DETECTOR) and not config.boxes.endswith(".json"):
        raise UsageError(
            f"--boxes: expected truth, detector or a .json results file, got {config.boxes!r}"
        )
    if config.limit < 0:
        raise UsageError(f"--limit: expected a number of photographs, got {config.limit}")
    annotations = read_annotations(config.annotations, config.images)
    annotations = annotations.spread(config.limit or len(annotations.photographs))
    if config.boxes == TRUTH and not annotations.people_with_keypoints:
        raise InputError(
            f"{config.annotations}: nobody has labelled keypoints; use --boxes detector"
        )
    other = read_results(config.against, annotations) if config.against else None
    found, knows, judge_boxes = _predictions(config, annotations)
    if config.save:
        write_results(config.save, annotations, found)

    weights = bootstrap.draw(len(annotations.photographs))
    true = config.boxes == TRUTH
    ours = score(annotations, found, knows, weights, true, judge_boxes)
    if not ours.figures:
        raise InputError(f"{config.annotations}: no figure applies to these labels and boxes")
    report = Report(
        title=f"{config.annotations.name}, boxes: {config.boxes}",
        figures=ours.figures,
        counts=ours.counts,
        milliseconds=_milliseconds(found, config.boxes == DETECTOR),
        intervals={name: bootstrap.interval(values) for name, values in ours.draws.items()},
        by_keypoint=ours.by_keypoint,
    )
    if other is None:
        return report
    theirs = score(annotations, other, annotations.skeleton, weights, true, other.poses is None)
    return replace(report, differences=_differences(ours, theirs))


def _predictions(config: Config, annotations: Annotations) -> tuple[Predictions, Skeleton, bool]:
    """What was found, the skeleton it was found with, and whether the boxes are a detector's."""
    given = None
    if config.boxes not in (TRUTH, DETECTOR):
        given = read_results(Path(config.boxes), annotations)
        if given.poses is not None:
            return given, annotations.skeleton, False
    with ExitStack() as stack:
        if given is not None:
            find_boxes = given_boxes(annotations, given.boxes)
        elif config.boxes == DETECTOR:
            engine = open_engine(model_path(config.person), threads=config.threads)
            detector = PersonDetector(
                engine, min_score=config.min_score, max_people=config.max_people
            )
            find_boxes = detected_boxes(stack.enter_context(detector))
        else:
            find_boxes = true_boxes
        estimator, knows = None, annotations.skeleton
        if annotations.people_with_keypoints:
            engine = open_engine(model_path(config.pose), threads=config.threads)
            estimator = stack.enter_context(CropEstimator(engine, flip=config.flip))
            knows = engine.card.keypoints
        found = predict(annotations, find_boxes, estimator, knows, _progress)
    return found, knows, config.boxes != TRUTH


def _progress(runs: Iterable[Sequence[Photograph]], count: int) -> Iterable[Sequence[Photograph]]:
    return track(runs, "photographs", total=count, console=TALK, disable=not TALK.is_terminal)


def _milliseconds(found: Predictions, detected: bool) -> dict[str, float]:
    """Wall time of the detector for each photograph and of the pose step for each person."""
    milliseconds = {}
    people = sum(map(len, found.boxes))
    if detected:
        milliseconds["ms_detector_per_photograph"] = 1e3 * found.seconds["boxes"] / len(found.boxes)
    if "poses" in found.seconds and people:
        milliseconds["ms_per_person"] = 1e3 * found.seconds["poses"] / people
    return milliseconds


def _differences(ours: Scores, theirs: Scores) -> dict[str, tuple[float, float, float]]:
    shared = [name for name in ours.draws if name in theirs.draws]
    return {
        name: (
            ours.figures[name] - theirs.figures[name],
            *bootstrap.interval(ours.draws[name] - theirs.draws[name]),
        )
        for name in shared
    }
