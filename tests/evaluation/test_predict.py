"""Running the steps over photographs: order, sizes, skeletons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.annotations import Annotations
from evaluation.predict import RUN_LENGTH, given_boxes, predict, reordered, true_boxes
from pose.errors import InputError
from pose.skeleton import COCO_17, LSP_14
from pose.types import Boxes, Frame, Poses
from tests.evaluation import labelled

BOX = (100, 100, 200, 300)


def test_nobody_labelled_gives_no_true_box() -> None:
    labels = labelled.labels_of([labelled.people([])])

    assert [len(boxes) for boxes in true_boxes(labels.photographs, [])] == [0]


def test_true_boxes_are_of_people_with_keypoints_who_are_no_crowd() -> None:
    group = labelled.people([BOX, BOX, (300, 100, 400, 300)])
    group.keypoints[0] = np.nan
    labels = labelled.labels_of([replace(group, crowd=np.array([False, True, False]))])

    (boxes,) = true_boxes(labels.photographs, [])

    assert boxes.xyxy.tolist() == [[300, 100, 400, 300]]
    assert boxes.scores.tolist() == [1]


def test_every_photograph_gets_its_own_answer_in_order(tmp_path: Path) -> None:
    labels = _with_pictures(tmp_path, RUN_LENGTH + 3)
    boxes = [
        Boxes(np.array([[index, 0, index + 1, 1]], np.float32), np.ones(1, np.float32))
        for index in range(len(labels.photographs))
    ]

    def estimate(frames: Sequence[Frame], found: Sequence[Boxes]) -> list[Poses]:
        """Keypoint k at (brightness of the picture, k)."""
        return [
            Poses(
                np.stack([np.full(17, frame.image[0, 0, 0]), np.arange(17)], 1)[None].astype("f4"),
                np.ones((1, 17), np.float32),
                people,
            )
            for frame, people in zip(frames, found, strict=True)
        ]

    found = predict(labels, given_boxes(labels, boxes), estimate)

    assert [people.xyxy[0, 0] for people in found.boxes] == list(range(RUN_LENGTH + 3))
    assert found.poses is not None
    assert [poses.keypoints[0, 0, 0] for poses in found.poses] == list(range(RUN_LENGTH + 3))
    assert set(found.seconds) == {"boxes", "poses"}


def test_boxes_alone_need_no_estimator(tmp_path: Path) -> None:
    labels = _with_pictures(tmp_path, 1)

    found = predict(labels, true_boxes, None)

    assert found.poses is None
    assert set(found.seconds) == {"boxes"}


def test_another_skeleton_is_put_in_order_by_name() -> None:
    keypoints = np.arange(17 * 2, dtype=np.float32).reshape(1, 17, 2)
    poses = Poses(keypoints, np.full((1, 17), 0.5, np.float32), labelled_box())

    lsp = reordered(poses, COCO_17, LSP_14)

    left_knee = LSP_14.keypoints.index("left_knee")
    neck = LSP_14.keypoints.index("neck")
    assert lsp.keypoints[0, left_knee].tolist() == keypoints[0, 13].tolist()
    assert np.isnan(lsp.keypoints[0, neck]).all()
    assert (lsp.scores[0, left_knee], lsp.scores[0, neck]) == (0.5, 0)
    assert reordered(poses, COCO_17, COCO_17) is poses


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (b"", "expected a photograph"),
        (b"GIF, perhaps", "expected a photograph"),
        (cv2.imencode(".png", np.zeros((5, 7, 3), np.uint8))[1].tobytes(), "64x48.*has 7x5"),
    ],
    ids=["empty", "text", "another size"],
)
def test_a_photograph_that_cannot_be_used_is_named(
    tmp_path: Path, stored: bytes, message: str
) -> None:
    labels = _with_pictures(tmp_path, 1)
    labels.photographs[0].path.write_bytes(stored)

    with pytest.raises(InputError, match=message):
        predict(labels, true_boxes, None)


def labelled_box() -> Boxes:
    """The box of one person."""
    return Boxes(np.array([BOX], np.float32), np.ones(1, np.float32))


def _with_pictures(folder: Path, count: int) -> Annotations:
    """Photographs that exist; picture i has brightness i."""
    labels = labelled.labels_of([labelled.people([BOX])] * count)
    photographs = []
    for index, photo in enumerate(labels.photographs):
        path = folder / photo.path
        image = np.full((48, 64, 3), index, np.uint8)
        path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        photographs.append(replace(photo, path=path, size_wh=(64, 48)))
    return replace(labels, photographs=tuple(photographs))
