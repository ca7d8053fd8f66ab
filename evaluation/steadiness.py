"""How steady keypoints stand where nothing moves, and how late smoothing makes them.

Jitter: a photograph becomes a still clip by fresh sensor noise in every frame; what moves then is
noise. Lag: joints that move at a known speed go through the smoother alone; how far it stays
behind, over how far they go in a frame, is its lag in frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.steps.smooth import TrackSmoother
from app.steps.track import Tracker
from evaluation.disturb import compressed, noisy
from pose.ranking import SEEN
from pose.skeleton import Skeleton
from pose.types import Boxes, ByteArray, Frame, Poses, Tracks

FPS = 30.0
SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0)  # persons' heights a second: shifting, walking, running, waving
_SETTLED = 60  # frames after which the filter has forgotten its start
_HEIGHT_PX = 400.0

Finder = Callable[[Frame], Poses]


@dataclass(frozen=True, slots=True)
class Jitter:
    """Mean speed of keypoints that ought to rest.

    Attributes:
        pixels: Per frame, as found.
        smooth_pixels: Per frame, smoothed.
        share: `pixels` in persons' heights.
        smooth_share: `smooth_pixels` in persons' heights.
        people: How many were watched.
        steps: Keypoints times frames that the means are of.
    """

    pixels: float
    smooth_pixels: float
    share: float
    smooth_share: float
    people: int
    steps: int


def still_clip(
    image: ByteArray, frames: int, rng: np.random.Generator, spread: float = 4.0, quality: int = 85
) -> Iterator[Frame]:
    """A photograph as a webcam on a tripod would show it: noise anew in every frame, and JPEG."""
    pack = compressed(quality)
    for index in range(frames):
        yield Frame(index, index / FPS, pack(noisy(image, spread, rng)))


def jitter(
    images: Sequence[ByteArray], find: Finder, skeleton: Skeleton, frames: int, seed: int = 0
) -> Jitter:
    """Watch the people of photographs who do not move.

    Args:
        images: Photographs.
        find: Frame -> poses, as the application does it.
        skeleton: The poses'.
        frames: Length of each clip.
        seed: Of the noise.

    Returns:
        Means over all keypoints that were seen in two frames in a row of one person; NaN if none.
    """
    steps: list[npt.NDArray[np.float64]] = []  # (n, 2): raw and smooth, pixels
    shares: list[npt.NDArray[np.float64]] = []
    people = 0
    for number, image in enumerate(images):
        rng = np.random.default_rng([seed, number])
        tracker, smoother = Tracker(skeleton), TrackSmoother()
        before: tuple[Tracks, Tracks] | None = None
        ids: set[int] = set()
        for frame in still_clip(image, frames, rng):
            tracks = tracker(frame, find(frame))
            now = (tracks, smoother(frame, tracks))
            ids.update(tracks.ids.tolist())
            if before is not None:
                moved, heights = _steps(before, now)
                steps.append(moved)
                shares.append(moved / heights[:, None])
            before = now
        people += len(ids)
    pixels = np.concatenate(steps) if steps else np.zeros((0, 2))
    parts = np.concatenate(shares) if shares else np.zeros((0, 2))
    if not len(pixels):
        nothing = float("nan")
        return Jitter(nothing, nothing, nothing, nothing, people, 0)
    raw, smooth = pixels.mean(axis=0).tolist()
    share, smooth_share = parts.mean(axis=0).tolist()
    return Jitter(raw, smooth, share, smooth_share, people, len(pixels))


def _steps(
    before: tuple[Tracks, Tracks], now: tuple[Tracks, Tracks]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How far each keypoint went, raw and smooth (n, 2), and its person's height (n,)."""
    _, old, new = np.intersect1d(before[0].ids, now[0].ids, return_indices=True)
    seen = (before[0].poses.scores[old] >= SEEN) & (now[0].poses.scores[new] >= SEEN)
    moved = [
        np.linalg.norm(after.poses.keypoints[new] - first.poses.keypoints[old], axis=2)[seen]
        for first, after in zip(before, now, strict=True)
    ]
    xyxy = now[0].poses.boxes.xyxy[new].astype(np.float64)
    heights = np.maximum((xyxy[:, 3] - xyxy[:, 1])[:, None] * np.ones(seen.shape[1]), 1)[seen]
    both = np.stack(moved, axis=1).astype(np.float64)
    known = np.isfinite(both).all(axis=1)
    return both[known], heights[known]


def lag(speed: float, fps: float = FPS, keypoints: int = 17) -> float:
    """How many frames the smoother stays behind joints that move evenly.

    Args:
        speed: Persons' heights a second.
        fps: Frames a second.
        keypoints: K.
    """
    smoother = TrackSmoother()
    step_px = speed * _HEIGHT_PX / fps
    behind_px = 0.0
    for index in range(_SETTLED + 30):
        points = np.zeros((1, keypoints, 2), np.float32)
        points[..., 0] = index * step_px
        x = index * step_px
        xyxy = np.array([[x - 50, -_HEIGHT_PX / 2, x + 50, _HEIGHT_PX / 2]], np.float32)
        poses = Poses(
            points, np.ones((1, keypoints), np.float32), Boxes(xyxy, np.ones(1, np.float32))
        )
        frame = Frame(index, index / fps, np.zeros((2, 2, 3), np.uint8))
        smooth = smoother(frame, Tracks(np.ones(1, np.int64), poses))
        behind_px = float(points[0, 0, 0] - smooth.poses.keypoints[0, 0, 0])
    return behind_px / step_px
