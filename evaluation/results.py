"""COCO results files: a list with one entry for each person found, boxes or keypoints or both."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.sinks.part_file import write_whole
from evaluation.annotations import Annotations, read_json
from evaluation.predict import Predictions
from pose import boxes
from pose.errors import InputError
from pose.ranking import SEEN, person_scores
from pose.types import Boxes, FloatArray, Poses

Entry = dict[str, Any]
_BOX = "found_box"  # x, y, width, height; COCO's tools pass over it


def keypoint_entries(
    annotations: Annotations, poses: Sequence[Poses], seen: float = SEEN
) -> list[Entry]:
    """Poses as COCO wants them: x, y, score for each keypoint, zeros where not found.

    `seen` is that of `pose.ranking.person_scores`, as everywhere here.
    """
    return [
        {
            "image_id": photo.id,
            "category_id": annotations.category_id,
            "keypoints": np.concatenate([np.nan_to_num(points), scores[:, None]], axis=1)
            .astype(float)
            .ravel()
            .tolist(),
            "score": float(score),
        }
        for photo, found in zip(annotations.photographs, poses, strict=True)
        for points, scores, score in zip(
            found.keypoints, found.scores, person_scores(found, seen), strict=True
        )
    ]


def box_entries(annotations: Annotations, found: Sequence[Boxes]) -> list[Entry]:
    """Boxes as COCO wants them: x, y, width, height."""
    return [
        {
            "image_id": photo.id,
            "category_id": annotations.category_id,
            "bbox": [float(number) for number in xywh],
            "score": float(score),
        }
        for photo, people in zip(annotations.photographs, found, strict=True)
        for xywh, score in zip(boxes.xywh_from_xyxy(people.xyxy), people.scores, strict=True)
    ]


def write_results(
    path: Path, annotations: Annotations, predictions: Predictions, seen: float = SEEN
) -> None:
    """Write what was found as one COCO results file; OutputError if that fails.

    Poses go without COCO's `bbox`: COCO's own tools would take a find's size from it, and sort
    people into medium and large by it where we, and they without one, go by the keypoints. The
    box stands under a name of ours, so that PCK, which matches people by it, is the same again.
    """
    if predictions.poses is None:
        entries = box_entries(annotations, predictions.boxes)
    else:
        entries = keypoint_entries(annotations, predictions.poses, seen)
        found = [poses.boxes for poses in predictions.poses]
        for entry, box in zip(entries, box_entries(annotations, found), strict=True):
            entry[_BOX] = box["bbox"]
    write_whole(path, json.dumps(entries).encode())


def read_results(path: Path, annotations: Annotations) -> Predictions:
    """Read a results file for these annotations.

    Args:
        path: A list of `image_id`, `category_id`, `score` and `bbox` or `keypoints`; entries of
            other categories are skipped, photographs without an entry have no people.
        annotations: What the file must fit.

    Returns:
        Boxes (those around the keypoints where the file has none), and poses if every entry has
        keypoints. Each pose ranks by its entry's score, wherever that came from.

    Raises:
        InputError: The file is no such list, knows other photographs, or has no people.
    """
    entries = read_json(path)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: expected COCO results, a list of objects, got something else")
    try:
        return _grouped(entries, path, annotations)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{path}: expected image_id, category_id, score and bbox or {len(annotations.skeleton)}"
            f" keypoints in every entry ({type(error).__name__}: {error})"
        ) from error


def _grouped(entries: Sequence[Entry], path: Path, annotations: Annotations) -> Predictions:
    entries = [{**entry, "image_id": int(entry["image_id"])} for entry in entries]
    unknown = sorted({entry["image_id"] for entry in entries} - annotations.known_ids)
    if unknown:
        raise InputError(
            f"{path}: {len(unknown)} image ids are not in the annotations, first {unknown[0]}; "
            "the results belong to other photographs"
        )
    people = [entry for entry in entries if entry["category_id"] == annotations.category_id]
    if entries and not people:
        raise InputError(
            f"{path}: no entry has category_id {annotations.category_id} (person), "
            f"first has {entries[0]['category_id']}"
        )
    by_photo: dict[int, list[Entry]] = {photo.id: [] for photo in annotations.photographs}
    for entry in people:
        if entry["image_id"] in by_photo:
            by_photo[entry["image_id"]].append(entry)
    groups = by_photo.values()
    if not all("keypoints" in entry for entry in people):
        return Predictions(tuple(_boxes(group) for group in groups), None)
    poses = tuple(_poses(group, len(annotations.skeleton)) for group in groups)
    return Predictions(tuple(pose.boxes for pose in poses), poses)


def _boxes(group: Sequence[Entry]) -> Boxes:
    """ValueError if a box is not four finite numbers or a score is not one."""
    xywh = np.array([entry["bbox"] for entry in group], np.float32).reshape(-1, 4)
    _check_finite(xywh)
    return Boxes(boxes.xyxy_from_xywh(xywh), _scores(group))


def _check_finite(values: FloatArray) -> None:
    if not np.isfinite(values).all():
        raise ValueError("expected finite numbers")


def _poses(group: Sequence[Entry], keypoint_count: int) -> Poses:
    triples = np.array([entry["keypoints"] for entry in group], np.float32)
    xyv = triples.reshape(len(group), keypoint_count, 3)
    _check_finite(xyv)
    found = (xyv != 0).any(axis=2, keepdims=True)  # COCO's code never looks at v alone
    keypoints = np.where(found, xyv[..., :2], np.nan).astype(np.float32)
    around = boxes.around_keypoints(keypoints, np.ones_like(xyv[..., 2]))
    xyxy = np.array(
        [_given_box(entry, box) for entry, box in zip(group, around, strict=True)],
        np.float32,
    ).reshape(-1, 4)
    # A file's score is the person's already: with keypoint scores of 1 it stays what it is.
    return Poses(keypoints, np.ones_like(xyv[..., 2]), Boxes(xyxy, _scores(group)))


def _given_box(entry: Entry, around: FloatArray) -> FloatArray:
    xywh = entry.get(_BOX, entry.get("bbox"))
    return around if xywh is None else boxes.xyxy_from_xywh([xywh])[0]


def _scores(group: Sequence[Mapping[str, Any]]) -> FloatArray:
    scores = [float(entry["score"]) for entry in group]
    if not all(math.isfinite(score) for score in scores):
        raise ValueError("a score is not a finite number")
    return np.array(scores, np.float32)
