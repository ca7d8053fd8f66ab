"""Detecting in every n-th frame and following people between: the one loop in the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from app.dials import Dials
from app.pipeline.strip import Strip
from app.steps.ensemble import EnsembleEstimator
from app.steps.estimate import CropEstimator
from app.steps.track import Tracker
from pose.types import Boxes, Frame, Poses, Tracks

PoseEstimator = CropEstimator | EnsembleEstimator


def chosen(found: Sequence[Boxes], dials: Dials) -> list[Boxes]:
    """What a detector with these limits would have given of boxes, best first, with looser ones.

    Exact: neither suppression nor the count of the best asks for what is less sure than a box.
    """
    return [boxes[boxes.scores >= dials.min_score][: dials.max_people] for boxes in found]


class Follower:
    """Detects in every n-th frame; between, the tracker says where to look for each person.

    Does the work of `detect`, `estimate` and `track` frame by frame, because the boxes of each
    frame come out of the frame before.
    """

    def __init__(
        self,
        detector: Callable[[Sequence[Frame]], list[Boxes]],
        estimator: PoseEstimator,
        tracker: Tracker,
        every: int,
    ) -> None:
        self._detector, self._estimator, self._tracker = detector, estimator, tracker
        self._every = every
        self._seen = 0

    def __call__(self, strip: Strip) -> Strip:
        """Track the people of each frame."""
        found = [self._follow(frame) for frame in strip.frames]
        poses, tracks = zip(*found, strict=True)
        return replace(strip, poses=poses, tracks=tracks)

    def _follow(self, frame: Frame) -> tuple[Poses, Tracks]:
        detected = self._seen % self._every == 0 or frame.alone
        self._seen += 1
        if detected:
            (boxes,) = self._detector([frame])
        else:
            boxes = self._tracker.predicted(frame.time_s)
        (poses,) = self._estimator([frame], [boxes])
        return poses, self._tracker(frame, poses, detected)
