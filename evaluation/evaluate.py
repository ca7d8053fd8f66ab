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
from typing import Annotated

import numpy as np
import numpy.typing as npt
import tyro
from rich.progress import track

from app.pipeline.progress import TALK
from app.steps.detect import PersonDetector
from app.steps.ensemble import EnsembleEstimator, as_one
from app.steps.estimate import CropEstimator
from engines.engine import open_engine
from evaluation import bootstrap
from evaluation.annotations import Annotations, Photograph, read_annotations
from evaluation.place import check_place
from evaluation.predict import (
    Predictions,
    detected_boxes,
    given_boxes,
    predict,
    true_boxes,
)
from evaluation.published import as_slides
from evaluation.report import Member, Report, as_json, as_text
from evaluation.results import read_results, write_results
from evaluation.scores import Scores, score
from evaluation.suppress import box_rule, suppressing, without_doubles
from model_zoo.zoo import model_path
from pose.errors import InputError, UsageError
from pose.ranking import SEEN
from pose.skeleton import Skeleton
from pose.types import Boxes

TRUTH, DETECTOR = "truth", "detector"
_CANDIDATES = 1000  # boxes of a photograph before another suppression than the application's


@dataclass(frozen=True)
class Config:
    """What to measure, and on what.

    Attributes:
        annotations: COCO annotations of people: keypoints, boxes or both.
        images: Folder of the photographs.
        boxes: Where people's boxes come from: `truth` (drawn by hand), `detector`, or a COCO
            results file (.json). A results file with keypoints is judged as it is.
        pose: Pose model, a name of the model zoo or a file; of several, heatmaps are averaged.
        person: Person detector, likewise; used with `detector` only.
        person_side: Longest side in pixels of what the detector sees; 0 takes its own.
        flip: Look at every person's mirror image too: slower, more accurate.
        threads: Threads of each network; 0 for one per core.
        limit: Only so many photographs, spread evenly over the file; 0 for all.
        min_score: Detections below are left out; AP wants this low.
        max_people: At most so many detections in a photograph.
        nms: How doubles go from a detector's or a file's boxes: an IoU for hard NMS, `soft` for
            Soft-NMS. Not given: as the application does, or as the file has them.
        lost_crowds: Of photographs with 13 boxes or more, take the last one for a crowd if the
            middles of five others lie in it: for labels whose marks of crowds an export dropped.
        seen: Keypoints with a lower score do not count where people are ranked; 0 counts all, as
            CPN's own evaluation does.
        pose_nms: Of two poses whose OKS is above this the better one stays; 0 keeps all.
        save: Write what was found as a COCO results file.
        against: A COCO results file to compare with: differences with their 95 % intervals.
        each: Of several pose models, measure each alone too, and the differences.
        published: Print the slides' tables too, published rows beside ours.
        json: Print one JSON object instead of a table.
    """

    annotations: Path
    images: Path
    boxes: str = DETECTOR
    pose: Annotated[str | tuple[str, ...], tyro.conf.arg(metavar="MODEL [MODEL ...]")] = "pose"
    person: str = "person"
    person_side: int = 0
    flip: bool = False
    threads: int = 0
    limit: int = 0
    min_score: float = 0.01
    max_people: int = 100
    nms: str = ""
    lost_crowds: bool = False
    seen: float = SEEN
    pose_nms: float = 0.0
    save: Path | None = None
    against: Path | None = None
    each: bool = False
    published: bool = False
    json: bool = False

    @property
    def poses(self) -> tuple[str, ...]:
        """The pose models, one or several."""
        return (self.pose,) if isinstance(self.pose, str) else self.pose


def run(config: Config) -> None:
    """Measure and print; errors as in `measure`."""
    report, annotations, found = _measured(config)
    sys.stdout.write(as_json(report) + "\n" if config.json else as_text(report))
    if config.published and not config.json:
        names = " + ".join(Path(name).stem for name in config.poses) + ", flip" * config.flip
        sys.stdout.write("\n" + as_slides(f"ours, {names}", report.title, report.figures))
    if config.save:  # at last: the figures are told even where the disc refuses it
        sys.stdout.flush()
        write_results(config.save, annotations, found, config.seen)


def measure(config: Config) -> Report:
    """Predict and judge; saves nothing.

    Raises:
        UsageError: The options do not fit together.
        InputError: Labels, photographs or results cannot be used.
        UnavailableError: A package or a backend is missing.
        OutputError: `save` would replace an input.
    """
    return _measured(config)[0]


def _check(config: Config) -> None:
    if config.boxes not in (TRUTH, DETECTOR) and not config.boxes.endswith(".json"):
        raise UsageError(
            f"--boxes: expected truth, detector or a .json results file, got {config.boxes!r}"
        )
    if not config.poses or (config.each and len(config.poses) < 2):
        raise UsageError(
            f"--pose: expected {'two or more models with --each' if config.each else 'a model'}, "
            f"got {len(config.poses)}"
        )
    if not 0 <= config.pose_nms <= 1:
        raise UsageError(f"--pose-nms: expected an OKS from 0 to 1, got {config.pose_nms}")
    if not 0 <= config.seen < 1:
        raise UsageError(f"--seen: expected a score from 0 to below 1, got {config.seen}")
    if config.nms:
        box_rule(config.nms)
    if config.limit < 0:
        raise UsageError(f"--limit: expected a number of photographs, got {config.limit}")
    if config.max_people < 1 or not 0 <= config.min_score <= 1:
        raise UsageError(
            "expected --max-people of 1 or more and --min-score from 0 to 1, "
            f"got {config.max_people} and {config.min_score}"
        )
    if config.each and len(set(config.poses)) < len(config.poses):
        raise UsageError(f"--each: expected different models, got {' '.join(config.poses)}")


def _measured(config: Config) -> tuple[Report, Annotations, Predictions]:
    """The report, and what it is about."""
    _check(config)
    given = [] if config.boxes in (TRUTH, DETECTOR) else [Path(config.boxes)]
    against = [config.against] if config.against else []
    check_place("--save", config.save, [config.annotations, *given, *against])
    annotations = read_annotations(config.annotations, config.images, config.lost_crowds)
    annotations = annotations.spread(config.limit or len(annotations.photographs))
    if config.boxes == TRUTH and not annotations.people_with_keypoints:
        raise InputError(
            f"{config.annotations}: nobody has labelled keypoints; use --boxes detector"
        )
    other = read_results(config.against, annotations) if config.against else None
    predicted, knows, judge_boxes = _predictions(config, annotations)
    found = without_doubles(predicted, annotations.skeleton, config.pose_nms, config.seen)
    weights = bootstrap.draw(len(annotations.photographs))
    true = config.boxes == TRUTH
    ours = score(annotations, found, knows, weights, true, judge_boxes, config.seen)
    if not ours.figures:
        raise InputError(f"{config.annotations}: no figure applies to these labels and boxes")
    report = Report(
        title=f"{config.annotations.name}, boxes: {config.boxes}"
        + ", lost crowds marked" * config.lost_crowds,
        figures=ours.figures,
        counts=ours.counts,
        milliseconds=_milliseconds(found, config.boxes == DETECTOR),
        intervals={name: bootstrap.interval(values) for name, values in ours.draws.items()},
        by_keypoint=ours.by_keypoint,
        members=_members(config, annotations, predicted.boxes, ours, weights)
        if config.each
        else {},
    )
    if other is None:
        return report, annotations, found
    theirs = score(annotations, other, annotations.skeleton, weights, true, other.poses is None)
    return replace(report, differences=_differences(ours, theirs)), annotations, found


def _members(
    config: Config,
    annotations: Annotations,
    boxes: Sequence[Boxes],
    ours: Scores,
    weights: npt.NDArray[np.int64],
) -> dict[str, Member]:
    """Each pose model alone on the same boxes, and what the ensemble gains over it."""
    members = {}
    for name in config.poses:
        alone, knows, _ = _predictions(replace(config, pose=name), annotations, boxes)
        alone = without_doubles(alone, annotations.skeleton, config.pose_nms, config.seen)
        scores = score(annotations, alone, knows, weights, config.boxes == TRUTH, seen=config.seen)
        members[name] = Member(scores.figures, _differences(ours, scores))
    return members


def _predictions(
    config: Config, annotations: Annotations, known: Sequence[Boxes] | None = None
) -> tuple[Predictions, Skeleton, bool]:
    """What was found, the skeleton it was found with, and whether the boxes are a detector's.

    `known` are boxes that were found before and are taken as they are.
    """
    given = None
    if known is None and config.boxes not in (TRUTH, DETECTOR):
        given = read_results(Path(config.boxes), annotations)
        if given.poses is not None and config.each:
            raise UsageError(
                f"--each: {config.boxes} has keypoints, which are judged as they are; "
                "give a file of boxes"
            )
        if given.poses is not None:
            return given, annotations.skeleton, False
        known = given.boxes
    with ExitStack() as stack:
        if known is not None:
            find_boxes = given_boxes(annotations, known)
        elif config.boxes == DETECTOR:
            find_boxes = detected_boxes(stack.enter_context(_detector(config)))
        else:
            find_boxes = true_boxes
        if config.nms and config.boxes != TRUTH and (known is None or given is not None):
            find_boxes = suppressing(find_boxes, box_rule(config.nms), config.max_people)
        estimator: CropEstimator | EnsembleEstimator | None = None
        knows = annotations.skeleton
        if annotations.people_with_keypoints:
            engines = [
                open_engine(model_path(name), threads=config.threads) for name in config.poses
            ]
            members = [CropEstimator(engine, flip=config.flip) for engine in engines]
            estimator = as_one(members)
            stack.enter_context(estimator)
            knows = estimator.card.keypoints
        found = predict(annotations, find_boxes, estimator, knows, _progress)
    return found, knows, config.boxes != TRUTH


def _detector(config: Config) -> PersonDetector:
    engine = open_engine(model_path(config.person), threads=config.threads)
    if not config.nms:
        return PersonDetector(
            engine, config.min_score, max_people=config.max_people, side=config.person_side
        )
    return PersonDetector(
        engine,
        config.min_score,
        1.0,
        max_people=_CANDIDATES,
        parts=True,
        side=config.person_side,
    )


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
