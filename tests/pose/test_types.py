"""What flows: shapes checked when made, and choosing people from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from pose.types import Boxes, Crops, Frame, Heatmaps, Poses, Scene, Tracks


def _boxes(n: int) -> Boxes:
    return Boxes(
        np.arange(4 * n, dtype=np.float32).reshape(n, 4), np.linspace(0, 1, n, dtype=np.float32)
    )


def _poses(n: int) -> Poses:
    return Poses(np.ones((n, 17, 2), np.float32), np.ones((n, 17), np.float32), _boxes(n))


def _maps(n: int) -> np.ndarray:
    return np.zeros((n, 2, 3), np.float32)


def test_nobody_is_a_normal_case() -> None:
    boxes, poses, tracks = Boxes.empty(), Poses.empty(17), Tracks.empty(17)

    assert len(boxes) == len(poses) == len(tracks) == 0
    assert poses.keypoints.shape == (0, 17, 2)
    assert poses.scores.shape == (0, 17)
    assert len(Crops(np.zeros((0, 4, 3, 3), np.uint8), _maps(0), boxes)) == 0
    assert len(Heatmaps(np.zeros((0, 17, 4, 3), np.float32), _maps(0), boxes)) == 0


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "frame without channels": (
        lambda: Frame(0, 0.0, np.zeros((4, 4), np.uint8)),
        r"Frame.image must be uint8 \('\*', '\*', 3\), got uint8 \(4, 4\)",
    ),
    "frame of floats": (lambda: Frame(0, 0.0, np.zeros((4, 4, 3))), "got float64"),  # type: ignore[arg-type]
    "boxes of three numbers": (
        lambda: Boxes(np.zeros((2, 3), np.float32), np.zeros(2, np.float32)),
        "Boxes.xyxy",
    ),
    "boxes of doubles": (lambda: Boxes(np.zeros((2, 4)), np.zeros(2, np.float32)), "got float64"),  # type: ignore[arg-type]
    "too few scores": (
        lambda: Boxes(np.zeros((2, 4), np.float32), np.zeros(1, np.float32)),
        r"Boxes.scores must be float32 \(2,\), got float32 \(1,\)",
    ),
    "a crop too many": (
        lambda: Crops(np.zeros((3, 4, 3, 3), np.uint8), _maps(2), _boxes(2)),
        "Crops.images",
    ),
    "a map too few": (
        lambda: Crops(np.zeros((2, 4, 3, 3), np.uint8), _maps(1), _boxes(2)),
        "Crops.to_frame",
    ),
    "heatmaps without people": (
        lambda: Heatmaps(np.zeros((17, 4, 3), np.float32), _maps(1), _boxes(1)),
        "Heatmaps.values",
    ),
    "heatmaps without a way back": (
        lambda: Heatmaps(np.zeros((1, 17, 4, 3), np.float32), _maps(2), _boxes(1)),
        "Heatmaps.to_frame",
    ),
    "keypoints with scores inside": (
        lambda: Poses(np.zeros((1, 17, 3), np.float32), np.zeros((1, 17), np.float32), _boxes(1)),
        "Poses.keypoints",
    ),
    "a score too few": (
        lambda: Poses(np.zeros((1, 17, 2), np.float32), np.zeros((1, 16), np.float32), _boxes(1)),
        "Poses.scores",
    ),
    "ids of another kind": (lambda: Tracks(np.zeros(1, np.int32), _poses(1)), "Tracks.ids"),
    "an id too many": (lambda: Tracks(np.zeros(2, np.int64), _poses(1)), "Tracks.ids"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_shape_is_refused_with_expected_and_actual(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        (np.zeros(0, np.int64), []),
        (np.array([2, 0]), [2, 0]),
        (np.array([False, True, True]), [1, 2]),
        (slice(1), [0]),
    ],
)
def test_people_can_be_chosen(chosen: np.ndarray | slice, left: list[int]) -> None:
    boxes, poses = _boxes(3), _poses(3)

    np.testing.assert_array_equal(boxes[chosen].xyxy, boxes.xyxy[left])
    np.testing.assert_array_equal(poses[chosen].boxes.scores, boxes.scores[left])
    assert poses[chosen].keypoints.shape == (len(left), 17, 2)


@pytest.mark.parametrize("counts", [[], [0], [2], [0, 3, 0, 1]])
def test_people_of_parts_are_joined_in_their_order(counts: list[int]) -> None:
    parts = [_poses(n) for n in counts]

    everybody = Poses.joined(parts, 17)

    assert everybody.keypoints.shape == (sum(counts), 17, 2)
    scores = [score for part in parts for score in part.boxes.scores]
    np.testing.assert_array_equal(everybody.boxes.scores, np.array(scores, np.float32))
    np.testing.assert_array_equal(everybody.boxes.xyxy[:1], _boxes(sum(counts)).xyxy[:1])


def test_what_flows_cannot_be_changed() -> None:
    frame = Frame(3, 0.1, np.zeros((48, 64, 3), np.uint8))
    scene = Scene(frame, Tracks.empty(17))

    assert frame.size_wh == (64, 48)
    assert scene.drawing is None
    with pytest.raises(FrozenInstanceError):
        frame.index = 4  # type: ignore[misc]
