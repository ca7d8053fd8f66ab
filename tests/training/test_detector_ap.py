"""Box AP on held-in photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("faster_coco_eval")

from training.detector_ap import average_precision
from training.person_dataset import Photograph

NONE = np.zeros((0, 4), np.float32)
BOXES = np.array([[0, 0, 50, 100], [100, 0, 150, 120]], np.float32)


def _photograph(xyxy: np.ndarray, crowds: np.ndarray = NONE) -> Photograph:
    weights = np.ones(len(xyxy), np.float32)
    return Photograph(Path("a.png"), "made", (200, 200), xyxy, weights, crowds, True)


def test_finding_nobody_scores_nothing() -> None:
    figures = average_precision([_photograph(BOXES)], [(NONE, np.zeros(0, np.float32))])

    assert figures["AP50"] == 0


def test_perfect_boxes_score_one() -> None:
    figures = average_precision([_photograph(BOXES)], [(BOXES, np.array([0.9, 0.8], np.float32))])

    assert figures["AP"] == pytest.approx(1) and figures["AP50m"] == pytest.approx(1)


def test_a_box_in_a_crowd_is_no_false_alarm() -> None:
    crowd = np.array([[0, 100, 200, 200]], np.float32)
    alarm = np.array([[20, 110, 80, 190]], np.float32)
    scores = np.array([0.5, 0.9, 0.8], np.float32)
    found = (np.concatenate([alarm, BOXES]), np.array([0.95, 0.9, 0.8], np.float32))

    strict = average_precision([_photograph(BOXES)], [found])
    lenient = average_precision([_photograph(BOXES, crowd)], [found])

    assert strict["AP50"] < 0.8 and lenient["AP50"] == pytest.approx(1)
    assert len(scores) == len(found[1])
