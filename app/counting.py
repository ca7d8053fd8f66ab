"""Who of all that a detector boxes counts as a person, by limits that may change meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from app.dials import Dials
from app.steps.doubtful import DOUBT, Doubtful, doubtful
from app.steps.privacy import HIDING_SCORE
from pose.types import Boxes, Frame, Poses

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
        counted, low = limits, limits.min_score
        if self.hides():
            low = min(HIDING_SCORE, low)
            counted = replace(limits, min_score=low, max_people=MOST_PEOPLE)
        doubted = (each[_doubted(each, limits)] for each in found)
        return (
            tuple(_counted(each, counted) for each in found),
            tuple(each[each.scores < low] for each in doubted),
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
    ) -> Doubtful | None:
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
            return None
        room = max(0, limits.max_people - int((poses.boxes.scores >= limits.min_score).sum()))
        low = poses[_doubted(poses.boxes, limits)]
        return doubtful(frame, low, doubted, estimate, room)


def _counted(boxes: Boxes, limits: Dials) -> Boxes:
    return boxes[boxes.scores >= limits.min_score][: limits.max_people]


def _doubted(boxes: Boxes, limits: Dials) -> npt.NDArray[np.bool_]:
    least = limits.min_score
    told: npt.NDArray[np.bool_] = (boxes.scores >= least - DOUBT) & (boxes.scores < least)
    return told
