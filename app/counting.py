"""Who of all that a detector boxes counts as a person, by limits that may change meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from app.dials import Dials
from app.steps.doubtful import DOUBT, Doubtful, looked_at, looked_at_on_demand
from app.steps.privacy import HIDING_SCORE
from pose.types import Boxes, Frame, IntArray, Poses

MOST_PEOPLE = 100  # what a detector gives where it is decided later who counts


class Counting:
    """Sorts boxes, and the poses in them, into people and those who are to be doubted.

    Args:
        dials: The limits, as they are now.
        hides: Whether faces are hidden now: then there must be a pose in every box that may be
            somebody, and who counts is decided after that.
    """

    def __init__(
        self, dials: Callable[[], Dials], hides: Callable[[], bool] = lambda: False
    ) -> None:
        self._dials, self.hides = dials, hides
        self._least_before = np.inf

    def boxes(self, found: Sequence[Boxes]) -> tuple[tuple[Boxes, ...], tuple[Boxes, ...]]:
        """Sort a detector's boxes, which come best first.

        Exact: neither suppression nor the count of the best asks for what is less sure than a box.

        Returns:
            Per frame the boxes that get a pose, and those that get one only where a person is
            missed.
        """
        limits = self._dials()
        if self.hides():
            low = min(HIDING_SCORE, limits.min_score)
            limits = replace(limits, min_score=low, max_people=MOST_PEOPLE)
            return tuple(_counted(each, limits) for each in found), (Boxes.empty(),) * len(found)
        return tuple(_counted(each, limits) for each in found), tuple(
            each[_doubted(each, limits)] for each in found
        )

    def people(self, poses: Poses) -> Poses:
        """Those of one frame who count, best first."""
        limits = self._dials()
        return poses[poses.boxes.scores >= limits.min_score][: limits.max_people]

    def doubtful(
        self,
        frame: Frame,
        poses: Poses,
        doubted: Boxes,
        estimate: Callable[[Sequence[Frame], Sequence[Boxes]], list[Poses]],
    ) -> Doubtful:
        """Whom the tracker may ask for where it misses somebody; called frame after frame.

        Whoever raises the limit wants some people gone: they are not looked for at that moment.

        Args:
            frame: Where.
            poses: All poses of the frame.
            doubted: The boxes that got none.
            estimate: Finds the poses in them.
        """
        limits, before = self._dials(), self._least_before
        self._least_before = limits.min_score
        if limits.min_score > before:
            return looked_at(poses[:0])
        low = poses[_doubted(poses.boxes, limits)]
        return looked_at(low) if len(low) else looked_at_on_demand(frame, doubted, estimate)


def _counted(boxes: Boxes, limits: Dials) -> Boxes:
    return boxes[boxes.scores >= limits.min_score][: limits.max_people]


def _doubted(boxes: Boxes, limits: Dials) -> IntArray:
    """Which ones; never so many that there would be more people than asked for."""
    scores, least = boxes.scores, limits.min_score
    room = max(0, limits.max_people - int((scores >= least).sum()))
    return np.flatnonzero((scores >= least - DOUBT) & (scores < least))[:room]
