"""Suppression of doubles: of boxes before the pose network, of poses after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from evaluation.predict import BoxFinder, Predictions
from pose import boxes
from pose.errors import UsageError
from pose.oks import oks_nms
from pose.ranking import SEEN, person_scores
from pose.skeleton import Skeleton
from pose.types import Boxes, Poses

SOFT = "soft"

BoxRule = Callable[[Boxes], Boxes]


def box_rule(text: str) -> BoxRule:
    """The rule that a user names.

    Args:
        text: An IoU for hard NMS (the paper tries 0.3, 0.4, 0.5 and 0.6), or `soft` for Soft-NMS
            with the paper's Gaussian.

    Raises:
        UsageError: Neither.
    """
    if text == SOFT:
        return _soft
    try:
        threshold = float(text)
    except ValueError:
        threshold = -1.0
    if not 0 < threshold <= 1:
        raise UsageError(f"--nms: expected an IoU above 0 and up to 1, or {SOFT}, got {text!r}")
    return lambda found: found[boxes.nms(found.xyxy, found.scores, threshold)]


def suppressing(find: BoxFinder, rule: BoxRule, most: int) -> BoxFinder:
    """Boxes without doubles.

    Args:
        find: Where the boxes come from.
        rule: What goes; see `box_rule`.
        most: At most so many in a photograph, best first.
    """
    return lambda photographs, frames: [rule(found)[:most] for found in find(photographs, frames)]


def without_doubles(
    found: Predictions, skeleton: Skeleton, threshold: float, seen: float = SEEN
) -> Predictions:
    """OKS-NMS (`pose.oks.oks_nms`): of two poses more alike than this, the better one stays.

    Args:
        found: Boxes and poses; returned as it is without poses.
        skeleton: Of the poses; gives the falloffs.
        threshold: OKS, 0 to 1; 0 keeps everybody.
        seen: Score from which a keypoint counts where people are ranked.

    Returns:
        The people that stay, best first, ranked by `pose.ranking.person_scores`.
    """
    if found.poses is None or not threshold:
        return found
    poses = tuple(_distinct(people, skeleton, threshold, seen) for people in found.poses)
    return replace(found, boxes=tuple(people.boxes for people in poses), poses=poses)


def _soft(found: Boxes) -> Boxes:
    kept, scores = boxes.soft_nms(found.xyxy, found.scores)
    return Boxes(found.xyxy[kept], scores)


def _distinct(people: Poses, skeleton: Skeleton, threshold: float, seen: float) -> Poses:
    areas = boxes.area(people.boxes.xyxy)
    sigmas = np.asarray(skeleton.oks_sigmas, np.float32)
    kept = oks_nms(people.keypoints, person_scores(people, seen), areas, sigmas, threshold)
    return people[kept]
