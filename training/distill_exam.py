"""How well a network knows the held-in crops: one figure per person, so that runs can be paired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pose.oks import oks
from pose.skeleton import COCO_17
from pose.types import FloatArray

_LEFT_SHOULDER = COCO_17.keypoints.index("left_shoulder")
_RIGHT_HIP = COCO_17.keypoints.index("right_hip")
_AREA = 64 * 48 / 3  # heatmap pixels: a body fills about a third of its crop


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """N people, all in heatmap pixels of the kept crop.

    Attributes:
        found: (N, K, 2) what the network says.
        wanted: (N, K, 2) maxima of the targets, NaN where they are unsure.
        hand: (N, K, 2) exact hand labels, NaN where there are none.
        errors: (N,) mean squared error of the heatmaps.
    """

    found: FloatArray
    wanted: FloatArray
    hand: FloatArray
    errors: FloatArray

    @staticmethod
    def joined(parts: Sequence[Asked]) -> Asked:
        """All people of several."""
        if not parts:
            nobody = np.zeros((0, len(COCO_17), 2), np.float32)
            return Asked(nobody, nobody, nobody, np.zeros(0, np.float32))
        return Asked(
            np.concatenate([part.found for part in parts]),
            np.concatenate([part.wanted for part in parts]),
            np.concatenate([part.hand for part in parts]),
            np.concatenate([part.errors for part in parts]),
        )


def oks_of_each(asked: Asked) -> FloatArray:
    """(N,) OKS against the targets' maxima; NaN for people without a sure one."""
    area = np.array([_AREA], np.float32)
    values = np.full(len(asked.found), np.nan, np.float32)
    for index, (found, wanted) in enumerate(zip(asked.found, asked.wanted, strict=True)):
        sure = np.isfinite(wanted).all(-1)
        if sure.any():
            alike = oks(found[None], wanted[None], sure[None], area, COCO_17.oks_sigmas)
            values[index] = alike[0, 0]
    return values


def hits_of_each(asked: Asked) -> FloatArray:
    """(N,) share of the hand-labelled joints within 0.2 of the torso; NaN without a torso."""
    torso = np.linalg.norm(asked.hand[:, _LEFT_SHOULDER] - asked.hand[:, _RIGHT_HIP], axis=-1)
    away = np.linalg.norm(asked.found - asked.hand, axis=-1) / torso[:, None]
    known = np.isfinite(asked.hand).all(-1) & np.isfinite(torso)[:, None]
    hits = (np.where(np.isfinite(away), away, np.inf) < 0.2) & known
    count = known.sum(1)
    return np.where(count > 0, hits.sum(1) / np.maximum(count, 1), np.nan).astype(np.float32)
