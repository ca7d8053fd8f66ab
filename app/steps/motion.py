"""Motion: where a person's box will be, from where it was. A Kalman filter in real seconds.

The centre has a velocity that wanders (Bar-Shalom, Li and Kirubarajan, "Estimation with
Applications to Tracking and Navigation", section 6.2: white noise acceleration) and dies away,
which keeps somebody who is out of sight from sailing off; the size changes without one, because
raised arms would make it fly. All noise is in parts of the person's size, so near and far people
are treated alike; time is in seconds, so any frame rate and dropped frames are too.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pose.types import FloatArray

_MEASURED = 0.03  # sizes; how far a box jumps from frame to frame
_PUSH = 1.0  # sizes / second per square root of a second; how fast people change their speed
_FIRST_SPEED = 1.0  # sizes / second, either way, of somebody who was seen once
_DAMPING_S = 1.0  # a velocity falls to 37 % in this time
_MIN_SIDE = 1.0  # pixels

Vector = npt.NDArray[np.float64]


class BoxMotion:
    """The motion of one person's box.

    Args:
        xyxy: (4,) first box, frame pixels.
        time_s: When it was seen.
    """

    def __init__(self, xyxy: FloatArray, time_s: float) -> None:
        self._centre, self._side = _centre_and_side(xyxy)
        self._velocity = np.zeros(2)
        # Noise is the same in every direction, so one variance of the place, one of the velocity
        # and what they share, in sizes, serve both axes, and the first of them the sides.
        self._variance = (_MEASURED**2, 0.0, _FIRST_SPEED**2)
        self._time_s = time_s

    @property
    def size(self) -> float:
        """The longer side in pixels: a person's height, or reach where the legs are not seen."""
        return float(self._side.max())

    def shift(self, time_s: float) -> FloatArray:
        """How far the person will have moved since last seen: (2,) float32 pixels."""
        coast, _ = _coast(time_s - self._time_s)
        return (coast * self._velocity).astype(np.float32)

    def predicted(self, time_s: float) -> FloatArray:
        """Where the box will be: (4,) float32, frame pixels."""
        coast, _ = _coast(time_s - self._time_s)
        centre, half = self._centre + coast * self._velocity, self._side / 2
        return np.concatenate([centre - half, centre + half]).astype(np.float32)

    def spread(self, time_s: float) -> float:
        """Standard deviation of the predicted centre on each axis, pixels."""
        return self.size * math.sqrt(self._predicted_variance(time_s)[0])

    def update(self, xyxy: FloatArray, time_s: float) -> None:
        """Take in a measured box.

        Args:
            xyxy: (4,) frame pixels.
            time_s: When it was seen; not before the last one.
        """
        centre, side = _centre_and_side(xyxy)
        coast, keep = _coast(time_s - self._time_s)
        place, shared, speed = self._predicted_variance(time_s)
        gain, gain_of_speed = place / (place + _MEASURED**2), shared / (place + _MEASURED**2)
        surprise = centre - (self._centre + coast * self._velocity)
        self._centre = centre - (1 - gain) * surprise
        self._velocity = keep * self._velocity + gain_of_speed * surprise
        self._side = self._side + gain * (side - self._side)
        self._variance = ((1 - gain) * place, (1 - gain) * shared, speed - gain_of_speed * shared)
        self._time_s = time_s

    def _predicted_variance(self, time_s: float) -> tuple[float, float, float]:
        """Of the place, shared, and of the velocity."""
        gap_s = max(0.0, time_s - self._time_s)
        coast, keep = _coast(gap_s)
        place, shared, speed = self._variance
        # The push as if undamped: exact for short gaps, generous for long ones.
        return (
            place + 2 * coast * shared + coast**2 * speed + _PUSH**2 * gap_s**3 / 3,
            keep * (shared + coast * speed) + _PUSH**2 * gap_s**2 / 2,
            keep**2 * speed + _PUSH**2 * gap_s,
        )


def _coast(gap_s: float) -> tuple[float, float]:
    """How far a speed of 1 gets in a gap, and what is left of it."""
    keep = math.exp(-max(0.0, gap_s) / _DAMPING_S)
    return _DAMPING_S * (1 - keep), keep


def _centre_and_side(xyxy: FloatArray) -> tuple[Vector, Vector]:
    corners = xyxy.astype(np.float64)
    return (corners[:2] + corners[2:]) / 2, np.maximum(corners[2:] - corners[:2], _MIN_SIDE)


def followed(xyxy: FloatArray, before: FloatArray, after: FloatArray) -> FloatArray:
    """Move a box as the keypoints inside it moved, where no detector looked again.

    Each axis is scaled and shifted to fit the keypoints in the least squares sense; the scale
    is held near 1 by a tenth of the box's side, because keypoints in a line tell nothing of it.

    Args:
        xyxy: (4,) box at the time of `before`.
        before: (K, 2) keypoints in it; NaN where not found.
        after: (K, 2) the same keypoints now; NaN where not found.

    Returns:
        (4,) float32; the box itself where no keypoint is shared.
    """
    shared = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
    if not shared.any():
        return xyxy
    old, new = before[shared].astype(np.float64), after[shared].astype(np.float64)
    old_mean, new_mean = old.mean(axis=0), new.mean(axis=0)
    _, side = _centre_and_side(xyxy)
    hold = (0.1 * side) ** 2
    together = ((old - old_mean) * (new - new_mean)).mean(axis=0)
    scale = np.clip((together + hold) / (old.var(axis=0) + hold), 0.5, 2)
    corners = (xyxy.reshape(2, 2) - old_mean) * scale + new_mean
    moved: FloatArray = corners.reshape(4).astype(np.float32)
    return moved
