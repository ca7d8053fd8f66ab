"""Boxes, against pycocotools and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask

from pose import boxes
from pose.types import FloatArray

EMPTY = np.zeros((0, 4), np.float32)


def _some(rng: np.random.Generator, count: int) -> FloatArray:
    corner = rng.integers(0, 80, (count, 2))
    return np.concatenate([corner, corner + rng.integers(5, 60, (count, 2))], 1).astype(np.float32)


@pytest.mark.parametrize(
    ("xyxy", "expected"),
    [
        (EMPTY, []),
        ([[0, 0, 2, 3]], [6]),
        ([[-1, -1, 1, 1], [5, 5, 5, 9], [9, 9, 5, 5]], [4, 0, 0]),
    ],
)
def test_area(xyxy: FloatArray, expected: list[float]) -> None:
    np.testing.assert_array_equal(boxes.area(np.array(xyxy, np.float32)), expected)


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (3, 0), (1, 1), (20, 30)])
def test_iou_is_that_of_pycocotools(rng: np.random.Generator, n: int, m: int) -> None:
    a, b = _some(rng, n), _some(rng, m)

    ours = boxes.iou(a, b)

    assert ours.shape == (n, m)
    assert ours.dtype == np.float32
    if n and m:
        xywh = [boxes.xywh_from_xyxy(side).astype(np.float64) for side in (a, b)]
        np.testing.assert_allclose(ours, mask.iou(*xywh, [0] * m), atol=1e-6)


def test_boxes_without_area_overlap_nothing() -> None:
    point = np.array([[5, 5, 5, 5]], np.float32)

    assert boxes.iou(point, point) == 0


@pytest.mark.parametrize(
    ("xyxy", "expected"),
    [
        (EMPTY, EMPTY),
        ([[-5, -5, 20, 30]], [[0, 0, 20, 30]]),
        ([[90, 40, 120, 60], [200, 200, 300, 300]], [[90, 40, 100, 50], [100, 50, 100, 50]]),
    ],
)
def test_clip_cuts_at_the_edges_of_the_picture(xyxy: FloatArray, expected: FloatArray) -> None:
    clipped = boxes.clip(np.array(xyxy, np.float32), (100, 50))

    np.testing.assert_array_equal(clipped, expected)
    assert clipped.dtype == np.float32


@pytest.mark.parametrize(
    ("xyxy", "scores", "expected"),
    [
        (EMPTY, [], []),
        ([[0, 0, 9, 9]], [0.1], [0]),
        ([[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60]], [0.5, 0.9, 0.6], [1, 2]),
        ([[0, 0, 10, 10], [0, 0, 10, 10]], [0.5, 0.5], [0]),
        ([[0, 0, 10, 10], [0, 0, 10, 5]], [0.5, 0.4], [0, 1]),  # just at the threshold
    ],
)
def test_nms(xyxy: FloatArray, scores: list[float], expected: list[int]) -> None:
    kept = boxes.nms(np.array(xyxy, np.float32), np.array(scores, np.float32), 0.5)

    assert kept.tolist() == expected
    assert kept.dtype == np.int64


@pytest.mark.parametrize("threshold", [0.0, 0.31, 0.62])
def test_nms_keeps_what_opencv_keeps(rng: np.random.Generator, threshold: float) -> None:
    xyxy, scores = _some(rng, 60), (rng.permutation(60) / 60 + 0.01).astype(np.float32)
    xywh = boxes.xywh_from_xyxy(xyxy).tolist()

    kept = boxes.nms(xyxy, scores, threshold)

    theirs = cv2.dnn.NMSBoxes(xywh, scores.tolist(), 0.0, threshold)
    assert kept.tolist() == np.asarray(theirs).ravel().tolist()


@given(st.integers(0, 25), st.integers(0, 1000), st.floats(0, 1))
def test_nms_leaves_no_two_alike_and_drops_none_without_reason(
    count: int, seed: int, threshold: float
) -> None:
    rng = np.random.default_rng(seed)
    xyxy, scores = _some(rng, count), rng.choice([0.2, 0.5, 0.9], count).astype(np.float32)

    kept = boxes.nms(xyxy, scores, threshold)

    overlaps = boxes.iou(xyxy, xyxy[kept])
    assert (np.diff(scores[kept]) <= 0).all()
    assert (np.triu(overlaps[kept], 1) <= threshold).all()
    for lost in np.setdiff1d(np.arange(count), kept):
        assert ((overlaps[lost] > threshold) & (scores[kept] >= scores[lost])).any()


def test_soft_nms_of_nobody_is_nobody() -> None:
    kept, scores = boxes.soft_nms(EMPTY, np.zeros(0, np.float32))

    assert kept.shape == scores.shape == (0,)
    assert kept.dtype == np.int64
    assert scores.dtype == np.float32


def test_soft_nms_lowers_and_drops_what_opencv_does(rng: np.random.Generator) -> None:
    xyxy, scores = _some(rng, 40), rng.uniform(0.1, 1, 40).astype(np.float32)
    xywh = boxes.xywh_from_xyxy(xyxy).astype(int).tolist()

    kept, lowered = boxes.soft_nms(xyxy, scores, sigma=0.5, min_score=0.02)

    their_scores, theirs = cv2.dnn.softNMSBoxes(xywh, scores.tolist(), 0.02, 0.3, 0, 0.5)
    assert kept.tolist() == np.asarray(theirs).ravel().tolist()
    np.testing.assert_allclose(lowered, their_scores, atol=1e-5)


@pytest.mark.parametrize(
    ("xyxy", "expected"),
    [
        (EMPTY, EMPTY),
        ([[0, 0, 30, 80]], [[-22.5, -10, 52.5, 90]]),  # too thin
        ([[0, 0, 60, 40]], [[-7.5, -30, 67.5, 70]]),  # too wide
        ([[5, 5, 5, 5]], [[5, 5, 5, 5]]),
    ],
)
def test_widen_grows_the_short_side_and_then_both(xyxy: FloatArray, expected: FloatArray) -> None:
    grown = boxes.widen(np.array(xyxy, np.float32), aspect=0.75, padding=1.25)

    np.testing.assert_allclose(grown, expected)
    assert grown.dtype == np.float32


NAN = float("nan")


@pytest.mark.parametrize(
    ("keypoints", "scores", "expected"),
    [
        (np.zeros((0, 17, 2)), np.zeros((0, 17)), EMPTY),
        (np.zeros((1, 0, 2)), np.zeros((1, 0)), [[NAN] * 4]),
        ([[[1, 2], [5, 22]]], [[0.9, 0.9]], [[-1, 0, 7, 24]]),
        ([[[1, 2], [NAN, NAN], [9, 9]]], [[0.9, 0.0, 0.1]], [[1, 2, 1, 2]]),  # 9, 9 is too unsure
        ([[[NAN, NAN]], [[3, 4]]], [[0.0], [0.2]], [[NAN] * 4, [NAN] * 4]),
    ],
)
def test_box_around_keypoints(
    keypoints: FloatArray, scores: FloatArray, expected: FloatArray
) -> None:
    held = boxes.around_keypoints(
        np.array(keypoints, np.float32), np.array(scores, np.float32), min_score=0.3, margin=0.1
    )

    np.testing.assert_allclose(held, expected)
    assert held.dtype == np.float32


def test_xywh_and_back_is_the_same_box(rng: np.random.Generator) -> None:
    for xyxy in (EMPTY, _some(rng, 5)):
        np.testing.assert_array_equal(boxes.xyxy_from_xywh(boxes.xywh_from_xyxy(xyxy)), xyxy)
    assert boxes.xyxy_from_xywh([]).shape == (0, 4)
    assert boxes.xyxy_from_xywh([[1, 2, 3, 4]]).tolist() == [[1, 2, 4, 6]]
