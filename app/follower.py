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
        who_counts: Callable[[Poses], Poses] = lambda poses: poses,
        always: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take the steps.

        Args:
            detector: Frames -> boxes.
            estimator: Frames and boxes -> poses.
            tracker: Names people, and says where they will be.
            every: Frames from one detection to the next.
            who_counts: Of the poses in a detector's boxes, those that are tracked.
            always: Whether to detect in every frame meanwhile: faces of people without an id are
                only hidden where somebody looks for them.
        """
        self._detector, self._estimator, self._tracker = detector, estimator, tracker
        self._every, self._who_counts, self._always = every, who_counts, always
        self._seen = 0

    def __call__(self, strip: Strip) -> Strip:
        """Track the people of each frame."""
        found = [self._follow(frame) for frame in strip.frames]
        poses, tracks = zip(*found, strict=True)
        return replace(strip, poses=poses, tracks=tracks)

    def _follow(self, frame: Frame) -> tuple[Poses, Tracks]:
        detected = self._seen % self._every == 0 or frame.alone or self._always()
        self._seen += 1
        if detected:
            (boxes,) = self._detector([frame])
        else:
            boxes = self._tracker.predicted(frame.time_s)
        (poses,) = self._estimator([frame], [boxes])
        followed = self._who_counts(poses) if detected else poses
        return poses, self._tracker(frame, followed, detected)
