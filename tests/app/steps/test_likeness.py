"""How alike a pose and an expectation are: boxes, keypoints, and what may be forgiven."""

from __future__ import annotations

import numpy as np
import pytest

from app.steps.likeness import likeness
from pose.skeleton import COCO_17
from pose.types import Poses
from tests.app.steps.figures import crowd, person


def alike(found: Poses, expected: Poses, spread: float = 5.0) -> np.ndarray:
    spreads = np.full(len(expected), spread, np.float32)
    return likeness(found, expected, spreads, COCO_17)


@pytest.mark.parametrize(("found", "expected"), [(0, 0), (0, 2), (3, 0), (3, 2)])
def test_everybody_is_compared_with_everybody(found: int, expected: int) -> None:
    poses = [person(100 * i) for i in range(3)]

    table = alike(crowd(poses[:found]), crowd(poses[:expected]))

    assert table.shape == (found, expected)
    assert table.dtype == np.float32
    assert ((table >= 0) & (table <= 1)).all()


def test_the_same_pose_is_as_alike_as_can_be_and_a_far_one_not_at_all() -> None:
    table = alike(crowd([person(100), person(900)]), person(100))

    np.testing.assert_allclose(table[:, 0], [1, 0], atol=1e-5)


def test_keypoints_tell_people_apart_whose_boxes_are_the_same() -> None:
    arms_up = person(100).keypoints.copy()
    arms_up[0, 7:11, 1] -= 80
    bent = Poses(arms_up, person(100).scores, person(100).boxes)

    table = alike(crowd([person(100), bent]), crowd([person(100), bent]))

    assert table[0, 0] > table[0, 1] + 0.05
    assert table[1, 1] > table[1, 0] + 0.05


def test_who_may_have_moved_far_is_forgiven_more() -> None:
    shifted = person(160)

    near, far = (alike(shifted, person(100), spread)[0, 0] for spread in (1.0, 60.0))

    assert near < 0.25 < far


def test_without_shared_keypoints_the_boxes_decide() -> None:
    unseen = person(100, score=0.1)

    np.testing.assert_allclose(alike(unseen, person(100)), [[1]], atol=1e-5)


@pytest.mark.parametrize("scale", [0.2, 5])
def test_people_of_all_sizes_are_compared_alike(scale: float) -> None:
    small = alike(
        person(110 * scale, 0, 200 * scale), person(100 * scale, 0, 200 * scale), 8 * scale
    )

    np.testing.assert_allclose(small, alike(person(110, 0), person(100, 0), 8), atol=1e-4)
