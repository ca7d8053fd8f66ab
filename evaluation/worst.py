"""Show the people whose pose is farthest from its labels, worst first: a table and a picture.

People are judged in true boxes by OKS. In the picture labels are drawn in green and what was found
in orange, with a line from each joint to where it should be. `--sketch` draws the photographs as
pencil drawings: to see why a case fails without passing on photographs that are not one's own.

Example:
    main.py worst --annotations person_keypoints_val2017.json --images val2017 --out worst.png
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.steps.estimate import CropEstimator
from engines.engine import open_engine
from evaluation.annotations import Annotations, Photograph, read_annotations
from evaluation.pareto_plot import write
from evaluation.place import check_place
from evaluation.predict import predict, read_frames, true_boxes
from model_zoo.zoo import model_path
from pose import affine, boxes
from pose.errors import InputError, UsageError
from pose.oks import oks
from pose.skeleton import Skeleton
from pose.types import ByteArray, FloatArray

_TILE_WH = (240, 320)
_COLUMNS = 5
_PADDING = 1.4  # of the box, so that the surroundings explain the case
_TRUTH, _FOUND, _APART = (70, 170, 30), (20, 110, 245), (150, 150, 150)  # BGR
_FAR_OKS = 0.5  # a joint whose own part of the OKS is below this is wrong


@dataclass(frozen=True)
class Config:
    """Which people, and how they are shown.

    Attributes:
        annotations: COCO annotations of people with keypoints.
        images: Folder of the photographs.
        pose: Pose model, a name of the model zoo or a file.
        count: Show so many.
        threads: Threads of the network; 0 for one per core.
        out: Picture to draw (.png); none if not given.
        sketch: Draw the photographs as pencil drawings.
        json: Print one JSON object instead of a table.
    """

    annotations: Path
    images: Path
    pose: str = "pose"
    count: int = 20
    threads: int = 0
    out: Path | None = None
    sketch: bool = False
    json: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One person.

    Attributes:
        photograph: Where.
        person: Annotation id.
        xyxy: (4,) the labelled box, pixels.
        truth: (K, 2) labels, NaN where there are none.
        found: (K, 2) what was found.
        oks: 0 to 1.
        wrong: Names of labelled joints that are far off.
    """

    photograph: Photograph
    person: int
    xyxy: FloatArray
    truth: FloatArray
    found: FloatArray
    oks: float
    wrong: tuple[str, ...]


def run(config: Config) -> None:
    """Judge everybody, print and draw the worst.

    Raises:
        UsageError: The options cannot be meant.
        InputError: Labels or photographs cannot be used.
        OutputError: The picture cannot be written.
    """
    if config.count < 1:
        raise UsageError(f"--count: expected 1 or more, got {config.count}")
    if config.out is not None and config.out.suffix.lower() != ".png":
        raise UsageError(f"--out: expected a name that ends in .png, got {config.out}")
    annotations = read_annotations(config.annotations, config.images)
    if not annotations.people_with_keypoints:
        raise InputError(f"{config.annotations}: nobody has labelled keypoints")
    photographs = [photo.path for photo in annotations.photographs]
    check_place("--out", config.out, [config.annotations, *photographs])
    with CropEstimator(open_engine(model_path(config.pose), threads=config.threads)) as step:
        found = predict(annotations, true_boxes, step, step.card.keypoints)
    assert found.poses is not None
    cases = everybody(annotations, [poses.keypoints for poses in found.poses])
    worst = sorted(cases, key=lambda case: case.oks)[: config.count]
    if config.out is not None:
        tiles = [tile(case, rank, config.sketch) for rank, case in enumerate(worst, 1)]
        write(config.out, _rows(tiles))
    if config.json:
        sys.stdout.write(json.dumps([_as_json(case) for case in worst]) + "\n")
        return
    table = Table("", "OKS", "photograph", "person", "height", "wrong", box=None, pad_edge=False)
    for rank, case in enumerate(worst, 1):
        height = f"{case.xyxy[3] - case.xyxy[1]:.0f}"
        labelled = int(np.isfinite(case.truth).all(1).sum())
        wrong = f"{len(case.wrong)} of {labelled}: {', '.join(case.wrong)}"
        name = case.photograph.path.name
        table.add_row(str(rank), f"{case.oks:.2f}", Text(name), str(case.person), height, wrong)
    Console(file=sys.stdout, width=150).print(table)


def everybody(annotations: Annotations, keypoints: Sequence[FloatArray]) -> list[Case]:
    """Everybody who can be judged.

    Args:
        annotations: The labels.
        keypoints: For each photograph (N, K, 2), in the order of its people with keypoints.
    """
    cases = []
    skeleton = annotations.skeleton
    for photograph, found in zip(annotations.photographs, keypoints, strict=True):
        people = photograph.people[photograph.people.with_keypoints]
        alike = oks(found, people.keypoints, people.labelled, people.areas, skeleton.oks_sigmas)
        for index in range(len(people)):
            truth = people.keypoints[index]
            area = people.areas[index : index + 1]
            cases.append(
                Case(
                    photograph,
                    int(people.ids[index]),
                    people.xyxy[index],
                    truth,
                    found[index],
                    float(alike[index, index]),
                    _wrong(found[index], truth, area, skeleton),
                )
            )
    return cases


def _wrong(
    found: FloatArray, truth: FloatArray, area: FloatArray, skeleton: Skeleton
) -> tuple[str, ...]:
    names = []
    for index, name in enumerate(skeleton.keypoints):
        only = np.zeros(len(skeleton), bool)
        only[index] = bool(np.isfinite(truth[index]).all())
        alike = oks(found[None], truth[None], only[None], area, skeleton.oks_sigmas)[0, 0]
        if only[index] and alike < _FAR_OKS:
            names.append(name)
    return tuple(names)


def tile(case: Case, rank: int, sketch: bool) -> ByteArray:
    """(320, 240, 3) uint8 BGR: the person, labels in green, what was found in orange."""
    image = next(read_frames([case.photograph], 0)).image  # as it was judged
    width, height = _TILE_WH
    wide = boxes.widen(case.xyxy[None], width / height, _PADDING)
    to_tile = affine.box_to_crop(wide, _TILE_WH)[0]
    cut = cv2.warpAffine(image, to_tile, _TILE_WH, borderValue=(255, 255, 255))
    picture = np.array(drawing(np.asarray(cut, np.uint8)) if sketch else cut, np.uint8)
    truth, found = (affine.apply(to_tile, points[None])[0] for points in (case.truth, case.found))
    for one, other in zip(truth, found, strict=True):
        if np.isfinite(one).all() and np.isfinite(other).all():
            cv2.line(picture, _at(one), _at(other), _APART, 1, cv2.LINE_AA)
    for points, colour in ((found, _FOUND), (truth, _TRUTH)):
        for point in points[np.isfinite(points).all(1)]:
            cv2.circle(picture, _at(point), 4, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(picture, _at(point), 3, colour, -1, cv2.LINE_AA)
    cv2.rectangle(picture, (0, 0), (92, 20), (255, 255, 255), -1)
    text = f"{rank}: {case.oks:.2f}"
    cv2.putText(picture, text, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return picture


def drawing(image: ByteArray) -> ByteArray:
    """A pencil drawing of a picture: what is darker than its surroundings, (H, W, 3) uint8."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32) + 16
    around = cv2.GaussianBlur(grey, (0, 0), 5)
    strokes = np.clip(grey / around, 0, 1) ** 2
    few = np.floor(strokes * 7.99) * (255 / 7)  # eight greys: a drawing's file is small
    return np.repeat(few.astype(np.uint8)[..., None], 3, axis=2)


def _rows(tiles: Sequence[ByteArray]) -> list[list[ByteArray]]:
    white = np.full((_TILE_WH[1], _TILE_WH[0], 3), 255, np.uint8)
    columns = min(_COLUMNS, len(tiles))
    filled = [*tiles, *[white] * (-len(tiles) % columns)]
    return [filled[i : i + columns] for i in range(0, len(filled), columns)]


def _at(point: FloatArray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _as_json(case: Case) -> dict[str, object]:
    return {
        "photograph": case.photograph.path.name,
        "person": case.person,
        "oks": round(case.oks, 6),
        "box": [round(float(side), 1) for side in case.xyxy],
        "labelled": int(np.isfinite(case.truth).all(1).sum()),
        "wrong": list(case.wrong),
    }
