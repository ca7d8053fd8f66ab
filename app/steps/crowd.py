"""Who is there: poses that are nobody, and two poses that are the same person.

Evaluation does without this step; the tracker must not see ghosts and doubles.
"""

from __future__ import annotations

import numpy as np

from pose import boxes, oks
from pose.ranking import SEEN
from pose.skeleton import Skeleton
from pose.types import FloatArray, IntArray, Poses

_SUREST = 5  # keypoints; as many as a head and shoulders show


def pose_scores(poses: Poses) -> FloatArray:
    """How much each pose looks like a person: the mean score of its five surest keypoints.

    The mean over all keypoints would punish whoever is seen in part. Measured on RTMDet-nano's
    boxes and PP-TinyPose: where one pose in twenty photographs without people may pass, this
    keeps 93 % of COCO's people, the mean over all keypoints 80 %, the box's score 59 %.

    Returns:
        (N,) float32, 0 to 1.
    """
    surest = np.sort(poses.scores, axis=1)[:, -_SUREST:]
    return surest.mean(axis=1) if surest.shape[1] else np.zeros(len(poses), np.float32)


def sureness(poses: Poses) -> FloatArray:
    """Detector and pose network together: (N,) geometric mean of box and pose score, 0 to 1."""
    both: FloatArray = np.sqrt(poses.boxes.scores * pose_scores(poses))
    return both


def real_people(
    poses: Poses, skeleton: Skeleton, min_pose_score: float = 0.3, max_oks: float = 0.7
) -> Poses:
    """Leave out spurious poses, and all but the best of poses that are nearly the same.

    A detector that boxes somebody twice, or a head and shoulders besides the whole person, gives
    two boxes whose keypoints fall on each other; two people who stand close have their own.

    Args:
        poses: N poses of one frame.
        skeleton: Their skeleton.
        min_pose_score: Poses below (`pose_scores`) are nobody.
        max_oks: Of two poses that are more alike over the keypoints that both show, the one with
            more of them stays.

    Returns:
        The people, fullest pose first; the same for every order of `poses`.
    """
    people = poses[pose_scores(poses) >= min_pose_score]
    fullness = people.scores.sum(axis=1) * people.boxes.scores
    # Equal people must stand in an order of their own, not in that of the detector.
    order = np.lexsort([*people.boxes.xyxy.T, -fullness])
    people, fullness = people[order], fullness[order]
    overlap = ~np.tri(len(people), dtype=bool) & (
        boxes.iou(people.boxes.xyxy, people.boxes.xyxy) > 0
    )
    if not overlap.any():
        return people  # nobody overlaps, as most of the time
    return people[_unlike(people, fullness, skeleton, max_oks)]


def strangers_to(people: Poses, others: Poses, skeleton: Skeleton, max_oks: float = 0.7) -> Poses:
    """Those of `others` who are none of `people`, by the rule of `real_people`."""
    both = Poses.joined([people, others], len(skeleton))
    first = np.arange(len(both))[::-1].astype(np.float32)
    kept = np.sort(_unlike(both, first, skeleton, max_oks)) - len(people)
    return others[kept[kept >= 0]]


def _unlike(poses: Poses, scores: FloatArray, skeleton: Skeleton, max_oks: float) -> IntArray:
    """Indices of poses that are no better one's double, best first."""
    seen = np.where(poses.scores[..., None] >= SEEN, poses.keypoints, np.nan)
    areas = boxes.area(poses.boxes.xyxy)
    return oks.oks_nms(seen, scores, areas, skeleton.oks_sigmas, max_oks)
