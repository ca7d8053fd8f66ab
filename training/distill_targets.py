"""What a network is to answer about a kept crop: the teachers' heatmaps, drawn to hand labels."""

from __future__ import annotations

import numpy as np

from pose import heatmap
from training.hand_labels import EXACT, believed

SIGMA = 2.0
STRIDE = 4


def mixed_targets(
    soft: np.ndarray,
    hand: np.ndarray,
    sources: list[str],
    *,
    hand_share: float,
    exact_share: float,
    agree_px: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Mix the teachers' heatmaps with Gaussians where somebody labelled by hand.

    Args:
        soft: (N, K, h, w) float32, the teachers' heatmaps.
        hand: (N, K, 3) float32, hand labels: crop x, y, COCO visibility.
        sources: N names of data sets.
        hand_share: Weight of a hand label's Gaussian against the teachers' heatmap.
        exact_share: The same where the source is `EXACT`.
        agree_px: See `training.hand_labels.believed`.

    Returns:
        (N, K, h, w) float32; and (N, K) bool: the labels that are contradicted by the teachers,
        though they agree about the person.
    """
    points, doubted = _labels(soft, hand, sources, agree_px)
    exact = np.array([source in EXACT for source in sources])[:, None]
    share = np.where(exact, exact_share, hand_share)
    share = np.where(np.isfinite(points).all(-1), share, 0).astype(np.float32)[..., None, None]
    drawn = heatmap.encode(points, (soft.shape[3], soft.shape[2]), SIGMA)
    mixed = np.asarray(soft * (1 - share) + np.nan_to_num(drawn) * share, np.float32)
    return mixed, doubted


def _labels(
    soft: np.ndarray, hand: np.ndarray, sources: list[str], agree_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """(N, K, 2) heatmap pixels of believed hand labels; (N, K) which are doubted."""
    points = np.where(hand[..., 2:] > 0, hand[..., :2] / STRIDE, np.nan).astype(np.float32)
    height, width = soft.shape[2:]
    with np.errstate(invalid="ignore"):
        inside = (points >= 0).all(-1) & (points[..., 0] < width) & (points[..., 1] < height)
    points = np.where(inside[..., None], points, np.float32(np.nan))
    kept = believed(points, soft, sources, agree_px)
    known, labelled = (np.asarray(np.isfinite(at).all(axis=-1)) for at in (kept, points))
    return kept, labelled & ~known & known.any(axis=-1, keepdims=True)
