"""How much a pose in this frame looks like a person of the frames before, 0 to 1.

Half of it is overlap of boxes, half is similarity of keypoints (OKS); both forgive as much as
the person may have moved unseen. Knows no ids and decides nothing; `app.steps.track` does.
"""

from __future__ import annotations

import numpy as np

from pose import boxes
from pose.ranking import SEEN
from pose.skeleton import Skeleton
from pose.types import FloatArray, Poses

_FULL_TRUST = 6  # keypoints seen in both frames from which OKS weighs as much as overlap
_MAX_BUFFER = 0.5  # of a box's longer side, added at most on each side


def likeness(found: Poses, expected: Poses, spread: FloatArray, skeleton: Skeleton) -> FloatArray:
    """Compare every found pose with every expected one.

    Args:
        found: N poses of this frame.
        expected: M poses as predicted for this frame.
        spread: (M,) standard deviation of the predictions in pixels.
        skeleton: Of both.

    Returns:
        (N, M) float32.
    """
    sides = expected.boxes.xyxy[:, 2:] - expected.boxes.xyxy[:, :2]
    buffer = np.minimum(spread, np.float32(_MAX_BUFFER) * sides.max(axis=1))  # (M,)
    overlap = _buffered_iou(found.boxes.xyxy, expected.boxes.xyxy, buffer)
    alike, shared = _blurred_oks(found, expected, spread, skeleton)
    trust = 0.5 * np.minimum(1, shared / _FULL_TRUST)
    return np.asarray(trust * alike + (1 - trust) * overlap, np.float32)


def _buffered_iou(found: FloatArray, expected: FloatArray, buffer: FloatArray) -> FloatArray:
    """IoU of (N, 4) with (M, 4) boxes after both have grown by (M,) pixels on every side.

    Yang et al., "Hard to Track Objects with Irregular Motions and Similar Appearances? Make It
    Easier by Buffering the Matching Space" (WACV 2023).
    """
    grown = 2 * buffer[:, None]  # (M, 1)
    low = np.maximum(found[:, None, :2], expected[None, :, :2])
    high = np.minimum(found[:, None, 2:], expected[None, :, 2:])
    shared = np.maximum(high - low + grown, 0).prod(axis=2)  # (N, M)
    ours = (found[:, None, 2:] - found[:, None, :2] + grown).prod(axis=2)
    theirs = (expected[:, 2:] - expected[:, :2] + grown).prod(axis=1)
    ratio: FloatArray = shared / np.maximum(ours + theirs - shared, 1e-6)
    return ratio


def _blurred_oks(
    found: Poses, expected: Poses, spread: FloatArray, skeleton: Skeleton
) -> tuple[FloatArray, FloatArray]:
    """OKS over the keypoints that both show, its falloffs widened by the spread.

    Returns:
        (N, M) similarity, 0 where nothing is shared, and (N, M) count of shared keypoints.
    """
    shared = (found.scores >= SEEN)[:, None] & (expected.scores >= SEEN)[None]  # (N, M, K)
    apart = found.keypoints[:, None] - expected.keypoints[None]
    squared = (apart.astype(np.float32) ** 2).sum(axis=3)
    area = np.maximum(boxes.area(expected.boxes.xyxy), 1)
    falloff = area[:, None] * (2 * skeleton.oks_sigmas) ** 2 + (spread**2)[:, None]  # (M, K)
    alike = np.where(shared, np.exp(-squared / (2 * falloff)), 0)
    count = shared.sum(axis=2)
    return alike.sum(axis=2) / np.maximum(count, 1), count.astype(np.float32)
