"""Which hand labels to believe, where a teacher looked at the same person.

Leeds Sports Pose Extended was labelled by a crowd: some people have left and right swapped, some
joints lie anywhere. PARSE swaps sides too, but its joints are right.
"""

from __future__ import annotations

import numpy as np

from pose.skeleton import COCO_17
from pose.types import FloatArray

EXACT = frozenset({"lsp_train", "coco_train"})  # joints and sides
EXACT_BUT_SIDES = frozenset({"parse"})
_FLIP = np.array(COCO_17.flip)
_SWAPPED_BY = 0.25  # more joints must fit with sides exchanged, to exchange them
_MOST_FIT = 0.5  # of a person's joints, or the person's labels are left out


def believed(
    points: FloatArray, maps: FloatArray, sources: list[str], agree_px: float
) -> FloatArray:
    """Hand labels that are to be learned.

    Args:
        points: (N, K, 2) heatmap pixels, NaN where nobody labelled.
        maps: (N, K, h, w) the teachers' heatmaps.
        sources: N names of data sets.
        agree_px: A label farther from the teachers' maximum is left out, unless its source is
            `EXACT` or `EXACT_BUT_SIDES`.

    Returns:
        (N, K, 2) float32, NaN where not to be believed; sides exchanged where that fits better.
    """
    height, width = maps.shape[2:]
    rows, columns = np.divmod(maps.reshape(*maps.shape[:2], height * width).argmax(-1), width)
    best = np.stack([columns, rows], -1).astype(np.float32)
    as_is, fit = points.copy(), _fits(points, best, agree_px)
    exchanged = points[:, _FLIP]
    fit_exchanged = _fits(exchanged, best, agree_px)
    may_swap = np.array([source not in EXACT for source in sources], bool)
    swap = may_swap & (_share(fit_exchanged, exchanged) - _share(fit, points) > _SWAPPED_BY)
    as_is[swap], fit[swap] = exchanged[swap], fit_exchanged[swap]
    doubted = np.array([source not in EXACT | EXACT_BUT_SIDES for source in sources], bool)
    doubted_all = doubted & (_share(fit, as_is) < _MOST_FIT)
    out = (doubted[:, None] & ~fit) | doubted_all[:, None]
    return np.where(out[..., None], np.float32(np.nan), as_is).astype(np.float32)


def _fits(points: FloatArray, best: FloatArray, agree_px: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.linalg.norm(points - best, axis=-1) <= agree_px)


def _share(fit: np.ndarray, points: FloatArray) -> np.ndarray:
    """(N,) share of a person's labelled joints that fit."""
    labelled = np.isfinite(points).all(-1)
    return np.asarray((fit & labelled).sum(1) / np.maximum(labelled.sum(1), 1))
