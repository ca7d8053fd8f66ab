"""Angles and speeds out of keypoints over time. Everything is measured in the picture's plane.

Angles are those between two segments that meet in a joint, as in two-dimensional motion analysis
(Winter, Biomechanics and Motor Control of Human Movement, 4th ed., section 3.4): 180 degrees is
straight. What is turned towards or away from the camera looks more bent than it is.

Speeds are slopes of straight lines fitted over a short window (Savitzky & Golay 1964, first
degree, on the frames' true times): keypoints tremble, and differences of neighbours mostly show
that. Lengths of a body follow Drillis & Contini (1966, as in Winter, figure 4.1): from the
shoulders over hips and knees to the ankles is 0.779 of a standing person's height, from the
shoulders to the hips 0.288.

A value is NaN where a keypoint that it needs was not found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.review.tracked import DoubleArray, Track, Tracked
from pose.skeleton import Skeleton
from pose.types import FloatArray

# name -> end, joint, end; by the names of keypoints
JOINT_ANGLES: dict[str, tuple[str, str, str]] = {
    f"{side}_{joint}": (f"{side}_{start}", f"{side}_{joint}", f"{side}_{end}")
    for joint, start, end in (
        ("elbow", "shoulder", "wrist"),
        ("shoulder", "hip", "elbow"),
        ("hip", "shoulder", "knee"),
        ("knee", "hip", "ankle"),
    )
    for side in ("left", "right")
}
TRUNK = "trunk_lean"  # of the line from the hips' middle to the shoulders' middle, to upright

# name -> the keypoints whose middle moves
MOVING: dict[str, tuple[str, ...]] = {
    "body": ("left_hip", "right_hip"),
    "left_wrist": ("left_wrist",),
    "right_wrist": ("right_wrist",),
    "left_ankle": ("left_ankle",),
    "right_ankle": ("right_ankle",),
}

WINDOW_S = 0.2
_SHOULDERS_TO_ANKLES, _SHOULDERS_TO_HIPS = 0.779, 0.288
_LEAST_FRAMES = 3  # in a window, for a slope


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """One person's angles and speeds; M frames.

    Attributes:
        track: Whose.
        times_s: (M,) seconds.
        angles: Name -> (M,) degrees.
        speeds: Name -> (M,) pixels per second.
        body_px: Estimated height of the standing person in pixels; NaN if it cannot be told.
    """

    track: Track
    times_s: DoubleArray
    angles: dict[str, DoubleArray]
    speeds: dict[str, DoubleArray]
    body_px: float

    def relative(self, name: str) -> DoubleArray:
        """(M,) a speed in body lengths per second: the camera's distance does not matter."""
        return self.speeds[name] / self.body_px


def measure(
    tracked: Tracked, track: Track, min_score: float = 0.2, window_s: float = WINDOW_S
) -> Measures:
    """Measure one person.

    Args:
        tracked: The result.
        track: One of its people.
        min_score: Keypoints below count as not found.
        window_s: Length of the window that a speed is fitted over.
    """
    points = track.sure(min_score)
    times_s = tracked.times_s[track.places]
    angles = {
        name: joint_angle(*(_of(points, tracked.skeleton, (each,)) for each in ends))
        for name, ends in JOINT_ANGLES.items()
        if set(ends) <= set(tracked.skeleton.keypoints)
    }
    shoulders = _of(points, tracked.skeleton, ("left_shoulder", "right_shoulder"))
    hips = _of(points, tracked.skeleton, ("left_hip", "right_hip"))
    angles[TRUNK] = lean(hips, shoulders)
    speeds = {
        name: speed(_of(points, tracked.skeleton, joints), times_s, window_s)
        for name, joints in MOVING.items()
    }
    return Measures(track, times_s, angles, speeds, body_length(points, tracked.skeleton))


def joint_angle(start: DoubleArray, joint: DoubleArray, end: DoubleArray) -> DoubleArray:
    """(M,) degrees between the lines from a joint to two points (M, 2): 0 folded, 180 straight."""
    one, other = start - joint, end - joint
    across = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    along = (one * other).sum(axis=1)
    degrees = np.degrees(np.arctan2(np.abs(across), along))
    nowhere = (np.hypot(*one.T) == 0) | (np.hypot(*other.T) == 0)
    return np.where(nowhere, np.nan, degrees)


def lean(hips: DoubleArray, shoulders: DoubleArray) -> DoubleArray:
    """(M,) degrees from upright: 0 standing, 90 lying, positive to the right of the picture."""
    up = shoulders - hips
    degrees = np.degrees(np.arctan2(up[:, 0], -up[:, 1]))
    return np.where(np.hypot(*up.T) == 0, np.nan, degrees)


def speed(points: DoubleArray, times_s: DoubleArray, window_s: float = WINDOW_S) -> DoubleArray:
    """How fast a point moves.

    Args:
        points: (M, 2); NaN where not found.
        times_s: (M,) seconds, rising.
        window_s: Frames within half of it on either side take part, and always the neighbours,
            unless the person was away between.

    Returns:
        (M,) units of the points per second; NaN where the point was not found or fewer than three
        frames take part. A person who was away leaves a gap, never a leap.
    """
    count = len(times_s)
    found = np.all(np.isfinite(points), axis=1)
    values = np.where(found[:, None], points, 0.0)
    # Per frame: number of neighbours, sums of times (relative to the frame), values, squares.
    n, st, stt = (np.zeros(count) for _ in range(3))
    sv, stv = np.zeros((count, 2)), np.zeros((count, 2))
    usual_step_s = float(np.median(np.diff(times_s))) if count > 1 else 0.0
    half_s = max(window_s / 2, 1.5 * usual_step_s) + 1e-6
    last = np.searchsorted(times_s, times_s + half_s, side="right") - 1
    reach = int((last - np.arange(count)).max(initial=0))  # most neighbours on one side
    for offset in range(-reach, reach + 1):
        here = slice(max(0, -offset), count - max(0, offset))
        there = slice(max(0, offset), count - max(0, -offset))
        relative_s = times_s[there] - times_s[here]
        use = (np.abs(relative_s) <= half_s) & found[there]
        t = np.where(use, relative_s, 0.0)
        n[here] += use
        st[here] += t
        stt[here] += t * t
        sv[here] += np.where(use[:, None], values[there], 0.0)
        stv[here] += t[:, None] * values[there]
    spread = n * stt - st * st
    with np.errstate(invalid="ignore", divide="ignore"):
        slopes = (n[:, None] * stv - st[:, None] * sv) / spread[:, None]
    known = found & (n >= _LEAST_FRAMES) & (spread > 0)
    return np.where(known, np.hypot(slopes[:, 0], slopes[:, 1]), np.nan)


def body_length(points: FloatArray, skeleton: Skeleton) -> float:
    """Height of the standing person in pixels, from the lengths of the body's parts.

    Parts that point at the camera look too short, never too long; so each part counts with its
    90th percentile over time. Where legs are out of sight the torso has to do.

    Args:
        points: (M, K, 2) keypoints; NaN where not found.
        skeleton: What they are.
    """
    shoulders = _of(points, skeleton, ("left_shoulder", "right_shoulder"))
    hips = _of(points, skeleton, ("left_hip", "right_hip"))
    torso = _usual_length(hips - shoulders)
    legs = []
    for start, end in (("hip", "knee"), ("knee", "ankle")):
        both = [
            _usual_length(
                _of(points, skeleton, (f"{side}_{start}",))
                - _of(points, skeleton, (f"{side}_{end}",))
            )
            for side in ("left", "right")
        ]
        known = [length for length in both if np.isfinite(length)]
        legs.append(float(np.mean(known)) if known else np.nan)
    whole = torso + sum(legs)
    if np.isfinite(whole):
        return whole / _SHOULDERS_TO_ANKLES
    return torso / _SHOULDERS_TO_HIPS


def _usual_length(lines: DoubleArray) -> float:
    lengths = np.hypot(lines[:, 0], lines[:, 1])
    lengths = lengths[np.isfinite(lengths)]
    return float(np.percentile(lengths, 90)) if len(lengths) else np.nan


def _of(points: FloatArray, skeleton: Skeleton, names: tuple[str, ...]) -> DoubleArray:
    """(M, 2) middle of some keypoints; NaN where one of them was not found, or is unknown."""
    if not set(names) <= set(skeleton.keypoints):
        return np.full((len(points), 2), np.nan)
    chosen = [skeleton.keypoints.index(name) for name in names]
    middle: DoubleArray = points[:, chosen].astype(np.float64).mean(axis=1)
    return middle
