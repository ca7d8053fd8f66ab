"""PCK: the share of labelled keypoints that were found near enough, measured in the person's size.

Two units are in use. The torso's diameter, here the distance from the left shoulder to the right
hip, as for Leeds Sports Pose (Toshev & Szegedy, DeepPose, CVPR 2014, section 4.1): PCK@0.2. And
the size of the head, as for MPII (Andriluka et al., CVPR 2014): PCKh@0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from evaluation.annotations import Annotations, People
from evaluation.predict import Predictions
from pose import boxes
from pose.skeleton import Skeleton
from pose.types import Boxes, FloatArray, IntArray

TORSO = ("left_shoulder", "right_hip")
TORSO_FRACTION = 0.2
HEAD_FRACTION = 0.5
MIN_IOU = 0.3  # a box that shares less with a person's is somebody else


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """What was right, kept photograph by photograph for the bootstrap.

    Attributes:
        correct: (I, K) int64 keypoints found near enough, by photograph and keypoint.
        judged: (I, K) int64 labelled keypoints of people who have a size.
        people: How many people were judged.
        without_size: How many people had labelled keypoints but no torso or no box of the head.
    """

    correct: IntArray
    judged: IntArray
    people: int
    without_size: int

    @property
    def share(self) -> float:
        """Correct keypoints of all judged ones, 0 to 1; NaN if none was judged."""
        judged = int(self.judged.sum())
        return float(self.correct.sum() / judged) if judged else float("nan")

    def by_keypoint(self, skeleton: Skeleton) -> dict[str, float]:
        """The share of each keypoint that was judged at all."""
        correct, judged = self.correct.sum(axis=0), self.judged.sum(axis=0)
        return {
            name: float(correct[index] / judged[index])
            for index, name in enumerate(skeleton.keypoints)
            if judged[index]
        }

    def resampled(self, weights: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """(B,) shares if photograph i had been there `weights[b, i]` times; NaN if none judged."""
        correct, judged = weights @ self.correct.sum(axis=1), weights @ self.judged.sum(axis=1)
        return np.where(judged > 0, correct / np.maximum(judged, 1), np.nan)


def torso_sizes(people: People, skeleton: Skeleton) -> FloatArray:
    """(M,) pixels from left shoulder to right hip; NaN where one of them has no label."""
    if not set(TORSO) <= set(skeleton.keypoints):
        return np.full(len(people), np.nan, np.float32)
    ends = people.keypoints[:, [skeleton.keypoints.index(name) for name in TORSO]]
    sizes: FloatArray = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).astype(np.float32)
    return np.where(sizes > 0, sizes, np.float32(np.nan))


def head_sizes(people: People) -> FloatArray:
    """(M,) pixels, 0.6 times the diagonal of the head's box; NaN where it has none."""
    return np.where(people.head_sizes > 0, people.head_sizes, np.float32(np.nan))


def torso_pck(annotations: Annotations, found: Predictions, knows: Skeleton) -> Tally:
    """PCK@0.2 of the torso; see `_tally`."""
    sizes = [torso_sizes(photo.people, annotations.skeleton) for photo in annotations.photographs]
    return _tally(annotations, found, knows, sizes, TORSO_FRACTION)


def head_pck(annotations: Annotations, found: Predictions, knows: Skeleton) -> Tally:
    """PCKh@0.5; see `_tally`."""
    sizes = [head_sizes(photo.people) for photo in annotations.photographs]
    return _tally(annotations, found, knows, sizes, HEAD_FRACTION)


def near_enough(
    found: FloatArray, truth: FloatArray, sizes: FloatArray, fraction: float
) -> npt.NDArray[np.bool_]:
    """Which keypoints lie within a fraction of the person's size of where they should.

    Args:
        found: (M, K, 2) pixels; NaN where not found.
        truth: (M, K, 2) pixels; NaN where not labelled.
        sizes: (M,) pixels; NaN for nobody to judge.
        fraction: Of the size; a distance exactly as long is still near enough.

    Returns:
        (M, K) bool, false wherever something is missing.
    """
    distances = np.linalg.norm(found.astype(np.float64) - truth, axis=2)
    return np.asarray(distances <= fraction * sizes[:, None])


def pose_of_each_person(people: FloatArray, found: Boxes) -> IntArray:
    """Give each person the find whose box fits best, no find to two people.

    By the boxes and not by the keypoints: the latter would choose what flatters the figure.

    Args:
        people: (M, 4) labelled boxes.
        found: N boxes.

    Returns:
        (M,) int64 index into `found`, -1 where none overlaps with an IoU of 0.3.
    """
    overlaps = boxes.iou(people, found.xyxy)
    chosen = np.full(len(people), -1, np.int64)
    rows, columns = linear_sum_assignment(-np.where(overlaps >= MIN_IOU, overlaps, 0))
    fits = overlaps[rows, columns] >= MIN_IOU
    chosen[rows[fits]] = columns[fits]
    return chosen


def _tally(
    annotations: Annotations,
    found: Predictions,
    knows: Skeleton,
    sizes: Sequence[FloatArray],
    fraction: float,
) -> Tally:
    """Count over everybody with labelled keypoints and a size.

    `knows` is the network's skeleton: keypoints that it was never taught are not judged. A person
    whom no box found has every keypoint wrong.
    """
    shape = (len(annotations.photographs), len(annotations.skeleton))
    correct, judged = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    taught = np.isin(annotations.skeleton.keypoints, knows.keypoints)  # (K,)
    people = without_size = 0
    for index, (photo, some_sizes) in enumerate(zip(annotations.photographs, sizes, strict=True)):
        poses = found.poses[index] if found.poses is not None else None
        able = photo.people.with_keypoints
        sized = able & np.isfinite(some_sizes)
        people += int(sized.sum())
        without_size += int(able.sum() - sized.sum())
        if poses is None or not sized.any():
            continue
        chosen = pose_of_each_person(photo.people.xyxy[able], poses.boxes)
        keypoints = np.concatenate([poses.keypoints, np.full((1, shape[1], 2), np.nan, np.float32)])
        near = near_enough(
            keypoints[chosen], photo.people.keypoints[able], some_sizes[able], fraction
        )
        labelled = photo.people.labelled[able] & np.isfinite(some_sizes[able])[:, None] & taught
        correct[index] = (near & labelled).sum(axis=0)
        judged[index] = labelled.sum(axis=0)
    return Tally(correct, judged, people, without_size)
