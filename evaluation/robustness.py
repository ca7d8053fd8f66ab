"""Measure how models bear bad pictures, and how steady and how late keypoints are.

AP and PCK on the same photographs blurred, noisy, dark, compressed, with small, cut off and tilted
people; the mean speed of keypoints of people who stand still, with and without smoothing; and how
many frames smoothing lags behind.

Example:
    main.py robustness --annotations person_keypoints_val2017.json --images val2017 --limit 200
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.progress import track

from app.pipeline.progress import TALK
from app.sinks.part_file import naming
from app.steps.detect import PersonDetector
from app.steps.estimate import CropEstimator
from engines.engine import open_engine
from evaluation import evaluate
from evaluation.annotations import Annotations, Photograph, read_annotations, read_json
from evaluation.disturb import DISTURBANCES, KINDS, Disturbance, Labelled
from evaluation.predict import read_frames
from evaluation.report import Report
from evaluation.steadiness import FPS, SPEEDS, Jitter, jitter, lag
from model_zoo.zoo import model_path
from pose.errors import InputError, UsageError
from pose.types import Frame, Poses

STEADINESS = "steadiness"
_FIGURES = ("AP", "AP50", "PCK", "detector_AP50")


@dataclass(frozen=True)
class Config:
    """What to measure, and on what.

    Attributes:
        annotations: COCO annotations of people with keypoints.
        images: Folder of the photographs.
        boxes: Where people's boxes come from: truth or detector. Cut off people are measured with
            true boxes only: nobody else in those pictures is labelled.
        kinds: What to try: blur, noise, light, jpeg, small, truncation, rotation, steadiness.
        pose: Pose model, a name of the model zoo or a file.
        person: Person detector, likewise.
        flip: Look at every person's mirror image too.
        threads: Threads of each network; 0 for one per core.
        limit: Only so many photographs, spread evenly over the file; 0 for all.
        still_photographs: Photographs that become still clips.
        still_frames: Frames of each still clip.
        seed: Of all noise.
        json: Print one JSON object instead of tables.
    """

    annotations: Path
    images: Path
    boxes: str = evaluate.TRUTH
    kinds: tuple[str, ...] = (*KINDS, STEADINESS)
    pose: str = "pose"
    person: str = "person"
    flip: bool = False
    threads: int = 0
    limit: int = 0
    still_photographs: int = 10
    still_frames: int = 30
    seed: int = 0
    json: bool = False


def run(config: Config) -> None:
    """Measure and print.

    Raises:
        UsageError: The options cannot be meant.
        InputError: Labels or photographs cannot be used.
        UnavailableError: A package or a backend is missing.
    """
    unknown = sorted(set(config.kinds) - {*KINDS, STEADINESS})
    if unknown or not config.kinds:
        known = " ".join((*KINDS, STEADINESS))
        raise UsageError(f"expected --kinds of {known}, got {' '.join(unknown) or 'none'}")
    if config.boxes not in (evaluate.TRUTH, evaluate.DETECTOR):
        raise UsageError(f"--boxes: expected truth or detector, got {config.boxes!r}")
    if min(config.still_photographs, config.still_frames - 2, config.limit, config.seed) < 0:
        raise UsageError(
            "expected --limit, --still-photographs and --seed of 0 or more, --still-frames of 2"
        )
    if config.boxes == evaluate.DETECTOR and set(config.kinds) == {"truncation"}:
        raise UsageError("--kinds truncation needs --boxes truth: nobody else there is labelled")
    annotations = read_annotations(config.annotations, config.images)
    annotations = annotations.spread(config.limit or len(annotations.photographs))
    if not annotations.people_with_keypoints and config.boxes == evaluate.TRUTH:
        raise InputError(
            f"{config.annotations}: nobody has labelled keypoints; use --boxes detector"
        )
    reports = _accuracy(config, annotations)
    steady = _steadiness(config, annotations) if STEADINESS in config.kinds else None
    lags = {speed: lag(speed) for speed in SPEEDS} if STEADINESS in config.kinds else {}
    if config.json:
        sys.stdout.write(json.dumps(_as_json(reports, steady, lags)) + "\n")
    else:
        sys.stdout.write(_as_text(config, reports, steady, lags))


# ---- accuracy --------------------------------------------------------------------------------


def _accuracy(config: Config, annotations: Annotations) -> dict[str, Report]:
    """A report for the photographs as they are, and for each disturbance."""
    chosen = [each for each in DISTURBANCES if each.kind in config.kinds]
    chosen = [each for each in chosen if each.whole or config.boxes == evaluate.TRUTH]
    if not chosen:
        return {}
    whole = read_json(config.annotations)
    rows: dict[int, list[dict[str, Any]]] = {photo.id: [] for photo in annotations.photographs}
    for row in whole["annotations"]:
        if int(row["image_id"]) in rows and row["category_id"] == annotations.category_id:
            rows[int(row["image_id"])].append(row)
    reports = {}
    as_it_is = Disturbance("as it is", "", lambda labelled, rng: [labelled])
    for each in track(
        [as_it_is, *chosen], "disturbances", console=TALK, disable=not TALK.is_terminal
    ):
        with tempfile.TemporaryDirectory(prefix="robustness-") as folder:
            file = _write(Path(folder), annotations, rows, whole["categories"], each, config.seed)
            reports[each.name] = evaluate.measure(
                evaluate.Config(
                    annotations=file,
                    images=Path(folder),
                    boxes=config.boxes,
                    pose=(config.pose,),
                    person=config.person,
                    flip=config.flip,
                    threads=config.threads,
                )
            )
    return reports


def _write(
    folder: Path,
    annotations: Annotations,
    rows: dict[int, list[dict[str, Any]]],
    categories: Sequence[dict[str, Any]],
    disturbance: Disturbance,
    seed: int,
) -> Path:
    """The photographs, disturbed, as a set of their own; returns its labels.

    Raises:
        InputError: Nobody is left to be judged.
    """
    images: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for photo in annotations.photographs:
        rng = np.random.default_rng([seed, photo.id % 2**32])
        labelled = Labelled(_read(photo), tuple(rows[photo.id]))
        for changed in disturbance.apply(labelled, rng):
            number = len(images) + 1
            height, width = changed.image.shape[:2]
            name = f"{number}.png"
            _, content = cv2.imencode(".png", changed.image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
            with naming(folder / name):
                (folder / name).write_bytes(content.tobytes())
            images.append(
                {
                    "id": number,
                    "file_name": name,
                    "width": width,
                    "height": height,
                    "all_people_labelled": photo.all_people_labelled and disturbance.whole,
                }
            )
            labels += [{**row, "id": len(labels) + n + 1, "image_id": number}
                       for n, row in enumerate(changed.rows)]  # fmt: skip
    if not images:
        raise InputError(f"{disturbance.name}: nobody with labelled joints is left")
    file = folder / "labels.json"
    content_of = {"images": images, "annotations": labels, "categories": list(categories)}
    with naming(file):
        file.write_text(json.dumps(content_of), "utf-8")
    return file


def _read(photo: Photograph) -> Any:
    return next(iter(read_frames([photo], 0))).image


# ---- steadiness ------------------------------------------------------------------------------


def _steadiness(config: Config, annotations: Annotations) -> Jitter:
    """Jitter of the application's own steps: detector, estimator, tracker, smoother."""
    judged = [photo for photo in annotations.photographs if photo.people.with_keypoints.any()]
    chosen = judged[: config.still_photographs]
    with ExitStack() as stack:
        person = open_engine(model_path(config.person), threads=config.threads)
        pose = open_engine(model_path(config.pose), threads=config.threads)
        detect = stack.enter_context(PersonDetector(person))
        estimate = stack.enter_context(CropEstimator(pose, config.flip))

        def find(frame: Frame) -> Poses:
            (poses,) = estimate([frame], detect([frame]))
            return poses

        images = [_read(photo) for photo in chosen]
        return jitter(images, find, pose.card.keypoints, config.still_frames, config.seed)


# ---- saying it -------------------------------------------------------------------------------


def _as_json(
    reports: dict[str, Report], steady: Jitter | None, lags: dict[float, float]
) -> dict[str, Any]:
    return {
        "accuracy": {
            name: {
                **{
                    figure: report.figures[figure]
                    for figure in _FIGURES
                    if figure in report.figures
                },
                "intervals": {
                    figure: ends for figure, ends in report.intervals.items() if figure in _FIGURES
                },
                **report.counts,
            }
            for name, report in reports.items()
        },
        "jitter": asdict(steady) if steady and steady.steps else None,
        "lag_frames": {str(speed): round(frames, 3) for speed, frames in lags.items()},
    }


def _as_text(
    config: Config, reports: dict[str, Report], steady: Jitter | None, lags: dict[float, float]
) -> str:
    lines: list[str] = []
    if reports:
        width = max(map(len, reports))
        lines += [f"{config.annotations.name}, boxes: {config.boxes}, {config.pose}", ""]
        clean = reports["as it is"].figures
        for name, report in reports.items():
            cells = [f"{name:<{width}}"]
            for figure in _FIGURES:
                if figure not in report.figures:
                    continue
                cell = f"{figure} {report.figures[figure]:.3f}"
                if figure in clean and name != "as it is":
                    cell += f" ({report.figures[figure] - clean[figure]:+.3f})"
                elif figure in report.intervals:
                    cell += " (95 % {:.3f} to {:.3f})".format(*report.intervals[figure])
                cells.append(cell)
            lines.append("  ".join([*cells, f"{report.counts.get('people', 0)} people"]))
        lines.append("")
    if steady and not steady.steps:
        lines += ["jitter: nobody who could be watched standing still", ""]
    elif steady:
        lines += [
            f"jitter of {steady.people} people who stand still, {steady.steps} steps of a keypoint",
            f"  as found  {steady.pixels:.3f} pixels a frame, "
            f"{100 * steady.share:.3f} % of the height",
            f"  smoothed  {steady.smooth_pixels:.3f} pixels a frame, "
            f"{100 * steady.smooth_share:.3f} % of the height",
            "",
        ]
    if lags:
        lines.append(f"lag of the smoothing at {FPS:.0f} frames a second")
        lines += [
            f"  {speed:g} heights a second  {frames:.2f} frames" for speed, frames in lags.items()
        ]
    return "\n".join(lines).rstrip() + "\n"
