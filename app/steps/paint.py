"""Painting: frame after frame with everybody on it, and where they have been.

What `app.steps.draw` draws of one frame, with the memory that trails need.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from app.steps.draw import DrawStyle, draw
from pose.skeleton import Skeleton
from pose.types import ByteArray, FloatArray, Frame, Poses, Tracks

_CLOCK_RESTART_S = 3.0  # a longer gap, or a step back, is another scene


class Trails:
    """The ways that people have gone lately, by their ids; call `add` with every frame, in order.

    Args:
        skeleton: Of the poses.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._feet = [k for k, name in enumerate(skeleton.keypoints) if name.endswith("_ankle")]
        self._ways: dict[int, deque[tuple[float, FloatArray]]] = {}
        self._time_s = -np.inf

    def add(self, frame: Frame, tracks: Tracks, seconds: float, min_score: float) -> None:
        """Remember where everybody is, for so many seconds."""
        if not 0 <= frame.time_s - self._time_s <= _CLOCK_RESTART_S:
            self._ways.clear()
        self._time_s = frame.time_s
        for identity, place in zip(
            tracks.ids.tolist(), _places(tracks, self._feet, min_score), strict=True
        ):
            self._ways.setdefault(identity, deque()).append((frame.time_s, place))
        for identity, way in list(self._ways.items()):
            while way and way[0][0] < frame.time_s - seconds:
                way.popleft()
            if not way:
                del self._ways[identity]

    def __call__(self) -> dict[int, FloatArray]:
        """id -> (T, 2) float32, frame pixels, oldest first."""
        return {
            identity: np.stack([place for _, place in way])
            for identity, way in self._ways.items()
            if len(way) > 1
        }


class Painter:
    """Draws frame after frame; call it in order.

    Args:
        skeleton: What the keypoints are.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        self._trails = Trails(skeleton)

    def __call__(
        self, frame: Frame, tracks: Tracks, style: DrawStyle, faces: Poses | None = None
    ) -> ByteArray:
        """Draw the next frame; the style may change any time.

        Args:
            frame: Is not altered.
            tracks: The people in it.
            style: What is drawn, and how.
            faces: Whose faces privacy hides as well: who was seen and has no id yet.

        Returns:
            (H, W, 3) uint8 BGR.
        """
        self._trails.add(frame, tracks, max(style.trail_s, 0.0), style.keypoint_score)
        ways = self._trails() if style.trail_s > 0 else {}
        return draw(frame, tracks, self._skeleton, style, ways, faces)


def _places(tracks: Tracks, feet: list[int], min_score: float) -> FloatArray:
    """(N, 2) where each person stands: between the ankles that are seen, else under the box."""
    xyxy = np.nan_to_num(tracks.poses.boxes.xyxy)
    below = np.stack([(xyxy[:, 0] + xyxy[:, 2]) / 2, xyxy[:, 3]], axis=1).astype(np.float32)
    if not feet:
        return below
    points, scores = tracks.poses.keypoints[:, feet], tracks.poses.scores[:, feet]
    seen = (scores >= max(min_score, 1e-6))[..., None] & np.isfinite(points)
    count = seen.sum(axis=1)
    middle = np.where(seen, points, 0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count == 2, middle, below).astype(np.float32)
