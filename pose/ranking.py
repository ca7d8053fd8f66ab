"""How sure a person is, for lists that are read from the surest on: COCO's AP, results files."""

from __future__ import annotations

import numpy as np

from pose.types import FloatArray, Poses

SEEN = 0.2  # score from which a keypoint counts as seen


def person_scores(poses: Poses, seen: float = SEEN) -> FloatArray:
    """Box score times the mean score of the keypoints that were seen.

    With `seen` 0 the mean is over all keypoints, as in CPN's own evaluation (Chen et al., CVPR
    2018, section 4.1); then whoever is partly out of sight ranks behind wrong poses of others.
    Leaving out what was not seen is mmpose's rule, with the same threshold.

    Returns:
        (N,) float32; 0 for a person of whom nothing was seen.
    """
    counts = poses.scores >= seen
    means = np.where(counts, poses.scores, 0).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    return np.asarray(poses.boxes.scores * means, np.float32)
