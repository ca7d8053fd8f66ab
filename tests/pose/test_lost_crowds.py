"""Crowds without their mark, against the marks that COCO set."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose.boxes import xyxy_from_xywh
from pose.lost_crowds import lost_crowds
from pose.types import FloatArray

LABELS = Path(__file__).parents[3] / "shared/data/people/annotations"


def _row(count: int) -> FloatArray:
    """People side by side, ten pixels each."""
    left = 10 * np.arange(count, dtype=np.float32)
    return np.stack([left, 0 * left, left + 10, 0 * left + 30], axis=1)


@pytest.mark.parametrize(
    ("people", "around", "expected"),
    [
        (0, 0, False),
        (1, 1, False),
        (11, 11, False),  # twelve boxes: COCO would still have taken them apart
        (12, 4, False),  # somebody who stands before four others
        (12, 5, True),
        (13, 13, True),
    ],
)
def test_the_last_of_many_boxes_around_others_is_a_crowd(
    people: int, around: int, expected: bool
) -> None:
    last = np.array([[0, 0, 10 * around, 30]], np.float32)

    told = lost_crowds(np.concatenate([_row(people), last]))

    assert told.tolist() == [False] * people + [expected]


def test_no_boxes_are_no_crowd() -> None:
    assert lost_crowds(np.zeros((0, 4), np.float32)).shape == (0,)


@pytest.mark.skipif(not LABELS.is_dir(), reason="needs ../shared/data")
def test_where_coco_set_marks_the_rule_sets_no_other() -> None:
    found, marked, wrong = 0, 0, 0
    for name in ("person_keypoints_val_coco.json", "person_keypoints_train.json"):
        content = json.loads((LABELS / name).read_text())
        marks_kept = {i["id"] for i in content["images"] if i["source"] == "coco_train"}
        photographs: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for label in content["annotations"]:
            if label["image_id"] in marks_kept:
                photographs[label["image_id"]].append(label)
        for labels in photographs.values():
            told = lost_crowds(xyxy_from_xywh([label["bbox"] for label in labels]))
            marks = np.array([bool(label["iscrowd"]) for label in labels])
            found += int((told & marks).sum())
            marked += int(marks.sum())
            wrong += int((told & ~marks).sum())

    assert (found, marked, wrong) == (7, 9, 0)
