"""Smoothing: tracks -> the same tracks with steadier keypoints, one One-Euro filter per person.

Speeds are measured in the person's own size, so that jitter of near and far people is treated
alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pose.ranking import SEEN
from pose.smoothing import OneEuro
from pose.types import FloatArray, Frame, Tracks


@dataclass(frozen=True)
class SmoothingConfig:
    """How steady against how quick.

    Attributes:
        min_cutoff_hz: For a keypoint at rest; lower is steadier.
        beta_hz: Cutoff gained per person's size and second; higher lags less.
        derivative_cutoff_hz: For the speed itself.
        max_gap_s: Who was away for longer starts anew.
    """

    min_cutoff_hz: float = 1.0
    beta_hz: float = 10.0
    derivative_cutoff_hz: float = 1.0
    max_gap_s: float = 0.5


class TrackSmoother:
    """Smooths the keypoints of every id; call it with every frame, in order.

    Keypoints that are not really seen jump between guesses: they pass as they are, and a keypoint
    that comes into sight starts where it is seen, not where it was guessed.

    Args:
        config: How steady against how quick.
    """

    def __init__(self, config: SmoothingConfig | None = None) -> None:
        self._config = config or SmoothingConfig()
        self._filters: dict[int, OneEuro] = {}
        self._seen_s: dict[int, float] = {}

    def __call__(self, frame: Frame, tracks: Tracks) -> Tracks:
        """Smooth the people of the next frame.

        Args:
            frame: Gives the time.
            tracks: Its people.

        Returns:
            The same people with the same scores; keypoints that are not found stay NaN.
        """
        keypoints = tracks.poses.keypoints.copy()
        seen = tracks.poses.scores >= SEEN
        for i, person in enumerate(tracks.ids.tolist()):
            if person not in self._filters:
                self._filters[person] = self._filter()
            self._seen_s[person] = frame.time_s
            raw = np.where(seen[i, :, None], keypoints[i], np.float32(np.nan))
            smooth = self._filters[person](raw, frame.time_s, _size(tracks.poses.boxes.xyxy[i]))
            keypoints[i] = np.where(np.isfinite(smooth), smooth, keypoints[i])
        self._forget(frame.time_s)
        return replace(tracks, poses=replace(tracks.poses, keypoints=keypoints))

    def _filter(self) -> OneEuro:
        config = self._config
        return OneEuro(
            config.min_cutoff_hz, config.beta_hz, config.derivative_cutoff_hz, config.max_gap_s
        )

    def _forget(self, now_s: float) -> None:
        for person, seen_s in list(self._seen_s.items()):
            if abs(now_s - seen_s) > self._config.max_gap_s:
                del self._seen_s[person], self._filters[person]


def _size(xyxy: FloatArray) -> float:
    return max(1.0, float((xyxy[2:] - xyxy[:2]).max()))
