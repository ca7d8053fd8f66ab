"""Detecting in every n-th frame and following people between: the one loop in the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from app.counting import Counting
from app.pipeline.strip import Strip
from app.steps.ensemble import EnsembleEstimator
from app.steps.estimate import CropEstimator
from app.steps.track import Tracker
from pose.types import Boxes, Frame, Poses, Tracks

PoseEstimator = CropEstimator | EnsembleEstimator


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
        counting: Counting,
    ) -> None:
        """Take the steps.

        Args:
            detector: Frames -> boxes.
            estimator: Frames and boxes -> poses.
            tracker: Names people, and says where they will be.
            every: Frames from one detection to the next.
            counting: Who counts of those whom the detector boxes. While it hides faces every
                frame is looked at: those of people without an id are only hidden where somebody
                looks for them.
        """
        self._detector, self._estimator, self._tracker = detector, estimator, tracker
        self._every, self._counting = every, counting
        self._seen = 0

    def __call__(self, strip: Strip) -> Strip:
        """Track the people of each frame."""
        found = [self._follow(frame) for frame in strip.frames]
        poses, tracks = zip(*found, strict=True)
        return replace(strip, poses=poses, tracks=tracks)

    def _follow(self, frame: Frame) -> tuple[Poses, Tracks]:
        counting = self._counting
        look = self._seen % self._every == 0 or frame.alone or counting.hides()
        self._seen += 1
        if not look:
            (poses,) = self._estimator([frame], [self._tracker.predicted(frame.time_s)])
            return poses, self._tracker(frame, poses, detected=False)
        (boxes,), (doubted,) = counting.boxes(self._detector([frame]))
        (poses,) = self._estimator([frame], [boxes])
        doubtful = counting.doubtful(frame, poses, doubted, self._estimator)
        return poses, self._tracker(frame, counting.people(poses), doubtful=doubtful)
