"""Which finds are right, kept photograph by photograph, and AP from any weighting of those.

COCO's own code forgets which photograph a hit came from, and the bootstrap needs it. The rules
are those of COCOeval.evaluateImg and accumulate (pycocotools/cocoeval.py), written anew over
arrays; the tests hold them against faster-coco-eval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.annotations import Annotations, People
from evaluation.coco_ap import MOST_BOXES, MOST_POSES
from pose import boxes
from pose.oks import oks
from pose.ranking import SEEN, person_scores
from pose.types import Boxes, FloatArray, IntArray, Poses

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The finds of all photographs, best first. D finds, I photographs, T thresholds.

    Attributes:
        photograph: (D,) int64 index of the photograph.
        hit: (T, D) bool, it is a person nobody has claimed with a better score.
        counted: (T, D) bool, false for finds on crowds and on people without labels.
        people: (I,) int64 number of people to find.
    """

    photograph: IntArray
    hit: npt.NDArray[np.bool_]
    counted: npt.NDArray[np.bool_]
    people: IntArray


def keypoint_matches(
    annotations: Annotations, found: Sequence[Poses], seen: float = SEEN
) -> Matches:
    """Match poses to people by OKS; `found` has each photograph's, `seen` is the ranking's."""
    similarities, scores, ignored, crowd = [], [], [], []
    for photo, poses in zip(annotations.photographs, found, strict=True):
        ranks = person_scores(poses, seen)
        best = np.argsort(-ranks, kind="stable")[:MOST_POSES]
        scores.append(ranks[best])
        sigmas = annotations.skeleton.oks_sigmas
        similarities.append(_oks_as_coco(poses.keypoints[best], photo.people, sigmas))
        ignored.append(~photo.people.with_keypoints)
        crowd.append(photo.people.crowd)
    return _gathered(similarities, scores, ignored, crowd)


def box_matches(annotations: Annotations, found: Sequence[Boxes]) -> Matches:
    """Match boxes to people by IoU; `found` has the boxes of each photograph."""
    similarities, scores, ignored, crowd = [], [], [], []
    for photo, people in zip(annotations.photographs, found, strict=True):
        best = np.argsort(-people.scores, kind="stable")[:MOST_BOXES]
        scores.append(people.scores[best])
        similarities.append(_iou_as_coco(people.xyxy[best], photo.people))
        ignored.append(photo.people.crowd)
        crowd.append(photo.people.crowd)
    return _gathered(similarities, scores, ignored, crowd)


def average_precision(
    matches: Matches, weights: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    """AP if photograph i had been there `weights[b, i]` times.

    Args:
        matches: D finds in I photographs.
        weights: (B, I) how often each photograph counts, 0 included.

    Returns:
        (B, T), one AP per threshold; NaN where nobody is to be found.
    """
    answer = np.full((len(weights), len(THRESHOLDS)), np.nan)
    people = weights @ matches.people
    for b in np.flatnonzero(people):
        times = weights[b, matches.photograph]  # (D,)
        right = np.cumsum(times * (matches.hit & matches.counted), axis=1)
        wrong = np.cumsum(times * (~matches.hit & matches.counted), axis=1)
        precision = right / np.maximum(right + wrong, 1)
        precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        for t, recall in enumerate(right / people[b]):
            at = np.searchsorted(recall, RECALLS, side="left")
            reached = at < len(recall)
            answer[b, t] = precision[t, at[reached]].sum() / len(RECALLS)
    return answer


def _gathered(
    similarities: Sequence[FloatArray],
    scores: Sequence[FloatArray],
    ignored: Sequence[npt.NDArray[np.bool_]],
    crowd: Sequence[npt.NDArray[np.bool_]],
) -> Matches:
    """Arrays per photograph, finds best first in each, -> one Matches, best first over all."""
    order = np.argsort(-np.concatenate(scores), kind="stable")
    photograph = np.repeat(np.arange(len(scores)), [len(some) for some in scores])
    pairs = [
        _match(similarity, *rest)
        for similarity, *rest in zip(similarities, ignored, crowd, strict=True)
    ]
    return Matches(
        photograph=photograph[order].astype(np.int64),
        hit=np.concatenate([hit for hit, _ in pairs], axis=1)[:, order],
        counted=np.concatenate([counted for _, counted in pairs], axis=1)[:, order],
        people=np.array([int((~some).sum()) for some in ignored], np.int64),
    )


def _match(
    similarity: FloatArray, ignored: npt.NDArray[np.bool_], crowd: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Let each find, best first, take the most similar person left: (N, M) -> two (T, N).

    A real person is taken before an ignored one, and of equals the last, as COCO's loop does.
    """
    hit = np.zeros((len(THRESHOLDS), len(similarity)), np.bool_)
    counted = np.ones_like(hit)
    if similarity.shape[1] == 0:
        return hit, counted
    rows = np.arange(len(THRESHOLDS))
    free = np.ones((len(THRESHOLDS), len(ignored)), np.bool_)
    for find, likeness in enumerate(similarity):
        enough = likeness[None, :] >= np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
        possible = enough & (free | crowd)
        real = possible & ~ignored
        candidates = np.where(real.any(axis=1, keepdims=True), real, possible)
        value = np.where(candidates, likeness, -1.0)
        taken = value.shape[1] - 1 - value[:, ::-1].argmax(axis=1)  # (T,)
        matched = candidates.any(axis=1)
        hit[:, find] = matched
        counted[:, find] = ~(matched & ignored[taken])
        free[rows[matched], taken[matched]] = False
    return hit, counted


def _oks_as_coco(found: FloatArray, people: People, sigmas: FloatArray) -> FloatArray:
    """(N, M) OKS; for people without labels COCO asks how near the pose is to twice their box."""
    similarity = oks(found, people.keypoints, people.labelled, people.areas, sigmas)
    blank = np.flatnonzero(~people.labelled.any(axis=1))
    xyxy = people.xyxy[blank]
    sides = np.tile(xyxy[:, 2:] - xyxy[:, :2], 2) * np.array([-1, -1, 1, 1], np.float32)
    around = (xyxy + sides)[None, :, None]  # (1, B, 1, 4)
    points = np.nan_to_num(found)[:, None]  # (N, 1, K, 2)
    away = np.maximum(around[..., :2] - points, 0) + np.maximum(points - around[..., 2:], 0)
    scale = 2 * (2 * sigmas) ** 2 * people.areas[blank, None]  # (B, K)
    similarity[:, blank] = np.exp(-(away**2).sum(axis=3) / np.maximum(scale, 1e-9)).mean(axis=2)
    return similarity


def _iou_as_coco(found: FloatArray, people: People) -> FloatArray:
    """(N, M) IoU; on a crowd, the share of the found box that lies in it."""
    similarity = boxes.iou(found, people.xyxy)
    crowd = np.flatnonzero(people.crowd)
    low = np.maximum(found[:, None, :2], people.xyxy[None, crowd, :2])
    high = np.minimum(found[:, None, 2:], people.xyxy[None, crowd, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    similarity[:, crowd] = shared / np.maximum(boxes.area(found), 1e-9)[:, None]
    return similarity
