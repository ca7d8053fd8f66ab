"""PCK and PCKh on people whose sizes are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from evaluation import pck
from evaluation.predict import Predictions
from pose.skeleton import COCO_17, LSP_14, MPII_16, Skeleton
from pose.types import Boxes, Poses
from tests.evaluation import labelled

BOX = (100, 100, 200, 300)
# left shoulder (170, 140), right hip (135, 204): the torso's diameter
TORSO_PX = float(np.hypot(35, 64))


def test_nobody_judged_has_no_share() -> None:
    tally = pck.torso_pck(labelled.labels_of([labelled.people([])]), _found([]), COCO_17)

    assert np.isnan(tally.share)
    assert tally.by_keypoint(COCO_17) == {}


@pytest.mark.parametrize(
    ("away", "share"), [(0.0, 1.0), (0.199, 1.0), (0.201, 0.0), (float("nan"), 0.0)]
)
def test_a_keypoint_within_a_fifth_of_the_torso_is_right(away: float, share: float) -> None:
    labels = labelled.labels_of([labelled.people([BOX])])
    (poses,) = labelled.perfect(labels)
    moved = replace(poses, keypoints=poses.keypoints + np.array([away * TORSO_PX, 0], np.float32))

    tally = pck.torso_pck(labels, _found([moved]), COCO_17)

    assert tally.share == share
    assert tally.people == 1


def test_the_torso_reaches_from_the_left_shoulder_to_the_right_hip() -> None:
    group = labelled.people([BOX])

    assert pck.torso_sizes(group, COCO_17)[0] == pytest.approx(TORSO_PX)


@pytest.mark.parametrize("skeleton", [COCO_17, MPII_16, LSP_14], ids=lambda skeleton: skeleton.name)
def test_every_skeleton_has_a_torso(skeleton: Skeleton) -> None:
    assert set(pck.TORSO) <= set(skeleton.keypoints)


def test_people_without_a_torso_are_counted_and_not_judged() -> None:
    group = labelled.people([BOX, (300, 100, 400, 300)])
    group.keypoints[1, COCO_17.keypoints.index("right_hip")] = np.nan
    labels = labelled.labels_of([group])

    tally = pck.torso_pck(labels, _found(labelled.perfect(labels)), COCO_17)

    assert (tally.people, tally.without_size) == (1, 1)
    assert tally.judged.sum() == 17


def test_unlabelled_keypoints_are_not_judged() -> None:
    """LSP's faces have no labels, and a network finds them all the same."""
    group = labelled.people([BOX])
    everything = labelled.perfect(labelled.labels_of([group]))
    faceless = replace(group, keypoints=group.keypoints.copy())
    faceless.keypoints[0, :5] = np.nan

    tally = pck.torso_pck(labelled.labels_of([faceless]), _found(everything), COCO_17)

    assert tally.judged.sum() == tally.correct.sum() == 12
    assert "nose" not in tally.by_keypoint(COCO_17)


def test_keypoints_that_the_network_never_learned_are_not_judged() -> None:
    group = labelled.people([BOX])
    labels = labelled.labels_of([group])

    tally = pck.torso_pck(labels, _found(labelled.perfect(labels)), LSP_14)

    assert tally.judged.sum() == 12


def test_a_person_whom_nobody_found_has_every_keypoint_wrong() -> None:
    labels = labelled.labels_of([labelled.people([BOX]), labelled.people([BOX])])
    found = [labelled.perfect(labels)[0], Poses.empty(17)]

    tally = pck.torso_pck(labels, _found(found), COCO_17)

    assert tally.share == 0.5


def test_each_person_takes_the_box_that_fits_best_and_no_box_serves_two() -> None:
    people = np.array([BOX, (105, 100, 205, 300), (400, 0, 500, 100)], np.float32)
    boxes = np.array([(300, 300, 320, 320), (106, 100, 206, 300), (100, 100, 200, 290)], np.float32)

    chosen = pck.pose_of_each_person(people, Boxes(boxes, np.ones(3, np.float32)))

    assert chosen.tolist() == [2, 1, -1]


def test_the_head_is_the_unit_of_pckh() -> None:
    """Box of the head 30 x 40: diagonal 50, size 30, half of it 15 pixels."""
    group = replace(labelled.people([BOX]), head_sizes=np.array([0.6 * 50], np.float32))
    labels = labelled.labels_of([group])
    (poses,) = labelled.perfect(labels)
    shift = np.where(np.arange(17) < 10, 14.9, 15.1)[None, :, None] * np.array([1, 0])
    moved = replace(poses, keypoints=(poses.keypoints + shift).astype(np.float32))

    tally = pck.head_pck(labels, _found([moved]), COCO_17)

    assert tally.share == pytest.approx(10 / 17)


def test_a_draw_weighs_photographs() -> None:
    labels = labelled.labels_of([labelled.people([BOX]), labelled.people([BOX])])
    tally = pck.torso_pck(labels, _found([labelled.perfect(labels)[0], Poses.empty(17)]), COCO_17)

    shares = tally.resampled(np.array([[1, 1], [2, 0], [0, 2], [0, 0]]))

    np.testing.assert_allclose(shares, [0.5, 1, 0, np.nan])


def _found(poses: Sequence[Poses]) -> Predictions:
    some = tuple(poses) or (Poses.empty(17),)
    return Predictions(tuple(pose.boxes for pose in some), some)
