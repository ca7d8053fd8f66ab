"""Ghosts and doubles: who is a person, and who is the same one twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.steps.crowd import pose_scores, real_people, sureness
from pose.skeleton import COCO_17
from pose.types import Boxes, Poses
from tests.app.steps.figures import crowd, jittered, person


def head_and_shoulders(one: Poses, box_score: float) -> Poses:
    """The same person in a box that ends at the chest; the network guesses at the legs."""
    scores = one.scores.copy()
    scores[:, 7:] = 0.1
    box = one.boxes.xyxy.copy()
    box[:, 3] = box[:, 1] + 0.4 * (box[:, 3] - box[:, 1])
    return Poses(one.keypoints, scores, Boxes(box, np.array([box_score], np.float32)))


@pytest.mark.parametrize(
    ("people", "left"),
    [
        ([], []),
        ([person(100)], [0]),
        ([person(100, score=0.2)], []),
        ([person(100), person(300, box_score=0.95)], [1, 0]),
        ([person(100), person(102, box_score=0.5)], [0]),
        ([person(100), person(145, box_score=0.5)], [0, 1]),  # shoulder to shoulder
        ([person(100, 400, 200), person(100, 400, 100, box_score=0.8)], [0, 1]),  # a child in front
        ([head_and_shoulders(person(100), 0.95), person(100, box_score=0.6)], [1]),
        ([head_and_shoulders(person(100), 0.95)], [0]),
    ],
)
def test_every_person_stays_once(people: list[Poses], left: list[int]) -> None:
    found = real_people(crowd(people), COCO_17)

    wanted = crowd([people[i] for i in left])
    np.testing.assert_array_equal(found.boxes.xyxy, wanted.boxes.xyxy)
    np.testing.assert_array_equal(found.keypoints, wanted.keypoints)


@settings(max_examples=25)
@given(order=st.permutations(range(6)), seed=st.integers(0, 50))
def test_the_order_of_detections_does_not_matter(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    poses = jittered(crowd([person(60 * float(x)) for x in rng.integers(0, 6, 6)]), rng, 3)

    straight = real_people(poses, COCO_17)
    shuffled = real_people(poses[np.array(order)], COCO_17)

    np.testing.assert_array_equal(straight.keypoints, shuffled.keypoints)


def test_a_face_at_the_edge_is_as_sure_as_a_whole_person() -> None:
    whole = person(100, score=0.8)
    scores = np.zeros_like(whole.scores)
    scores[:, :5] = 0.8
    face = replace(whole, scores=scores)

    np.testing.assert_allclose(pose_scores(crowd([whole, face])), [0.8, 0.8], atol=1e-6)
    np.testing.assert_allclose(sureness(face), np.sqrt(0.8 * 0.9), atol=1e-6)
    assert pose_scores(Poses.empty(17)).shape == (0,)
    assert pose_scores(Poses.empty(0)).shape == (0,)
