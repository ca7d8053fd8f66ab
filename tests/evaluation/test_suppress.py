"""Suppression of doubles, of boxes and of poses."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.predict import Predictions
from evaluation.suppress import box_rule, suppressing, without_doubles
from pose.errors import UsageError
from pose.skeleton import COCO_17
from pose.types import Boxes, Poses
from tests.evaluation import labelled

# Two people beside each other (IoU 1/3), and the first again, a little to the right (IoU 0.6).
XYXY = np.array([[0, 0, 100, 100], [50, 0, 150, 100], [25, 0, 125, 100]], np.float32)
FOUND = Boxes(XYXY, np.array([0.9, 0.8, 0.7], np.float32))


@pytest.mark.parametrize("rule", ["0.5", "soft"])
def test_nobody_stays_nobody(rule: str) -> None:
    assert len(box_rule(rule)(Boxes.empty())) == 0


@pytest.mark.parametrize(("rule", "kept"), [("0.3", 1), ("0.5", 2), ("0.7", 3), ("1", 3)])
def test_hard_suppression_goes_by_the_threshold(rule: str, kept: int) -> None:
    assert len(box_rule(rule)(FOUND)) == kept


def test_soft_suppression_keeps_everybody_and_lowers_scores() -> None:
    soft = box_rule("soft")(FOUND)

    assert len(soft) == 3
    assert soft.scores[0] == FOUND.scores[0]
    assert (soft.scores[1:] < [0.8, 0.7]).all()
    assert soft.scores[1] == pytest.approx(0.8 * np.exp(-((1 / 3) ** 2) / 0.5), rel=1e-5)


@pytest.mark.parametrize("rule", ["", "hard", "0", "-0.3", "1.5", "nan"])
def test_a_rule_that_cannot_be_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match="expected an IoU above 0 and up to 1, or soft"):
        box_rule(rule)


def test_the_best_are_kept_where_there_are_too_many() -> None:
    find = suppressing(lambda photographs, frames: [FOUND, Boxes.empty()], box_rule("1"), most=2)

    first, second = find([], [])

    np.testing.assert_array_equal(first.scores, FOUND.scores[:2])
    assert len(second) == 0


@pytest.mark.parametrize(("threshold", "kept"), [(0, 3), (0.5, 2), (0.999, 3)])
def test_of_two_poses_that_are_alike_the_better_one_stays(threshold: float, kept: int) -> None:
    boxes = XYXY.copy()
    boxes[2] = boxes[0] + 1  # the same person once more
    keypoints = labelled.standing(boxes)
    scores = np.full(keypoints.shape[:2], 0.8, np.float32)
    poses = Poses(keypoints, scores, Boxes(boxes, np.array([0.7, 0.8, 0.9], np.float32)))
    found = Predictions((poses.boxes, Boxes.empty()), (poses, Poses.empty(17)))

    left = without_doubles(found, COCO_17, threshold)

    assert left.poses is not None
    assert [len(people) for people in left.poses] == [kept, 0]
    assert left.boxes[0] is left.poses[0].boxes
    assert left.boxes[0].scores.max() == np.float32(0.9)


def test_boxes_without_poses_are_left_as_they_are() -> None:
    found = Predictions((FOUND,), None)

    assert without_doubles(found, COCO_17, 0.5) is found
