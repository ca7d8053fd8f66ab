"""Object keypoint similarity: how alike two poses are, and suppression by it.

COCO's definition (cocodataset.org, "keypoint evaluation"; `COCOeval.computeOks` of pycocotools):
the mean over labelled keypoints of exp(-d^2 / (2 * area * (2 * sigma)^2)).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose.types import FloatArray, IntArray

_EPSILON = float(np.spacing(1))  # as in computeOks; a person without area must not divide by 0


def oks(
    found: FloatArray,
    truth: FloatArray,
    visible: npt.NDArray[np.bool_],
    area: FloatArray,
    sigmas: FloatArray,
) -> FloatArray:
    """Similarity of every found pose with every true one.

    Args:
        found: (N, K, 2) pixels; NaN where not found, which counts as infinitely far.
        truth: (M, K, 2) pixels; read only where visible.
        visible: (M, K) whether the keypoint is labelled (COCO's v > 0).
        area: (M,) square pixels of the true people's segments.
        sigmas: (K,) falloffs, `Skeleton.oks_sigmas`.

    Returns:
        (N, M) float32, 0 to 1; 0 for a true person without a labelled keypoint (computeOks then
        measures distances to the box, which matters only for people that COCO ignores).
    """
    alike = _alike(found[:, None], truth[None], area.astype(np.float64)[None, :], sigmas)
    total = np.where(visible[None], alike, 0).sum(axis=2)  # (N, M)
    similarity: FloatArray = (total / np.maximum(visible.sum(axis=1), 1)).astype(np.float32)
    return similarity


def oks_nms(
    keypoints: FloatArray,
    scores: FloatArray,
    areas: FloatArray,
    sigmas: FloatArray,
    threshold: float,
) -> IntArray:
    """Greedy suppression of people whose pose is too much like a better one's: pose NMS.

    Papandreou et al., Towards Accurate Multi-person Pose Estimation in the Wild (CVPR 2017,
    section 2.3). Two poses are compared over the keypoints that both have, at their mean area.

    Args:
        keypoints: (N, K, 2) pixels; NaN where not found.
        scores: (N,) one score per person.
        areas: (N,) square pixels.
        sigmas: (K,) falloffs.
        threshold: A person goes if the OKS with a better, kept one is above this.

    Returns:
        (M,) int64 indices of the kept people, best first; equal scores keep their order.
    """
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(waiting):
        best, rest = waiting[0], waiting[1:]
        kept.append(int(best))
        area = (areas[best].astype(np.float64) + areas[rest]) / 2
        alike = _alike(keypoints[rest], keypoints[best][None], area, sigmas)  # (R, K)
        shared = np.isfinite((keypoints[rest] - keypoints[best]).sum(axis=2))
        similarity = alike.sum(axis=1) / np.maximum(shared.sum(axis=1), 1)
        waiting = rest[similarity <= threshold]
    return np.array(kept, np.int64)


def _alike(
    a: FloatArray, b: FloatArray, area: npt.NDArray[np.float64], sigmas: FloatArray
) -> npt.NDArray[np.float64]:
    """Per keypoint, 0 to 1: (..., K, 2) against (..., K, 2) at (...) areas -> (..., K)."""
    squared = ((a.astype(np.float64) - b) ** 2).sum(axis=-1)
    spread = 2 * (area[..., None] + _EPSILON) * (2 * sigmas.astype(np.float64)) ** 2
    alike: npt.NDArray[np.float64] = np.exp(-squared / spread)
    return np.where(np.isnan(alike), 0, alike)
