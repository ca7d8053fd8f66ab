"""How sure a person is: only what was seen counts."""

from __future__ import annotations

import numpy as np
import pytest

from pose.ranking import person_scores
from pose.types import Boxes, Poses


@pytest.mark.parametrize(
    ("scores", "seen", "expected"),
    [
        ([], 0.2, []),
        ([[0.0, 0.0, 0.0]], 0.2, [0.0]),
        ([[0.8, 0.6, 0.1]], 0.2, [0.5 * 0.7]),
        ([[0.8, 0.6, 0.1]], 0.0, [0.5 * 0.5]),
        ([[0.9, 0.0, 0.0], [0.5, 0.5, 0.5]], 0.2, [0.45, 0.25]),  # half hidden, but sure
        ([[0.9, 0.0, 0.0], [0.5, 0.5, 0.5]], 0.0, [0.15, 0.25]),
    ],
)
def test_keypoints_out_of_sight_do_not_count(
    scores: list[list[float]], seen: float, expected: list[float]
) -> None:
    values = np.array(scores, np.float32).reshape(-1, 3)
    count = len(values)
    boxes = Boxes(np.zeros((count, 4), np.float32), np.full(count, 0.5, np.float32))

    found = person_scores(Poses(np.zeros((count, 3, 2), np.float32), values, boxes), seen)

    assert found.dtype == np.float32 and found.tolist() == pytest.approx(expected)
