"""The One-Euro filter: steady where a keypoint rests, quick where it moves.

Casiez, Roussel and Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems" (CHI 2012), algorithm 1, for all coordinates of one person at once.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pose.types import FloatArray


class OneEuro:
    """Smooth the keypoints of one person, call after call."""

    def __init__(
        self,
        min_cutoff_hz: float = 1.0,
        beta: float = 0.0,
        derivative_cutoff_hz: float = 1.0,
        max_gap_s: float = 0.5,
    ) -> None:
        """Start without a past.

        Args:
            min_cutoff_hz: Cutoff at rest; lower is steadier and later.
            beta: Cutoff gained per unit / second of speed; higher follows faster.
            derivative_cutoff_hz: Cutoff for the speed itself.
            max_gap_s: After a longer silence the past is forgotten.

        Raises:
            ValueError: A cutoff that is not positive, or a negative beta or gap.
        """
        if min(min_cutoff_hz, derivative_cutoff_hz) <= 0 or min(beta, max_gap_s) < 0:
            raise ValueError(
                "expected cutoffs above 0 Hz and beta and gap of at least 0, got "
                f"{min_cutoff_hz=} {beta=} {derivative_cutoff_hz=} {max_gap_s=}"
            )
        self._min_cutoff_hz = min_cutoff_hz
        self._beta = beta
        self._derivative_cutoff_hz = derivative_cutoff_hz
        self._max_gap_s = max_gap_s
        self._time_s = -math.inf
        self._smooth = np.zeros((0, 2))  # NaN where a keypoint has no past
        self._speed = np.zeros((0, 2))  # pixels / second

    def __call__(self, values: FloatArray, time_s: float, unit_px: float = 1.0) -> FloatArray:
        """Smooth one more sample.

        Args:
            values: (K, 2) pixels; NaN where not found, which answers NaN and makes that keypoint
                start anew.
            time_s: Time of the sample; everything starts anew where it does not advance (a clip
                that begins again) or a gap is too long.
            unit_px: Pixels that `beta` calls one unit; with the person's size near and far people
                are smoothed alike.

        Returns:
            (K, 2) float32.
        """
        gap_s = time_s - self._time_s
        self._time_s = time_s
        raw = values.astype(np.float64)
        raw[np.isnan(raw).any(axis=1)] = np.nan
        if not 0 < gap_s <= self._max_gap_s or raw.shape != self._smooth.shape:
            self._smooth, self._speed = raw, np.zeros_like(raw)
        else:
            self._advance(raw, gap_s, unit_px)
        return self._smooth.astype(np.float32)

    def _advance(self, raw: npt.NDArray[np.float64], gap_s: float, unit_px: float) -> None:
        fresh = np.isnan(self._smooth)
        before = np.where(fresh, raw, self._smooth)
        speed = (raw - before) / gap_s
        weight = _weight(self._derivative_cutoff_hz, gap_s)
        self._speed = np.where(fresh, 0, weight * speed + (1 - weight) * self._speed)
        cutoff_hz = self._min_cutoff_hz + self._beta * np.abs(self._speed) / unit_px
        share = _weight(cutoff_hz, gap_s)
        self._smooth = share * raw + (1 - share) * before


def _weight(
    cutoff_hz: float | npt.NDArray[np.float64], gap_s: float
) -> float | npt.NDArray[np.float64]:
    """Share of the new sample in a low-pass of first order: 1 / (1 + tau / gap)."""
    turned = 2 * math.pi * cutoff_hz * gap_s
    return turned / (turned + 1)
