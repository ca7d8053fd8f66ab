"""Synthetic labels: photographs that need no picture, and people at known places."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.annotations import Annotations, People, Photograph
from pose.skeleton import COCO_17, Skeleton
from pose.types import Boxes, FloatArray, Poses

SIZE_WH = (640, 480)
# x and y in parts of a person's box: head, shoulders, arms, hips, legs of COCO's 17
_STANDING = np.array(
    [
        (0.5, 0.08), (0.55, 0.05), (0.45, 0.05), (0.6, 0.07), (0.4, 0.07),
        (0.7, 0.2), (0.3, 0.2), (0.85, 0.35), (0.15, 0.35), (0.95, 0.5), (0.05, 0.5),
        (0.65, 0.52), (0.35, 0.52), (0.65, 0.75), (0.35, 0.75), (0.65, 0.97), (0.35, 0.97),
    ],
    np.float32,
)  # fmt: skip


def standing(xyxy: FloatArray) -> FloatArray:
    """One person in each box: (N, 4) -> (N, 17, 2)."""
    low, high = xyxy[:, None, :2], xyxy[:, None, 2:]
    return (low + _STANDING * (high - low)).astype(np.float32)


def people(xyxy: Sequence[Sequence[float]], first_id: int = 1) -> People:
    """Fully labelled people; areas are half their boxes, as masks are."""
    boxes = np.array(xyxy, np.float32).reshape(-1, 4)
    return People(
        ids=np.arange(first_id, first_id + len(boxes)),
        xyxy=boxes,
        keypoints=standing(boxes),
        areas=(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) / 2).astype(np.float32),
        crowd=np.zeros(len(boxes), np.bool_),
        head_sizes=np.full(len(boxes), np.nan, np.float32),
    )


def labels_of(groups: Sequence[People], skeleton: Skeleton = COCO_17) -> Annotations:
    """One photograph for each group of people, ids from 1."""
    photographs = tuple(
        Photograph(index, Path(f"{index}.png"), SIZE_WH, group)
        for index, group in enumerate(groups, start=1)
    )
    return Annotations(photographs, skeleton, frozenset(photo.id for photo in photographs))


def perfect(labels: Annotations) -> list[Poses]:
    """Poses that are the labels of everybody who has some."""
    found = []
    for photo in labels.photographs:
        judged = photo.people[photo.people.with_keypoints]
        scores = judged.labelled.astype(np.float32)
        ranks = np.linspace(0.9, 0.5, len(judged), dtype=np.float32)
        found.append(Poses(judged.keypoints, scores, Boxes(judged.xyxy, ranks)))
    return found


def crowded(rng: np.random.Generator, photographs: int = 12) -> tuple[Annotations, list[Poses]]:
    """Labels and poses with all that makes COCO's rules differ.

    People without labels, crowds, hidden keypoints, near and far finds, nobody's finds, doubles.
    """
    groups, found = [], []
    for index in range(photographs):
        count = int(rng.integers(0, 5))
        low = rng.uniform(0, 300, (count, 2))
        xyxy = np.concatenate([low, low + rng.uniform(20, 200, (count, 2))], axis=1)
        group = people(xyxy.tolist(), first_id=100 * index + 1)
        keypoints = group.keypoints.copy()
        keypoints[rng.random(keypoints.shape[:2]) < 0.3] = np.nan
        keypoints[rng.random(count) < 0.2] = np.nan
        groups.append(replace(group, keypoints=keypoints, crowd=rng.random(count) < 0.15))
        guesses = np.concatenate([xyxy, xyxy[: count // 2], rng.uniform(0, 400, (2, 4))])
        guesses = (guesses + rng.normal(0, 3, guesses.shape)).astype(np.float32)
        guesses[:, 2:] = np.maximum(guesses[:, 2:], guesses[:, :2] + 10)
        points = standing(guesses) + rng.normal(0, 2, (len(guesses), 17, 2)).astype(np.float32)
        ranks = rng.permutation(np.linspace(0.1, 0.9, len(guesses))).astype(np.float32)
        scores = rng.uniform(0.3, 1, points.shape[:2]).astype(np.float32)
        found.append(Poses(points, scores, Boxes(guesses, ranks)))
    return labels_of(groups), found


def write(
    path: Path,
    labels: Annotations,
    names: Sequence[str] | None = None,
    keypoints: bool = True,
) -> Path:
    """Write labels as COCO annotations, the way a stranger's file looks.

    Args:
        path: Where.
        labels: What.
        names: File names of the photographs.
        keypoints: Leave them out for a file of boxes.
    """
    category: dict[str, Any] = {"id": 1, "name": "person"}
    if keypoints:
        category["keypoints"] = list(labels.skeleton.keypoints)
    images = [
        {
            "id": photo.id,
            "file_name": names[index] if names else photo.path.name,
            "width": photo.size_wh[0],
            "height": photo.size_wh[1],
        }
        for index, photo in enumerate(labels.photographs)
    ]
    rows = [
        _row(photo, index, keypoints)
        for photo in labels.photographs
        for index in range(len(photo.people))
    ]
    content = {"images": images, "annotations": rows, "categories": [category]}
    path.write_text(json.dumps(content), "utf-8")
    return path


def _row(photo: Photograph, index: int, keypoints: bool) -> dict[str, Any]:
    group = photo.people
    x1, y1, x2, y2 = (float(edge) for edge in group.xyxy[index])
    row: dict[str, Any] = {
        "id": int(group.ids[index]),
        "image_id": photo.id,
        "category_id": 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": float(group.areas[index]),
        "iscrowd": int(group.crowd[index]),
    }
    if keypoints:
        labelled: npt.NDArray[np.bool_] = group.labelled[index]
        xyv = np.concatenate([np.nan_to_num(group.keypoints[index]), 2.0 * labelled[:, None]], 1)
        row["keypoints"] = xyv.astype(float).ravel().tolist()
        row["num_keypoints"] = int(labelled.sum())
    return row
