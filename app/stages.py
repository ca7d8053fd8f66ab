"""The stages of a pipeline: steps with their names, their networks and their memory.

The only file that knows all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from app.counting import MOST_PEOPLE, Counting
from app.dials import Dials
from app.follower import Follower, PoseEstimator
from app.networks import person_detector, pose_estimator
from app.people import PeopleConfig
from app.pipeline.strip import Stage, Strip
from app.sinks.sink import Sink
from app.steps.detect import PersonDetector
from app.steps.doubtful import DOUBT
from app.steps.draw import DrawStyle
from app.steps.paint import Painter
from app.steps.privacy import HIDING_SCORE
from app.steps.smooth import TrackSmoother
from app.steps.track import Tracker
from pose.skeleton import Skeleton

# What a detector gives where dials choose among it, and for doubtful boxes: suppression among all
# that lies below takes longer than finding it.
_LOWEST_SCORE = 0.05


class Stages:
    """Makes each stage afresh, with networks and memory of its own.

    Args:
        config: How people are found.
        skeleton: Of their poses.
        sinks: Get every finished scene.
        engine: Options of the networks' engines.
        style: What is drawn, asked for every strip.
        dials: Asked in place of what the config says about the same; None where nothing changes.
        drawn: Whether anybody wants pictures with skeletons.
    """

    def __init__(
        self,
        config: PeopleConfig,
        skeleton: Skeleton,
        sinks: Sequence[Sink],
        engine: dict[str, Any],
        style: Callable[[], DrawStyle],
        dials: Callable[[], Dials] | None,
        drawn: bool,
    ) -> None:
        fixed = Dials(min_score=config.min_score, max_people=config.max_people)
        self._config, self._skeleton, self._sinks = config, skeleton, sinks
        self._engine, self._style, self._dials = engine, style, dials
        self._counting = Counting(
            dials or (lambda: fixed), lambda: drawn and style().privacy == "faces"
        )

    def makers(self) -> dict[str, Callable[[], Stage]]:
        """A function for each stage, by name, in the order that data takes."""
        return {
            "detect": self.detect,
            "estimate": self.estimate,
            "follow": self.follow,
            "track": self.track,
            "smooth": self.smooth,
            "draw": self.draw,
            "write": self.write,
        }

    def detect(self) -> Stage:
        """Frames -> boxes."""
        step = self._detector()

        def work(strip: Strip) -> Strip:
            boxes, doubted = self._counting.boxes(step(strip.frames))
            return replace(strip, boxes=boxes, doubted=doubted)

        return Stage("detect", work, (step,))

    def estimate(self) -> Stage:
        """Boxes -> poses."""
        step = self._estimator()

        def work(strip: Strip) -> Strip:
            return replace(strip, poses=tuple(step(strip.frames, strip.boxes)))

        return Stage("estimate", work, (step,))

    def follow(self) -> Stage:
        """Frames -> tracks, with boxes of the tracker between detections."""
        detector, estimator = self._detector(), self._estimator()
        follower = Follower(
            detector, estimator, Tracker(self._skeleton), self._config.detect_every, self._counting
        )
        return Stage("follow", follower, (detector, estimator))

    def track(self) -> Stage:
        """Poses -> tracks; looks again where somebody is missed."""
        tracker, again = Tracker(self._skeleton), self._estimator()
        counting = self._counting

        def work(strip: Strip) -> Strip:
            tracks = [
                tracker(
                    frame,
                    counting.people(poses),
                    doubtful=counting.doubtful(frame, poses, doubted, again),
                )
                for frame, poses, doubted in zip(
                    strip.frames, strip.poses, strip.doubted, strict=True
                )
            ]
            return replace(strip, tracks=tuple(tracks))

        return Stage("track", work, (again,))

    def smooth(self) -> Stage:
        """Tracks -> the same, calmer."""
        step = TrackSmoother()

        def work(strip: Strip) -> Strip:
            if self._dials is not None and not self._dials().smooth:
                return strip
            return replace(strip, tracks=tuple(map(step, strip.frames, strip.tracks)))

        return Stage("smooth", work)

    def draw(self) -> Stage:
        """Tracks -> pictures with skeletons."""
        paint_one = Painter(self._skeleton)

        def work(strip: Strip) -> Strip:
            now = self._style()
            everybody = zip(strip.frames, strip.tracks, strip.poses, strict=True)
            drawings = tuple(
                paint_one(frame, tracks, now, poses) for frame, tracks, poses in everybody
            )
            return replace(strip, drawings=drawings)

        return Stage("draw", work)

    def write(self) -> Stage:
        """Scenes -> sinks."""

        def work(strip: Strip) -> Strip:
            for scene in strip.scenes():
                for sink in self._sinks:
                    sink(scene)
            return strip

        return Stage("write", work, tuple(self._sinks))

    def _detector(self) -> PersonDetector:
        config = self._config
        doubted = max(_LOWEST_SCORE, config.min_score - DOUBT)
        low = min(HIDING_SCORE, config.min_score, doubted)
        if self._dials is not None:
            low = min(_LOWEST_SCORE, low)
        most = max(MOST_PEOPLE, config.max_people)
        return person_detector(config, low, most, **self._engine)

    def _estimator(self) -> PoseEstimator:
        return pose_estimator(self._config, **self._engine)
